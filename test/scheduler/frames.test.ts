import { expect } from 'chai'
import fc from 'fast-check'
import { FrameReader, LineReader, textLines } from '../../src/scheduler/frames.js'

const frame = (stream: 'stdout' | 'stderr', text: string): Buffer => {
  const body = Buffer.from(text)
  const header = Buffer.from([stream === 'stderr' ? 2 : 1, 0, 0, 0, 0, 0, 0, 0])
  header.writeUInt32BE(body.length, 4)
  return Buffer.concat([header, body])
}

describe('frames', () => {
  it('are read whole however the bytes are cut', () => {
    const texts = fc.array(
      fc.tuple(fc.constantFrom('stdout' as const, 'stderr' as const), fc.string({ unit: 'grapheme' })),
    )
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 9 }), (all, step) => {
        const bytes = Buffer.concat(all.map(([stream, text]) => frame(stream, text)))
        const reader = new FrameReader()
        const read = []
        for (let at = 0; at < bytes.length; at += step) read.push(...reader.read(bytes.subarray(at, at + step)))
        expect(read.map(({ stream, chunk }) => [stream, chunk.toString()])).to.deep.equal(all)
      }),
    )
  })

  it('make lines, those of each stream on its own', () => {
    const log = Buffer.concat([frame('stdout', 'a\r\nb'), frame('stderr', 'x\n'), frame('stdout', 'c\n\nd')])
    expect(textLines(log)).to.deep.equal(['a', 'x', 'bc', '', 'd'])
    expect(textLines(Buffer.alloc(0))).to.deep.equal([])
  })

  it('do not cut a character in two', () => {
    const [e, rest] = [Buffer.from('é\n').subarray(0, 1), Buffer.from('é\n').subarray(1)]
    const lines = new LineReader()
    expect(lines.read({ stream: 'stdout', chunk: e })).to.deep.equal([])
    expect(lines.read({ stream: 'stdout', chunk: rest })).to.deep.equal(['é'])
  })
})
