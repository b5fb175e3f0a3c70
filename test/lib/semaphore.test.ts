import { setImmediate as turn } from 'node:timers/promises'
import { expect } from 'chai'
import { Semaphore } from '../../src/lib/semaphore.js'

const never = new AbortController().signal

describe('a semaphore', () => {
  it('has no more room than it has, unless for one, and keeps the order', async () => {
    const semaphore = new Semaphore(9, 10)
    const ends = new Map<string, () => void>()
    const told: string[] = []
    const enter = (name: string, weight: number, signal = never): Promise<void> =>
      semaphore.run(() => new Promise((resolve) => ends.set(name, resolve)), {
        weight,
        signal,
        told: (ahead) => told.push(`${name} ${String(ahead)}`),
      })
    const leave = new AbortController()
    const large = enter('large', 25)
    const [half, more, none] = [enter('half', 5), enter('more', 6, leave.signal), enter('none', 0)]
    more.catch(() => undefined)
    await turn()
    expect([[...ends.keys()], told]).to.deep.equal([['large'], ['half 1', 'more 2', 'none 3']])
    ends.get('large')?.()
    await large
    await turn()
    expect([...ends.keys()], 'nobody overtakes').to.deep.equal(['large', 'half'])
    leave.abort(new Error('left'))
    await turn()
    expect([...ends.keys()]).to.deep.equal(['large', 'half', 'none'])
    ends.get('half')?.()
    ends.get('none')?.()
    await Promise.all([half, none])
  })

  it('lets so many through, in order, and tell who waits how many are ahead', async () => {
    const semaphore = new Semaphore(2)
    const told: string[] = []
    const ends = new Map<string, () => void>()
    const enter = (name: string, signal = never): Promise<void> =>
      semaphore.run(() => new Promise((resolve) => ends.set(name, resolve)), {
        signal,
        told: (ahead) => told.push(`${name} ${String(ahead)}`),
      })
    const leave = new AbortController()
    const [a, b, c, d, e] = [enter('a'), enter('b'), enter('c'), enter('d', leave.signal), enter('e')]
    leave.abort(new Error('left'))
    expect(await d.catch((error: unknown) => (error as Error).message)).to.equal('left')
    expect(told).to.deep.equal(['c 2', 'd 3', 'e 4', 'e 3'])
    ends.get('a')?.()
    await a
    expect(told.at(-1)).to.equal('e 2')
    ends.get('b')?.()
    ends.get('c')?.()
    await Promise.all([b, c])
    ends.get('e')?.()
    await e
    await semaphore.run(() => Promise.resolve(), { told: () => told.push('nobody') })
    expect(told).to.not.include('nobody')
  })

  it('runs no more tasks than that, and goes on after one that fails', async () => {
    const semaphore = new Semaphore(2)
    let inside = 0
    let most = 0
    const visit = () =>
      semaphore.run(async () => {
        most = Math.max(most, ++inside)
        await turn()
        inside--
      })
    await Promise.all([
      visit(),
      visit(),
      visit(),
      semaphore.run(() => Promise.reject(new Error('no'))).catch(() => undefined),
      visit(),
    ])
    expect(most).to.equal(2)
    await visit()
  })
})
