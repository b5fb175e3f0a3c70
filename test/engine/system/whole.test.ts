import { Readable } from 'node:stream'
import { expect } from 'chai'
import fc from 'fast-check'
import { wholeOf } from '../../../src/engine/system/whole.js'

const tooLarge = (): Error => new Error('too large')
const failure = (of: Promise<Buffer>): Promise<string> =>
  of.then(
    () => 'none',
    (error: unknown) => (error as Error).message,
  )

describe('all of a stream', () => {
  it('is what was in it, however it was cut', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes))), async (chunks) => {
        const all = Buffer.concat(chunks)
        expect(await wholeOf(Readable.from(chunks), all.length, tooLarge)).to.deep.equal(all)
        if (all.length > 0)
          expect(await failure(wholeOf(Readable.from(chunks), all.length - 1, tooLarge))).to.equal('too large')
      }),
    ))

  it('is not taken for whole when it breaks off', async () => {
    const stream = new Readable({ read: () => undefined })
    stream.push('begun')
    const read = failure(wholeOf(stream, 100, tooLarge))
    stream.destroy(new Error('cut'))
    expect(await read).to.equal('cut')
  })
})
