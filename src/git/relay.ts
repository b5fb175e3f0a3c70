/** How much of a log a pusher is sent. */
export interface RelayLimits {
  /** Characters of a line; what is longer is cut. */
  readonly line: number
  /** Characters in all, of which a line costs `lineCost` more; of what is longer the end is sent when it is over. */
  readonly budget: number
  readonly tail: number
}

const usual: RelayLimits = { line: 4096, budget: 4 * 1024 * 1024, tail: 16 * 1024 }
/** git writes each line to the pusher's terminal on its own. */
const lineCost = 60

/**
 * A log on its way to a pusher: no line is longer than git can be expected to hold, and a log without end takes neither memory
 * nor the pusher's time. Text goes out as fast as `write` takes it.
 */
export class Relay {
  readonly #write: (text: string) => Promise<void>
  readonly #limits: RelayLimits
  /** Characters of the line that is being sent. */
  #column = 0
  #spent = 0
  #tail = ''
  /** Whether something of it was left out. */
  #left = false

  constructor(write: (text: string) => Promise<void>, limits: RelayLimits = usual) {
    this.#write = write
    this.#limits = limits
  }

  async say(text: string): Promise<void> {
    if (this.#spent === Infinity) {
      this.#keep(text)
      return
    }
    const cut = this.#cut(text)
    this.#spent += cut.length + (cut.split('\n').length - 1) * lineCost
    if (this.#spent <= this.#limits.budget) return this.#write(cut)
    this.#spent = Infinity
    this.#keep(text)
    await this.#write('\n !     The output is long: its end follows. `berth builds:output` shows all of it.\n')
  }

  /** Sends what is left. */
  async end(): Promise<void> {
    const from = this.#left ? this.#tail.indexOf('\n') + 1 : 0
    if (this.#spent === Infinity) this.#column = 0
    const tail = this.#cut(this.#tail.slice(from))
    if (tail !== '') await this.#write(`${this.#left ? '       …\n' : ''}${tail}`)
    if (this.#column > 0) await this.#write('\n')
  }

  #keep(text: string): void {
    this.#tail += text
    if (this.#tail.length <= 2 * this.#limits.tail) return
    this.#left = true
    this.#tail = this.#tail.slice(-this.#limits.tail)
  }

  #cut(text: string): string {
    const pieces: string[] = []
    for (let at = 0; at < text.length;) {
      const newline = text.indexOf('\n', at)
      const end = newline === -1 ? text.length : newline
      const room = this.#limits.line - this.#column
      if (room >= 0) pieces.push(text.slice(at, Math.min(end, at + room)))
      if (room >= 0 && end - at > room) pieces.push('…')
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
