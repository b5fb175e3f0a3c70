import { open, type FileHandle } from 'node:fs/promises'
import { chunksOf, Follower, Lines } from './follower.js'
import { fullName, logFiles } from './log-files.js'

/** A record of a log. `text` is latin1, a character a byte; it ends with a newline unless the program's line goes on in the next record. */
export interface LogLine {
  readonly stream: 'stdout' | 'stderr'
  /** RFC 3339 with nine digits. */
  readonly time: string
  readonly text: string
}

export interface LogQuery {
  readonly stdout: boolean
  readonly stderr: boolean
  /** Lines from the end; Infinity is all. */
  readonly tail: number
  /** ms of the epoch. */
  readonly since?: number
  readonly until?: number
  readonly follow: boolean
}

/** Reads a record as conmon's k8s-file driver writes it: `time stream F|P text`. */
export function parseLine(line: string): LogLine | undefined {
  const [, time = '', stream = '', kind = '', text = ''] =
    /^(\S+) (stdout|stderr) ([FP])(?:\S*) ?(.*)$/s.exec(line) ?? []
  if (time === '') return undefined
  return { time: normalTime(time), stream: stream as LogLine['stream'], text: kind === 'F' ? `${text}\n` : text }
}

/** conmon writes local time with an offset. */
function normalTime(time: string): string {
  if (time.endsWith('Z')) return time
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? ''
  return new Date(Date.parse(time)).toISOString().replace(/\.\d+Z$/, `.${fraction.padEnd(9, '0')}Z`)
}

const wanted = ({ stdout, stderr, since, until }: LogQuery, line: LogLine): boolean => {
  if (line.stream === 'stdout' ? !stdout : !stderr) return false
  const at = Date.parse(line.time)
  return (since === undefined || at >= since) && (until === undefined || at <= until)
}

/** The files of a log as they are now, oldest first, each once: they may be moved up the row while they are opened. */
async function openAll(path: string, maxFile: number): Promise<FileHandle[]> {
  const [current = path, ...older] = logFiles(path, maxFile)
  const seen = new Set<number>()
  const handles: FileHandle[] = []
  for (const place of [current, fullName(path), ...older]) {
    const file = await open(place, 'r').catch(() => undefined)
    if (!file) continue
    const { ino } = await file.stat()
    if (seen.has(ino)) await file.close()
    else handles.unshift(file)
    seen.add(ino)
  }
  return handles
}

/** The lines there are at the time of the call, and the newest file with the position after them. */
async function* history(files: readonly FileHandle[], lines: Lines, sizes: readonly number[]): AsyncGenerator<LogLine> {
  for (const [index, file] of files.entries())
    for await (const chunk of chunksOf(file, 0, sizes[index]))
      for (const text of lines.take(chunk)) {
        const line = parseLine(text)
        if (line) yield line
      }
}

/**
 * Yields what a container has logged and, when asked, follows what it logs until the signal aborts. A signal that has
 * aborted already ends it after the last line there is.
 */
export async function* readLog(
  path: string,
  maxFile: number,
  query: LogQuery,
  ended: AbortSignal,
): AsyncGenerator<LogLine> {
  const files = await openAll(path, maxFile)
  try {
    const sizes = (await Promise.all(files.map((file) => file.stat()))).map(({ size }) => size)
    const lines = new Lines()
    const kept: LogLine[] = []
    for await (const line of history(files, lines, sizes)) {
      if (!wanted(query, line)) continue
      if (query.tail === Infinity) yield line
      else if (kept.push(line) > query.tail * 2 + 64) kept.splice(0, kept.length - query.tail)
    }
    if (query.tail > 0) yield* kept.slice(-query.tail)
    if (!query.follow) return
    const newest = files.pop() ?? (await open(path, 'a+'))
    for await (const text of new Follower(path, newest, sizes.at(-1) ?? 0, lines, ended)) {
      const line = parseLine(text)
      if (query.until !== undefined && Date.now() > query.until) return
      if (line && wanted(query, line)) yield line
    }
  } finally {
    await Promise.all(files.map((file) => file.close()))
  }
}
