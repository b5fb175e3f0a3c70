import { expect } from 'chai'
import { authenticate, bearerOf, passwordOf } from '../../src/access/authenticate.js'
import { storeRig, type StoreRig } from '../store/rig.js'

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`

describe('credentials', () => {
  it('of the API are bearer tokens', () => {
    expect(bearerOf('Bearer abc')).to.equal('abc')
    expect(bearerOf('bearer   abc')).to.equal('abc')
    for (const header of [undefined, '', 'Bearer', 'Bearer a b', 'Basic abc', `Bearer ${'x'.repeat(513)}`])
      expect(bearerOf(header), header).to.equal(null)
  })

  it('of git are passwords, whatever the user name', () => {
    expect(passwordOf(basic('berth:abc'))).to.equal('abc')
    expect(passwordOf(basic(':a:b'))).to.equal('a:b')
    for (const header of [undefined, '', 'Bearer abc', 'Basic %', basic('no colon')])
      expect(passwordOf(header), header).to.equal(null)
  })
})

describe('who asks', function () {
  this.timeout(10_000)
  let rig: StoreRig
  before(async () => {
    rig = await storeRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  const refusal = (credential: string | null): Promise<unknown> =>
    authenticate(rig.store.tokens, credential).then(
      () => 'was let in',
      (error: unknown) => error,
    )

  it('is the holder of a token', async () => {
    const token = await rig.store.tokens.create('ada')
    const caller = await authenticate(rig.other.tokens, token.reveal())
    expect(caller.name).to.equal('ada')
    expect(caller.token).to.include({ name: 'ada', expiresAt: null })
  })

  it('is nobody without a token, with a wrong one, and with one that is good no more', async () => {
    const { tokens } = rig.store
    const revoked = (await tokens.create('revoked')).reveal()
    await tokens.revoke('revoked')
    const expired = (await tokens.create('expired', new Date(Date.now() - 1).toISOString())).reveal()
    for (const credential of [null, '', 'wrong', `${revoked}x`, revoked, expired])
      expect(await refusal(credential), String(credential)).to.have.property('fault', 'unauthenticated')
  })

  it('is not taken for nobody while the store is away', async () => {
    const token = (await rig.store.tokens.create('late')).reveal()
    rig.store.redis.disconnect()
    expect(await refusal(token)).to.not.have.property('fault')
    await rig.store.redis.connect()
    expect((await authenticate(rig.store.tokens, token)).name).to.equal('late')
  })
})
