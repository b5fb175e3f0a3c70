import { expect } from 'chai'
import { Slots } from '../../src/queue/slots.js'
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

describe('slots', () => {
  it('let so many through, in order, and tell who waits how many are ahead', async () => {
    const slots = new Slots(2)
    const told: string[] = []
    const ends = new Map<string, () => void>()
    const enter = (name: string, signal = never): Promise<void> =>
      slots.run(
        signal,
        (ahead) => told.push(`${name} ${String(ahead)}`),
        () => new Promise((resolve) => ends.set(name, resolve)),
      )
    const leave = new AbortController()
    const [a, b, c, d, e] = [enter('a'), enter('b'), enter('c'), enter('d', leave.signal), enter('e')]
    leave.abort(new Error('left'))
    expect(await refusal(d)).to.equal('left')
    expect(told).to.deep.equal(['c 2', 'd 3', 'e 4', 'e 3'])
    ends.get('a')?.()
    await a
    expect(told.at(-1)).to.equal('e 2')
    ends.get('b')?.()
    ends.get('c')?.()
    await Promise.all([b, c])
    ends.get('e')?.()
    await e
    await slots.run(
      never,
      () => told.push('nobody'),
      () => Promise.resolve(),
    )
    expect(told).to.not.include('nobody')
  })
})
