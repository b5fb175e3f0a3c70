import { mkdir, open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config.js'
import { Appender } from '../lib/appender.js'
import { LineSplitter } from '../lib/lines.js'
import { orMissing } from '../lib/missing.js'

/** Bytes of one run that are kept of its beginning, and of its end where it writes more. */
const mostHead = 512 * 1024
const mostTail = 64 * 1024
/** What waits for the disk before the writer waits. Bytes. */
const mostWaiting = 256 * 1024
const pieceBytes = 64 * 1024

/** A line that a run wrote. */
export interface OutputLine {
  /** RFC 3339 */
  readonly time: string
  readonly text: string
}

/** Where the output of an app's runs lies. */
export const outputDirectory = (config: Config, app: string): string => join(config.root, 'cron', app)

/** Where that of one run does. */
export const outputFile = (config: Config, app: string, run: string): string =>
  join(outputDirectory(config, app), `${run}.log`)

/**
 * Writes what a run says to its file, from the beginning: who takes a run up reads it from the beginning, too, and so writes the
 * same. Of one that says too much, the beginning and the end are kept.
 */
export class RunOutput {
  readonly #file: Appender
  #head = 0
  #leftOut = 0
  #tail: string[] = []
  #tailSize = 0

  private constructor(file: Appender) {
    this.#file = file
  }

  /** @param grown is called when more of it can be read */
  static async open(path: string, grown: () => Promise<unknown>): Promise<RunOutput> {
    await mkdir(join(path, '..'), { recursive: true, mode: 0o750 })
    return new RunOutput(new Appender(await open(path, 'w', 0o640), 'output of a cron run', grown))
  }

  /** Takes a line. Resolves when little waits for the disk. */
  async line(time: string, text: string): Promise<void> {
    const line = `${time} ${text.replaceAll('\r', '')}\n`
    const size = Buffer.byteLength(line)
    if (this.#leftOut === 0 && this.#head + size <= mostHead) {
      this.#head += size
      this.#file.append(line)
      await this.#file.room(mostWaiting)
      return
    }
    this.#leftOut += 1
    this.#tail.push(line)
    this.#tailSize += size
    while (this.#tailSize > mostTail && this.#tail.length > 1)
      this.#tailSize -= Buffer.byteLength(this.#tail.shift() ?? '')
  }

  /** Resolves when everything is in the file. A full disk loses the output, not the run. */
  async close(): Promise<void> {
    const hidden = this.#leftOut - this.#tail.length
    const [time = ''] = (this.#tail[0] ?? '').split(' ', 1)
    if (hidden > 0) this.#file.append(`${time} [${hidden} lines are left out here: it writes too much]\n`)
    for (const line of this.#tail.splice(0)) this.#file.append(line)
    await this.#file.close()
  }
}

/** Reads the output of a run line by line as it grows; each `read` goes on where the last one ended. */
export class OutputReader {
  readonly #path: string
  readonly #lines = new LineSplitter()
  #offset = 0

  constructor(path: string) {
    this.#path = path
  }

  /** The lines that have come since; none where there is no file. */
  async *read(): AsyncGenerator<OutputLine> {
    const file = await open(this.#path, 'r').catch(orMissing(null))
    if (file === null) return
    try {
      for (;;) {
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(pieceBytes), 0, pieceBytes, this.#offset)
        // whole lines only, of which none is longer than a piece: the rest comes with the next
        const end = buffer.subarray(0, bytesRead).lastIndexOf(0x0a) + 1
        const used = end === 0 && bytesRead === pieceBytes ? bytesRead : end
        if (used === 0) return
        this.#offset += used
        for (const line of this.#lines.read(buffer.toString('utf8', 0, used))) {
          const at = line.indexOf(' ')
          yield { time: line.slice(0, at), text: line.slice(at + 1) }
        }
      }
    } finally {
      await file.close()
    }
  }
}

/** Removes the output of runs; `keep` names those that stay. */
export async function keepOutput(config: Config, app: string, keep: ReadonlySet<string>): Promise<void> {
  const directory = outputDirectory(config, app)
  for (const name of await readdir(directory).catch(orMissing([])))
    if (!keep.has(name.replace(/\.log$/, ''))) await rm(join(directory, name), { force: true })
}

/** Bytes of a run's output; 0 where there is none. */
export async function outputSize(config: Config, app: string, run: string): Promise<number> {
  return (await stat(outputFile(config, app, run)).catch(orMissing(null)))?.size ?? 0
}
