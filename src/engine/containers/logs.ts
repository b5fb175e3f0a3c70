import { createReadStream, watch } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { logFiles } from './log-files.js'

/** A record of a log. `text` ends with a newline unless the program's line goes on in the next record. */
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

async function* linesOf(path: string, from = 0): AsyncGenerator<string> {
  const there = await stat(path).catch(() => undefined)
  if (there) yield* createInterface({ input: createReadStream(path, { start: from }), crlfDelay: Infinity })
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
  const follower = query.follow ? await Follower.open(path, ended) : undefined
  const kept: LogLine[] = []
  for (const file of logFiles(path, maxFile).reverse())
    for await (const text of linesOf(file)) {
      const line = parseLine(text)
      if (!line || !wanted(query, line)) continue
      if (query.tail === Infinity) yield line
      else if (kept.push(line) > Math.max(query.tail, 0) * 2 + 64) kept.splice(0, kept.length - query.tail)
    }
  if (query.tail > 0) yield* kept.slice(-query.tail)
  if (!follower) return
  for await (const text of follower) {
    const line = parseLine(text)
    if (query.until !== undefined && Date.now() > query.until) return
    if (line && wanted(query, line)) yield line
  }
}

/** Yields the lines that are appended to a log after it was opened, through rotations, woken by inotify(7). */
class Follower implements AsyncIterable<string> {
  readonly #path: string
  readonly #ended: AbortSignal
  #file: Awaited<ReturnType<typeof open>>
  #at: number
  #wake: () => void = () => undefined
  #changed = false
  #replaced = false

  private constructor(path: string, file: Awaited<ReturnType<typeof open>>, at: number, ended: AbortSignal) {
    this.#path = path
    this.#file = file
    this.#at = at
    this.#ended = ended
  }

  static async open(path: string, ended: AbortSignal): Promise<Follower> {
    const file = await open(path, 'a+')
    const { size } = await file.stat()
    return new Follower(path, file, size, ended)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    const name = this.#path.slice(dirname(this.#path).length + 1)
    const watcher = watch(dirname(this.#path), { persistent: false }, (event, changed) => {
      if (changed !== name) return
      this.#changed = true
      if (event === 'rename') this.#replaced = true
      this.#wake()
    })
    const onEnd = (): void => this.#wake()
    this.#ended.addEventListener('abort', onEnd)
    let rest = ''
    try {
      for (;;) {
        const over = this.#ended.aborted
        const replaced = this.#replaced
        this.#changed = false
        for await (const chunk of this.#read()) {
          const lines = (rest + chunk).split('\n')
          rest = lines.pop() ?? ''
          yield* lines
        }
        if (replaced) await this.#reopen()
        else if (over) return
        // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- changed by a callback meanwhile
        else if (!this.#changed && !this.#ended.aborted) await new Promise<void>((resolve) => (this.#wake = resolve))
      }
    } finally {
      watcher.close()
      this.#ended.removeEventListener('abort', onEnd)
      await this.#file.close()
    }
  }

  async *#read(): AsyncGenerator<string> {
    const decoder = new TextDecoder()
    const buffer = Buffer.alloc(65536)
    for (;;) {
      const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, this.#at)
      if (bytesRead === 0) return
      this.#at += bytesRead
      yield decoder.decode(buffer.subarray(0, bytesRead), { stream: true })
    }
  }

  async #reopen(): Promise<void> {
    this.#replaced = false
    const next = await open(this.#path, 'r')
    const [a, b] = await Promise.all([next.stat(), this.#file.stat()])
    if (a.ino === b.ino) {
      await next.close()
      return
    }
    await this.#file.close()
    this.#file = next
    this.#at = 0
  }
}
