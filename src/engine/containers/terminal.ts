import { constants, openSync } from 'node:fs'
import { ReadStream } from 'node:tty'
import { resizeTerminal, unlockTerminal } from '../kernel/libc.js'

/** A pseudo terminal: its master is ours, its slave for a program, pty(7). */
export class Terminal {
  readonly #master: number
  /** Whoever starts the program closes it after. */
  readonly slave: number
  readonly stream: ReadStream

  constructor() {
    this.#master = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY)
    this.slave = openSync(unlockTerminal(this.#master), constants.O_RDWR | constants.O_NOCTTY)
    this.stream = new ReadStream(this.#master)
    this.stream.on('error', () => this.stream.destroy()) // EIO: every slave is closed
  }

  resize(rows: number, columns: number): void {
    if (!this.stream.destroyed) resizeTerminal(this.#master, rows, columns)
  }
}
