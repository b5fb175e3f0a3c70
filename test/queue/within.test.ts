import { expect } from 'chai'
import { within, type Limit } from '../../src/queue/within.js'

const limit: Limit = { what: 'the build', ms: 50, setting: 'BERTH_BUILD_LIMIT', heedMs: 50 }
const never = new AbortController().signal
const deaf = (): Promise<never> => new Promise(() => undefined)

const refusal = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'nothing',
    (error: unknown) => (error as Error).message,
  )

describe('a time limit', () => {
  it('lets through what ends in time, well or badly', async () => {
    expect(await within(limit, never, () => Promise.resolve(7))).to.equal(7)
    expect(await refusal(within(limit, never, () => Promise.reject(new Error('no such file'))))).to.equal(
      'no such file',
    )
  })

  it('ends what heeds no signal too', async () => {
    expect(await refusal(within(limit, never, deaf))).to.equal('the build took longer than 1 second and was ended')
    const cancel = new AbortController()
    const cancelled = refusal(within({ ...limit, ms: 60_000 }, cancel.signal, deaf))
    cancel.abort(new Error('cancelled by ada'))
    expect(await cancelled).to.equal('cancelled by ada')
    expect(await refusal(within(limit, cancel.signal, deaf))).to.equal('cancelled by ada')
  })
})
