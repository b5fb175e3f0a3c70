import { expect } from 'chai'
import { isExpired, revocations, tokenId } from '../../src/store/tokens.js'
import { refusals, storeRig, type StoreRig } from './rig.js'

describe('tokens', function () {
  this.timeout(20_000)
  let rig: StoreRig
  before(async () => {
    rig = await storeRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  it('are good until they are revoked or expire, in every process', async () => {
    const { store, other } = rig
    const secret = (await store.tokens.create('ada')).reveal()
    const known = await other.tokens.verify(secret)
    expect(known).to.include({ id: tokenId(secret), name: 'ada', expiresAt: null })
    if (!known) return
    expect(await other.tokens.isGood(known)).to.equal(true)
    const heard = Promise.withResolvers<string>()
    await other.notifications.subscribe(revocations, heard.resolve)
    expect((await store.tokens.revoke('ada')).id).to.equal(known.id)
    expect(await heard.promise).to.equal(known.id)
    await other.notifications.close()
    expect([await other.tokens.verify(secret), await other.tokens.isGood(known)]).to.deep.equal([null, false])
    expect(await store.redis.hexists('tokens:used', known.id)).to.equal(0)
  })

  it('expire at their time, to the millisecond, and a time that is none is never', async () => {
    const at = (expiresAt: string | null) => isExpired({ id: '', name: '', createdAt: '', expiresAt })
    expect(at(new Date(Date.now()).toISOString())).to.equal(true)
    expect([at(new Date(Date.now() + 60_000).toISOString()), at(null)]).to.deep.equal([false, false])
    const late = (await rig.store.tokens.create('late', new Date(Date.now() - 1).toISOString())).reveal()
    expect(await rig.other.tokens.verify(late)).to.equal(null)
    expect((await rig.store.tokens.list()).map(({ name }) => name)).to.include('late')
  })

  it('are nowhere in the store, and unlike each other', async () => {
    const { store } = rig
    const made = await Promise.all(Array.from({ length: 50 }, () => store.tokens.create('many')))
    const secrets = made.map((token) => token.reveal())
    expect(new Set(secrets.map(tokenId)).size).to.equal(50)
    expect(JSON.stringify(made)).to.not.include(secrets[0])
    const stored = JSON.stringify([await store.redis.hgetall('tokens'), await store.redis.hgetall('tokens:used')])
    for (const secret of secrets) expect(stored).to.not.include(secret.slice(6))
    for (const wrong of ['', 'berth_', `${secrets[0] ?? ''} `, (secrets[0] ?? '').toUpperCase(), '\0', 'x'.repeat(1e6)])
      expect(await store.tokens.verify(wrong), wrong.slice(0, 60)).to.equal(null)
  })

  it('are named by their id, or by a name that no other has', async () => {
    const { tokens } = rig.store
    const [one, two] = [await tokens.create('twin'), await tokens.create('twin')].map((token) => token.reveal())
    const odd = await tokens.create(tokenId(one ?? '')) // called like another's id
    expect(await refusals([tokens.revoke('twin'), tokens.revoke(''), tokens.revoke('constructor')])).to.deep.equal([
      ...['several tokens are named "twin"', 'no token ""', 'no token "constructor"'],
    ])
    expect((await tokens.revoke(tokenId(one ?? ''))).name).to.equal('twin')
    expect(await tokens.verify(odd.reveal()), 'the id goes before the name').to.not.equal(null)
    expect((await tokens.revoke('twin')).id).to.equal(tokenId(two ?? ''))
  })

  it('are listed oldest first, with when they were last used', async () => {
    const { store, other } = rig
    const secret = (await store.tokens.create('used')).reveal()
    const find = async () => (await store.tokens.list()).find(({ name }) => name === 'used')
    expect(await find()).to.include({ lastUsedAt: null })
    await other.tokens.verify(secret)
    expect(Date.parse((await find())?.lastUsedAt ?? '')).to.be.closeTo(Date.now(), 60_000)
    const times = (await store.tokens.list()).map(({ createdAt }) => createdAt)
    expect(times).to.deep.equal([...times].sort())
  })

  it('of a Berth that knew no end of them never expire', async () => {
    const { redis, tokens } = rig.store
    const [hash = ''] = await redis.hkeys('tokens')
    await redis.hset('tokens', hash, '{"name":"old","createdAt":"2025-01-01T00:00:00.000Z"}')
    expect((await tokens.list())[0]).to.include({ name: 'old', expiresAt: null })
  })
})
