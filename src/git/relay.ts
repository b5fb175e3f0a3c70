/** How much of a log a pusher is sent. */
export interface RelayLimits {
  /** Characters of a line; what is longer is cut. */
  readonly line: number
  /** Characters in all; of what is longer the end is sent when it is over. */
  readonly budget: number
  readonly tail: number
}

const usual: RelayLimits = { line: 4096, budget: 4 * 1024 * 1024, tail: 16 * 1024 }

/**
 * A log on its way to a pusher: no line is longer than git can be expected to hold, and a log without end takes neither memory
 * nor the pusher's time. Text goes out as fast as `write` takes it.
 */
export class Relay {
  readonly #write: (text: string) => Promise<void>
  readonly #limits: RelayLimits
  /** Characters of the line that is being sent. */
  #column = 0
  #sent = 0
  #tail = ''
  #left = 0

  constructor(write: (text: string) => Promise<void>, limits: RelayLimits = usual) {
    this.#write = write
    this.#limits = limits
  }

  async say(text: string): Promise<void> {
    const cut = this.#cut(text)
    if (this.#sent + cut.length <= this.#limits.budget) {
      this.#sent += cut.length
      return this.#write(cut)
    }
    const first = this.#sent < Infinity
    this.#sent = Infinity
    this.#tail += cut
    if (this.#tail.length > 2 * this.#limits.tail) {
      this.#left += this.#tail.length - this.#limits.tail
      this.#tail = this.#tail.slice(-this.#limits.tail)
    }
    if (first)
      await this.#write('\n !     The output is long: its end follows. `berth builds:output` shows all of it.\n')
  }

  /** Sends what is left. */
  async end(): Promise<void> {
    const from = this.#left > 0 ? this.#tail.indexOf('\n') + 1 : 0
    if (this.#tail !== '') await this.#write(`${this.#left > 0 ? '       …\n' : ''}${this.#tail.slice(from)}`)
    if (this.#column > 0) await this.#write('\n')
  }

  #cut(text: string): string {
    const pieces: string[] = []
    for (let at = 0; at < text.length;) {
      const newline = text.indexOf('\n', at)
      const end = newline === -1 ? text.length : newline
      const room = Math.max(0, this.#limits.line - this.#column)
      const piece = text.slice(at, Math.min(end, at + room))
      pieces.push(piece)
      if (end - at > room && room > 0) pieces.push('…')
      this.#column += end - at
      if (newline !== -1) {
        pieces.push('\n')
        this.#column = 0
      }
      at = end + 1
    }
    return pieces.join('')
  }
}
