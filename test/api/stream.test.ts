import { expect } from 'chai'
import { PassThrough } from 'node:stream'
import { write } from '../../src/api/stream.js'

describe('a stream of the control API', () => {
  it('leaves no listener behind, however often its reader is slow', async () => {
    const stream = new PassThrough({ highWaterMark: 1 })
    const before = ['drain', 'close', 'error'].map((event) => stream.listenerCount(event))
    for (let n = 0; n < 50; n++) {
      const written = write(stream, 'x')
      await new Promise((resolve) => setImmediate(resolve))
      expect(String(stream.read())).to.equal('x')
      await written
    }
    expect(['drain', 'close', 'error'].map((event) => stream.listenerCount(event))).to.deep.equal(before)
  })

  it('waits for nobody who has left', async () => {
    const stream = new PassThrough({ highWaterMark: 1 })
    const written = write(stream, 'x')
    stream.destroy()
    await written
    await write(stream, 'y')
  })
})
