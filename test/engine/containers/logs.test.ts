import { expect } from 'chai'
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openLog } from '../../../src/engine/containers/log-files.js'
import { readLog, type LogPiece, type LogSelection } from '../../../src/engine/containers/logs.js'

type Stream = 'stdout' | 'stderr'
const at = (second: number): string => new Date(1.7e12 + second * 1000).toISOString().replace('Z', '000000Z')
const record = (second: number, stream: Stream, kind: 'F' | 'P', text: string): string =>
  `${at(second)} ${stream} ${kind} ${text}\n`

/** What a reader prints: a stamp where a line begins. */
const printed = (pieces: readonly LogPiece[], stream: Stream): string =>
  pieces.filter((piece) => piece.stream === stream).map(({ begins, time, text }) => (begins ? `[${time}]` : '') + text).join('') // prettier-ignore

describe('a log of lines that are several records', () => {
  let dir: string
  let path: string
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-logs-'))
    path = join(dir, 'log')
  })
  afterEach(() => rm(dir, { recursive: true }))

  const all: LogSelection = { stdout: true, stderr: true, tail: Infinity, follow: false }
  const read = async (query: Partial<LogSelection> = {}, signal = AbortSignal.abort(), maxFile = 3) => {
    const pieces: LogPiece[] = []
    for await (const piece of readLog(path, maxFile, { ...all, ...query }, signal)) pieces.push(piece)
    return pieces
  }

  it('is not cut, and is stamped once a line', async () => {
    const long = ['x'.repeat(8192), 'y'.repeat(8192), 'z']
    await writeFile(
      path,
      [
        record(1, 'stdout', 'P', long[0] ?? ''),
        record(2, 'stderr', 'F', 'between'),
        record(3, 'stdout', 'P', long[1] ?? ''),
        record(4, 'stdout', 'F', long[2] ?? ''),
        record(5, 'stdout', 'F', 'short'),
      ].join(''),
    )
    const pieces = await read()
    expect(printed(pieces, 'stdout')).to.equal(`[${at(1)}]${long.join('')}\n[${at(5)}]short\n`)
    expect(printed(pieces, 'stderr')).to.equal(`[${at(2)}]between\n`)
    expect(printed(await read({ tail: 1 }), 'stdout')).to.equal(`[${at(5)}]short\n`)
    // of the three lines the first began before the two that are asked for
    expect(printed(await read({ tail: 2 }), 'stdout')).to.equal(`[${at(5)}]short\n`)
    expect(printed(await read({ tail: 3 }), 'stdout')).to.equal(`[${at(1)}]${long.join('')}\n[${at(5)}]short\n`)
    expect(printed(await read({ tail: 2, stderr: false }), 'stdout')).to.match(/x{8192}y{8192}z\n.*short\n$/)
  })

  it('shares the time of a line’s beginning', async () => {
    const lines = [record(1, 'stdout', 'P', 'a'), record(10, 'stdout', 'F', 'b'), record(11, 'stdout', 'F', 'c')]
    await writeFile(path, lines.join(''))
    expect(printed(await read({ since: 1.7e12 + 5000 }), 'stdout')).to.equal(`[${at(11)}]c\n`)
    expect(printed(await read({ until: 1.7e12 + 5000 }), 'stdout')).to.equal(`[${at(1)}]ab\n`)
  })

  it('goes on from one file to the next, and while it is followed', async () => {
    await writeFile(`${path}.1`, record(1, 'stdout', 'F', 'old') + record(2, 'stdout', 'P', 'a'))
    await writeFile(path, record(3, 'stdout', 'P', 'b'))
    const ended = new AbortController()
    const pieces: LogPiece[] = []
    for await (const piece of readLog(path, 3, { ...all, tail: 1, follow: true }, ended.signal)) {
      pieces.push(piece)
      if (pieces.length === 2) await appendFile(path, record(4, 'stdout', 'F', 'c'))
      if (pieces.length === 3) await appendFile(path, record(5, 'stdout', 'F', 'last'))
      if (pieces.length === 4) ended.abort()
    }
    expect(printed(pieces, 'stdout')).to.equal(`[${at(2)}]abc\n[${at(5)}]last\n`)
  })

  it('is told by its last lines as by all of them', async () => {
    let seed = 7
    const random = (below: number): number => (seed = (seed * 1103515245 + 12345) % 2147483648) % below
    for (let round = 0; round < 60; round++) {
      const open: Record<Stream, string[]> = { stdout: [], stderr: [] }
      const lines: { stream: Stream; parts: string[] }[] = []
      const files: string[] = []
      for (let n = 0; n < 30; n++) {
        const stream: Stream = random(2) === 0 ? 'stdout' : 'stderr'
        const ends = random(3) > 0
        const text = `${String(n)}.`
        if (open[stream].length === 0) lines.push({ stream, parts: open[stream] })
        open[stream].push(ends ? `${text}\n` : text)
        if (ends) open[stream] = []
        files.push(record(n, stream, ends ? 'F' : 'P', text))
      }
      await writeFile(`${path}.1`, files.slice(0, 15).join(''))
      await writeFile(path, files.slice(15).join(''))
      for (const tail of [0, 1, 2, 5, lines.length, 100]) {
        const expected = tail === 0 ? [] : lines.slice(-tail)
        const pieces = await read({ tail })
        for (const stream of ['stdout', 'stderr'] as const)
          expect(printed(pieces, stream).replace(/\[[^\]]+\]/g, '|'), `${String(round)} ${String(tail)}`).to.equal(
            expected.filter((line) => line.stream === stream).map(({ parts }) => `|${parts.join('')}`).join(''),
          ) // prettier-ignore
      }
    }
  })

  it('ends with the run that wrote it', async () => {
    await openLog(path)
    const run = [record(1, 'stdout', 'F', 'a'), record(2, 'stdout', 'P', 'left'), record(3, 'stderr', 'P', 'this')]
    await appendFile(path, run.join(''))
    await openLog(path)
    await appendFile(path, record(9, 'stdout', 'F', 'again'))
    expect(printed(await read(), 'stdout')).to.equal(`[${at(1)}]a\n[${at(2)}]left\n[${at(9)}]again\n`)
    expect(printed(await read(), 'stderr')).to.equal(`[${at(3)}]this\n`)
    const before = await readFile(path, 'utf8')
    await openLog(path)
    expect(await readFile(path, 'utf8')).to.equal(before)
  })
})
