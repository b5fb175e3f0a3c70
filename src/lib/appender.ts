import type { FileHandle } from 'node:fs/promises'
import { messageOf } from '../errors.js'

/** Appends text to a file in order; who appends need not wait. A full disk loses the text, not the writer. */
export class Appender {
  readonly #file: FileHandle
  readonly #what: string
  readonly #grown: () => Promise<unknown>
  #waiting = ''
  #writing: Promise<void> | null = null

  /**
   * @param what names the file in a warning
   * @param grown is called when more of it can be read
   */
  constructor(file: FileHandle, what: string, grown: () => Promise<unknown>) {
    this.#file = file
    this.#what = what
    this.#grown = grown
  }

  append(text: string): void {
    this.#waiting += text
    this.#writing ??= this.#flush()
  }

  /** Resolves when no more than so much waits for the disk. UTF-16 units. */
  async room(most: number): Promise<void> {
    while (this.#writing && this.#waiting.length > most) await this.#writing
  }

  /** Resolves when everything is in the file, and closes it. */
  async close(): Promise<void> {
    while (this.#writing) await this.#writing
    await this.#file.close()
  }

  async #flush(): Promise<void> {
    await Promise.resolve() // what comes in one turn goes out together
    while (this.#waiting !== '') {
      const text = this.#waiting
      this.#waiting = ''
      try {
        await this.#file.appendFile(text)
        await this.#grown()
      } catch (error) {
        process.emitWarning(`${this.#what}: ${messageOf(error)}`)
      }
    }
    this.#writing = null
  }
}
