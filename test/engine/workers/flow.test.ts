import { expect } from 'chai'
import { Batches, byThemselves, flow } from '../../../src/engine/workers/flow.js'

describe('bytes on their way to another thread', () => {
  it('are few, however large the buffer is that they are of, and leave that as it is', () => {
    const buffer = Buffer.alloc(1024 * 1024, 'x')
    const piece = buffer.subarray(10, 20)
    const posted = structuredClone(byThemselves(piece))
    expect([posted.byteLength, posted.buffer.byteLength]).to.deep.equal([10, 10])
    const bytes = byThemselves(piece)
    structuredClone(bytes, { transfer: [bytes.buffer] })
    expect([bytes.byteLength, piece.toString()]).to.deep.equal([0, 'x'.repeat(10)])
  })

  it('come as they were made, though what made them uses its buffer again', async () => {
    const shared = Buffer.alloc(1000)
    function* chunks(): Generator<Buffer> {
      for (let at = 0; at < 300; at += 1) yield shared.fill(at % 256)
    }
    const batches = new Batches(chunks())
    const got = Buffer.concat(await Array.fromAsync(flow(() => Promise.resolve(batches.next()))))
    expect(got.length).to.equal(300_000)
    for (let at = 0; at < 300; at += 1) expect(got[at * 1000 + 999]).to.equal(at % 256)
  })

  it('are none of nothing, and fail where they fail', async () => {
    expect(await Array.fromAsync(flow(() => Promise.resolve(new Batches([]).next())))).to.deep.equal([])
    let asked = 0
    const fails = flow(() =>
      (asked += 1) === 1 ? Promise.resolve(Buffer.from('a')) : Promise.reject(new Error('torn')),
    )
    expect((await fails.next()).value).to.deep.equal(Buffer.from('a'))
    const error = await fails.next().then(String, (reason: unknown) => reason)
    expect(error).to.include({ message: 'torn' })
  })
})
