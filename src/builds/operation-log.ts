import { mkdir, open } from 'node:fs/promises'
import type { Config } from '../config.js'
import { Appender } from '../lib/appender.js'
import { cutMark } from '../lib/lines.js'
import { masked, secretsOf, shortestSecret } from '../lib/mask.js'
import { logWord } from '../store/operations.js'
import type { Reaches } from '../store/reach.js'
import type { Store } from '../store/store.js'
import { harmless } from '../lib/terminal.js'
import { operationFiles, operationsDirectory } from './files.js'

/** Bytes (UTF-16 units, rather) that what a build or a release command writes may take of a log. */
const outputBudget = 8 * 1024 * 1024
/** So many lines of the rest are kept, its end. */
const tailLines = 50
/** Of each of these, so much. */
const tailLine = 2048
/** What waits for the disk before `room` makes the writer wait too. */
const waitingLimit = 1024 * 1024

const indented = (text: string): string => text.replace(/^/gm, '       ')

/** Writes the log of one operation: lines are appended in order, and whoever follows it is woken. */
export class OperationLog {
  readonly #file: Appender
  #secrets: readonly string[]
  readonly #tail: string[] = []
  #leftOut = 0
  #left = outputBudget

  private constructor(file: Appender, secrets: readonly string[]) {
    this.#file = file
    this.#secrets = secrets
  }

  static async open(config: Config, store: Store, id: string, secrets: readonly string[] = []): Promise<OperationLog> {
    await mkdir(operationsDirectory(config), { recursive: true, mode: 0o750 })
    const file = await open(operationFiles(config, id).log, 'a', 0o640)
    const appender = new Appender(file, `log of operation ${id}`, () => store.operations.notify(id, logWord))
    return new OperationLog(appender, secrets)
  }

  /** Keeps what config vars hold out of all that is written from now on, too. */
  hide(config: Readonly<Record<string, string>>, reach?: Reaches): void {
    this.#secrets = [...this.#secrets, ...secretsOf(config, reach)].sort((a, b) => b.length - a.length)
  }

  /** One line or several, made harmless and without secrets. */
  line(text: string): void {
    this.#showTail()
    this.#write(text)
  }

  /**
   * A line of what a build or a release command writes. There is a budget for these; of what is beyond it, the end is
   * shown, where what went wrong mostly stands.
   */
  output(line: string): void {
    if (line.trim() === '') return
    const text = indented(line)
    this.#left -= text.length + 1
    if (this.#left > 0) {
      this.#write(text)
      return
    }
    this.#leftOut += 1
    this.#tail.push(line.slice(0, tailLine))
    if (this.#tail.length > tailLines) this.#tail.shift()
  }

  /** Resolves when little waits for the disk: whoever passes on what others write waits for it. */
  async room(): Promise<void> {
    await this.#file.room(waitingLimit)
  }

  /** `-----> …` */
  step(text: string): void {
    this.line(`-----> ${text}`)
  }

  /** Under a step. */
  detail(text: string): void {
    this.line(indented(text))
  }

  /** What went wrong, as Heroku marks it. */
  problem(text: string): void {
    this.line(text.replace(/^/gm, ' !     '))
  }

  /** Resolves when everything is in the file. A full disk loses the log, not the operation. */
  async close(): Promise<void> {
    this.#showTail()
    await this.#file.close()
  }

  #showTail(): void {
    if (this.#leftOut === 0) return
    const hidden = this.#leftOut - this.#tail.length
    if (hidden > 0) this.#write(indented(`[${hidden} lines left out: it writes too much; here is the end of it]`))
    this.#leftOut = 0
    for (const line of this.#tail.splice(0)) this.#write(indented(line))
  }

  #write(text: string): void {
    let safe = masked(harmless(text.replace(/\r\n?/g, '\n')), this.#secrets)
    if (safe.endsWith(cutMark)) safe = this.#withoutHalf(safe)
    this.#file.append(`${safe}\n`)
  }

  /** A line that was cut may end within a secret. */
  #withoutHalf(line: string): string {
    const text = line.slice(0, -cutMark.length)
    for (const secret of this.#secrets)
      for (let length = secret.length - 1; length >= shortestSecret; length -= 1)
        if (text.endsWith(secret.slice(0, length))) return `${text.slice(0, -length)}[secret]${cutMark}`
    return line
  }
}
