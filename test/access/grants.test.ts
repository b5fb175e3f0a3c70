import { expect } from 'chai'
import { Grants } from '../../src/access/grants.js'
import { tokenId, type Token } from '../../src/store/tokens.js'
import { storeRig, type StoreRig } from '../store/rig.js'

describe('what is open with a token', function () {
  this.timeout(10_000)
  let rig: StoreRig
  before(async () => {
    rig = await storeRig()
  })
  after(async () => {
    await rig.store.notifications.close()
    await rig[Symbol.asyncDispose]()
  })

  const make = async (name: string, ms: number | null = null): Promise<Token> => {
    const expiresAt = ms === null ? null : new Date(Date.now() + ms).toISOString()
    const id = tokenId((await rig.store.tokens.create(name, expiresAt)).reveal())
    return { id, name, createdAt: '', expiresAt }
  }
  /** Something that goes on until it is ended. */
  const open = (grants: Grants, token: Token) => {
    const ended = Promise.withResolvers<string>()
    const begun = Promise.withResolvers<null>()
    const done = grants.during(
      token,
      () => ended.resolve('ended'),
      async () => {
        begun.resolve(null)
        return ended.promise
      },
    )
    return { begun: begun.promise, done }
  }

  it('ends when the token is revoked, in whichever process, and no other', async () => {
    const grants = new Grants(rig.store)
    const [ada, bob] = [await make('ada'), await make('bob')]
    const [one, two] = [open(grants, ada), open(grants, ada)]
    const others: string[] = []
    const gate = Promise.withResolvers<string>()
    const other = grants.during(
      bob,
      () => others.push('ended'),
      () => gate.promise,
    )
    await Promise.all([one.begun, two.begun])
    await rig.other.tokens.revoke('ada')
    expect(await Promise.all([one.done, two.done])).to.deep.equal(['ended', 'ended'])
    gate.resolve('well')
    expect([await other, others]).to.deep.equal(['well', []])
  })

  it('ends when the token expires, and not before', async () => {
    const grants = new Grants(rig.store)
    const short = await make('short', 80)
    expect(await open(grants, short).done).to.equal('ended')
    expect(Date.now(), 'a timer may be early by one').to.be.at.least(Date.parse(short.expiresAt ?? '') - 5)
    const long = await make('long', 2 ** 31 * 3) // more than a timer counts
    let ends = 0
    const passed = await grants.during(
      long,
      () => (ends += 1),
      () => new Promise((done) => setTimeout(done, 20, 'passed')),
    )
    expect([passed, ends]).to.deep.equal(['passed', 0])
  })

  it('does not outlive a token that went before anybody listened', async () => {
    const gone = await make('gone')
    await rig.other.tokens.revoke('gone')
    expect(await open(new Grants(rig.store), gone).done).to.equal('ended')
    const late = await make('late', -1000)
    expect(await open(new Grants(rig.store), late).done).to.equal('ended')
  })

  it('does not outlive one that was revoked while Redis could not say so', async () => {
    const grants = new Grants(rig.store)
    const [lost, kept] = [await make('lost'), await make('kept')]
    const one = open(grants, lost)
    let ends = 0
    const gate = Promise.withResolvers<null>()
    const other = grants.during(
      kept,
      () => (ends += 1),
      () => gate.promise,
    )
    await one.begun
    // as when the word of it was on its way over a connection that broke
    const [hash = ''] = (await rig.other.redis.hkeys('tokens')).filter((key) => key.startsWith(lost.id))
    await rig.other.redis.hdel('tokens', hash)
    await rig.other.redis.call('client', 'kill', 'type', 'pubsub')
    expect(await one.done).to.equal('ended')
    gate.resolve(null)
    await other
    expect(ends).to.equal(0)
  })

  it('is what it was for, whether that succeeds or fails', async () => {
    const grants = new Grants(rig.store)
    const token = await make('plain')
    const end = () => undefined
    expect(await grants.during(token, end, () => Promise.resolve(7))).to.equal(7)
    const fail = () => Promise.reject(new Error('no'))
    expect(await grants.during(token, end, fail).catch((error: unknown) => (error as Error).message)).to.equal('no')
  })
})
