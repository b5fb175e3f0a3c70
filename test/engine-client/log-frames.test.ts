import { expect } from 'chai'
import fc from 'fast-check'
import { cutMark, longestLine } from '../../src/lib/lines.js'
import {
  FrameReader,
  LineReader,
  RecordReader,
  type LogFrame,
  type Stamps,
} from '../../src/engine-client/log-frames.js'
import { readTail, type LogSource } from '../../src/engine-client/tail.js'

const frame = (stream: 'stdout' | 'stderr', text: string): Buffer => {
  const body = Buffer.from(text)
  const header = Buffer.from([stream === 'stderr' ? 2 : 1, 0, 0, 0, 0, 0, 0, 0])
  header.writeUInt32BE(body.length, 4)
  return Buffer.concat([header, body])
}

const at = (time: number): string => `t${String(time).padStart(4, '0')}`

/** A log as engines keep it: lines in records of `size` bytes, each written at a time of its own. */
function recordsOf(stamps: Stamps, lines: readonly [LogFrame['stream'], string][], size: number): Buffer[] {
  let time = 0
  return lines.flatMap(([stream, text]) => {
    const bytes = Buffer.from(`${text}\n`, 'latin1')
    const cuts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.subarray(i * size, (i + 1) * size),
    )
    return cuts.map((cut, i) => {
      const stamp = `${at(++time)} `
      return frame(stream, `${stamps === 'records' || i === 0 ? stamp : ''}${cut.toString('latin1')}`)
    })
  })
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
    const reader = new LineReader()
    const read = new FrameReader().read(log).flatMap((one) => reader.read(one))
    expect([...read, ...reader.end()]).to.deep.equal(['a', 'x', 'bc', '', 'd'])
    expect(new LineReader().end()).to.deep.equal([])
  })

  it('do not cut a character in two', () => {
    const [e, rest] = [Buffer.from('é\n').subarray(0, 1), Buffer.from('é\n').subarray(1)]
    const lines = new LineReader()
    expect(lines.read({ stream: 'stdout', chunk: e })).to.deep.equal([])
    expect(lines.read({ stream: 'stdout', chunk: rest })).to.deep.equal(['é'])
  })

  it('are taken apart in time that grows with them alone, and lines without an end are cut', () => {
    const piece = frame('stdout', 'x'.repeat(16 * 1024))
    const [frames, lines] = [new FrameReader(), new LineReader()]
    const before = process.memoryUsage().heapUsed
    const began = Date.now()
    // 100 MB
    for (let i = 0; i < 6_400; i++) for (const one of frames.read(piece)) expect(lines.read(one)).to.have.length(0)
    expect(lines.read({ stream: 'stdout', chunk: Buffer.from('end\nnext\n') })).to.deep.equal([
      'x'.repeat(longestLine) + cutMark,
      'next',
    ])
    expect(Date.now() - began, 'ms').to.be.below(5_000)
    expect(process.memoryUsage().heapUsed - before).to.be.below(64 * 1024 * 1024)
  })

  it('that are too large to be kept come in pieces', () => {
    const text = 'y'.repeat(600 * 1024)
    const reader = new FrameReader()
    const bytes = Buffer.concat([frame('stderr', text), frame('stdout', 'z')])
    const read: LogFrame[] = []
    for (let at = 0; at < bytes.length; at += 50_000) read.push(...reader.read(bytes.subarray(at, at + 50_000)))
    expect(read.map(({ continues }) => continues === true).slice(0, 2)).to.deep.equal([false, true])
    expect(read.at(-1)).to.deep.equal({ stream: 'stdout', chunk: Buffer.from('z') })
    expect(Buffer.concat(read.slice(0, -1).map(({ chunk }) => chunk)).toString()).to.equal(text)
  })

  const streams = fc.constantFrom('stdout' as const, 'stderr' as const)
  const lines = fc.array(fc.tuple(streams, fc.stringMatching(/^[a-z ]{0,40}$/)), { maxLength: 30 })

  const stampings = fc.constantFrom<Stamps>('records', 'lines')

  it('of a log become lines again, each with the time of its first record', () => {
    fc.assert(
      fc.property(stampings, lines, fc.integer({ min: 1, max: 9 }), (stamps, all, size) => {
        const reader = new RecordReader(stamps)
        let time = 1
        const stamped = all.map(([stream, text]) => {
          const line = { time: at(time), stream, text }
          time += Math.ceil((text.length + 1) / size)
          return line
        })
        const records = new FrameReader().read(Buffer.concat(recordsOf(stamps, all, size)))
        expect(records.flatMap((record) => reader.read(record))).to.deep.equal(stamped)
        expect(reader.count).to.equal(stamps === 'records' ? records.length : all.length)
        expect(reader.end()).to.deep.equal([])
      }),
    )
  })

  it('of the end of a log are counted by lines, not by records', async () => {
    await fc.assert(
      fc.asyncProperty(
        stampings,
        lines,
        fc.integer({ min: 6, max: 9 }),
        fc.integer({ min: 0, max: 12 }),
        async (stamps, all, size, count) => {
          const kept = (tail: number): Buffer[] =>
            stamps === 'lines' ? recordsOf(stamps, all.slice(-tail), size) : recordsOf(stamps, all, size).slice(-tail)
          const log = (_: string, { tail = 0 }) =>
            Promise.resolve(Object.assign([Buffer.concat(kept(tail))], { stamps }))
          const tail = await readTail({ log } as unknown as LogSource, 'id', count)
          expect(tail.map(({ text }) => text)).to.deep.equal(
            count === 0 ? [] : all.slice(-count).map(([, text]) => text),
          )
        },
      ),
    )
  })
})
