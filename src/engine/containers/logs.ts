import { open, type FileHandle } from 'node:fs/promises'
import { chunksOf, LogFollower, LineCutter } from './follower.js'
import { fullName, logFiles } from './log-files.js'
import { orMissing } from '../system/missing.js'

/** A record of a log. `text` is latin1, a character a byte; it ends with a newline unless the program's line goes on in the stream's next record. */
export interface LogRecord {
  readonly stream: 'stdout' | 'stderr'
  /** RFC 3339 with nine digits. */
  readonly time: string
  readonly text: string
}

/** A record as it is told: the first of a line, or more of the line that its stream is in the middle of. */
export interface LogPiece extends LogRecord {
  readonly begins: boolean
}

export interface LogSelection {
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
function parseLine(line: string): LogRecord | undefined {
  const [, time = '', stream = '', kind = '', text = ''] =
    /^(\S+) (stdout|stderr) ([FP])(?:\S*) ?(.*)$/s.exec(line) ?? []
  if (time === '') return undefined
  return { time: normalTime(time), stream: stream as LogRecord['stream'], text: kind === 'F' ? `${text}\n` : text }
}

/** conmon writes local time with an offset. */
function normalTime(time: string): string {
  if (time.endsWith('Z')) return time
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? ''
  return new Date(Date.parse(time)).toISOString().replace(/\.\d+Z$/, `.${fraction.padEnd(9, '0')}Z`)
}

const wanted = ({ stdout, stderr, since, until }: LogSelection, line: LogRecord): boolean => {
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
    const file = await open(place, 'r').catch(orMissing(undefined))
    if (!file) continue
    const { ino } = await file.stat()
    if (seen.has(ino)) await file.close()
    else handles.unshift(file)
    seen.add(ino)
  }
  return handles
}

type Stream = LogRecord['stream']

/** Puts the records of lines together: what becomes of a line is decided where it begins. */
class Joiner {
  readonly #query: LogSelection
  /** The streams that are in the middle of a line, and whether it is wanted. */
  readonly #going = new Map<Stream, boolean>()
  /** @param going streams in the middle of a line that is not wanted */
  constructor(query: LogSelection, going: readonly Stream[] = []) {
    this.#query = query
    for (const stream of going) this.#going.set(stream, false)
  }

  get going(): readonly Stream[] {
    return this.#going.size === 0 ? none : [...this.#going.keys()]
  }

  /** The record if it is wanted. */
  take(record: LogRecord): LogPiece | undefined {
    const going = this.#going.get(record.stream)
    const keeps = going ?? wanted(this.#query, record)
    if (record.text.endsWith('\n')) this.#going.delete(record.stream)
    else this.#going.set(record.stream, keeps)
    return keeps ? { ...record, begins: going === undefined } : undefined
  }
}

const none: readonly Stream[] = []

/** A place in a log where a line begins. */
interface LogPosition {
  readonly file: number
  /** Bytes. */
  readonly at: number
  /** Streams that are in the middle of a line there. */
  readonly going: readonly Stream[]
}

/** The files of a log and how long they are at the time of the call. */
interface Files {
  readonly handles: readonly FileHandle[]
  readonly sizes: readonly number[]
}

/** The records from a place on, each with where it stands. */
async function* recordsOf({ handles, sizes }: Files, lines: LineCutter, from: Omit<LogPosition, 'going'>) {
  for (const [file, handle] of handles.entries()) {
    if (file < from.file) continue
    let at = file === from.file ? from.at : 0
    for await (const chunk of chunksOf(handle, at, sizes[file]))
      for (const text of lines.take(chunk)) {
        const record = parseLine(text)
        if (record) yield { file, at, record }
        at += text.length + 1
      }
  }
}

/** Where the last lines begin: they are found first and read then, for one line may be longer than memory. */
async function placeOfTail(files: Files, query: LogSelection): Promise<LogPosition> {
  const start = { file: 0, at: 0, going: none }
  if (query.tail === Infinity) return start
  const joiner = new Joiner(query)
  const places: LogPosition[] = []
  let count = 0
  for await (const { file, at, record } of recordsOf(files, new LineCutter(), start)) {
    const { going } = joiner
    if (joiner.take(record)?.begins !== true) continue
    count++
    places.push({ file, at, going })
    if (places.length > query.tail * 2 + 64) places.splice(0, places.length - query.tail)
  }
  if (query.tail === 0) return { file: files.handles.length, at: 0, going: joiner.going }
  return count <= query.tail ? start : (places.at(-query.tail) ?? start)
}

/**
 * Yields what a container has logged and, when asked, follows what it logs until the signal aborts. A signal that has
 * aborted already ends it after the last line there is.
 */
export async function* readLog(
  path: string,
  maxFile: number,
  query: LogSelection,
  ended: AbortSignal,
): AsyncGenerator<LogPiece> {
  const handles = await openAll(path, maxFile)
  try {
    const sizes = (await Promise.all(handles.map((file) => file.stat()))).map(({ size }) => size)
    const from = await placeOfTail({ handles, sizes }, query)
    const joiner = new Joiner(query, from.going)
    const lines = new LineCutter()
    for await (const { record } of recordsOf({ handles, sizes }, lines, from)) {
      const piece = joiner.take(record)
      if (piece) yield piece
    }
    if (!query.follow) return
    const newest = handles.pop() ?? (await open(path, 'a+'))
    for await (const text of new LogFollower(path, newest, sizes.at(-1) ?? 0, lines, ended)) {
      const record = parseLine(text)
      if (query.until !== undefined && Date.now() > query.until) return
      const piece = record && joiner.take(record)
      if (piece) yield piece
    }
  } finally {
    await Promise.all(handles.map((file) => file.close()))
  }
}
