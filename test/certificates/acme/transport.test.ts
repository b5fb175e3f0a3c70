import { expect } from 'chai'
import { Transport } from '../../../src/certificates/acme/transport.js'
import { is, messageOf } from '../../../src/errors.js'
import { makeLiarKeys, startLiar, type LiarKeys } from '../liar.js'

describe('what is asked of a CA', function () {
  this.timeout(20_000)
  let keys: LiarKeys
  before(async () => {
    keys = await makeLiarKeys()
  })
  after(() => keys[Symbol.asyncDispose]())
  const never = new AbortController().signal

  it('is waited for so long and no longer, and left off when nobody wants it any more', async () => {
    await using liar = await startLiar(keys)
    liar.say('/dir', () => null)
    const refused = async (limit: number, signal: AbortSignal): Promise<string> => {
      using transport = new Transport(liar.ca, limit)
      return await transport.send('GET', liar.directory, null, signal).then(
        () => 'an answer',
        (error: unknown) => `${is(error, 'unavailable') ? 'unavailable' : 'other'}: ${messageOf(error)}`,
      )
    }
    expect(await refused(100, never)).to.match(/^unavailable: the CA at localhost:\d+ does not answer$/)
    const closing = new AbortController()
    liar.say('/dir', () => {
      closing.abort(new Error('the worker stops'))
      return null
    })
    expect(await refused(20_000, closing.signal)).to.equal('other: the worker stops')
  })

  it('goes nowhere else', async () => {
    await using liar = await startLiar(keys)
    liar.say('/dir', () => ({ status: 302, headers: { location: `${liar.url}/elsewhere` } }))
    using transport = new Transport(liar.ca)
    expect((await transport.send('GET', liar.directory, null, never)).status).to.equal(302)
    expect(liar.asked.has('/elsewhere')).to.equal(false)
  })
})
