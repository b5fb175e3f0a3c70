import { expect } from 'chai'
import { setTimeout as sleep } from 'node:timers/promises'
import type * as memory from '../../../src/engine/kernel/memory.js'

// one of its own: threads of other tests may be alive in this process
const alone = new URL('../../../src/engine/kernel/memory.ts?alone', import.meta.url).href
const { busy, threadBegins, threadEnded } = (await import(alone)) as typeof memory

describe('memory', () => {
  /** Something that nobody holds. */
  const left = (): WeakRef<object> => new WeakRef({ big: Array.from({ length: 1000 }, String) })

  it('that work has left is given back once there is nothing to do', async () => {
    const garbage = left()
    busy(1)
    for (const deadline = Date.now() + 2000; garbage.deref() && Date.now() < deadline;) await sleep(5)
    expect(garbage.deref()).to.equal(undefined)
  })

  it('is not while there is', async () => {
    const garbage = left()
    for (let n = 0; n < 5; n++) {
      busy(60)
      await sleep(10)
    }
    expect(garbage.deref()).to.be.an('object')
  })

  it('is not while a thread runs, whose code V8’s flags are as well', async () => {
    const garbage = left()
    threadBegins()
    busy(1)
    await sleep(60)
    expect(garbage.deref()).to.be.an('object')
    threadEnded()
    busy(1)
    for (const deadline = Date.now() + 2000; garbage.deref() && Date.now() < deadline;) await sleep(5)
    expect(garbage.deref()).to.equal(undefined)
  })
})
