import { expect } from 'chai'
import { once } from 'node:events'
import { deadline } from '../../src/lib/deadline.js'

describe('a deadline', () => {
  it('aborts when its time is over', async () => {
    using late = deadline(20)
    await once(late.signal, 'abort')
    expect(late.signal.reason).to.have.property('name', 'TimeoutError')
  })

  it('aborts with the first signal, for its reason', () => {
    const left = new AbortController()
    using late = deadline(60_000, new AbortController().signal, left.signal)
    left.abort(new Error('left'))
    expect(late.signal.reason).to.have.property('message', 'left')
  })

  it('keeps its time when nothing else refers to it, and not once disposed', async () => {
    const aborted = (ms: number, dispose: boolean) =>
      new Promise<boolean>((resolve) => {
        const late = deadline(ms)
        late.signal.addEventListener('abort', () => resolve(true))
        if (dispose) late[Symbol.dispose]()
        setTimeout(() => resolve(false), 200)
      })
    expect(await Promise.all([aborted(30, false), aborted(30, true)])).to.deep.equal([true, false])
  })
})
