import { expect } from 'chai'
import { Channel } from '../../src/scheduler/channel.js'

/** Whether a promise has settled, once all that is to come has come. */
async function settles(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  void promise.then(() => (settled = true))
  await new Promise((resolve) => setImmediate(resolve))
  return settled
}

describe('a channel', () => {
  it('is read in order, by who comes first or last, to its end', async () => {
    const channel = new Channel<number>()
    channel.push(1)
    const read = Array.fromAsync(channel)
    await new Promise((resolve) => setImmediate(resolve))
    channel.push(2)
    channel.push(3)
    channel.end()
    expect(await read).to.deep.equal([1, 2, 3])
  })

  it('ends though nothing was ever in it, and though it had ended before it was read', async () => {
    const [empty, ended] = [new Channel<number>(), new Channel<number>()]
    const read = Array.fromAsync(empty)
    empty.end()
    ended.push(1)
    ended.end()
    expect([await read, await Array.fromAsync(ended)]).to.deep.equal([[], [1]])
  })

  for (const [what, count, cost] of [
    ['many values', 1_000, 0],
    ['a large one', 1, 4 * 1024 * 1024],
  ] as const)
    it(`has no room while it holds ${what}, until its reader has caught up`, async () => {
      const channel = new Channel<number>()
      await channel.room()
      for (let at = 0; at < count; at += 1) channel.push(at, cost)
      const waiting = [channel.room(), channel.room()]
      expect(await settles(Promise.race(waiting))).to.equal(false)
      const reader = channel[Symbol.asyncIterator]()
      for (let at = 0; at < count; at += 1) expect((await reader.next()).value).to.equal(at)
      const next = reader.next()
      await Promise.all(waiting)
      await channel.room()
      channel.end()
      expect((await next).done).to.equal(true)
    })

  it('lets go who waits for room when it ends', async () => {
    const channel = new Channel<string>()
    channel.push('x', Infinity)
    const waiting = channel.room()
    channel.end()
    await waiting
    await channel.room()
  })
})
