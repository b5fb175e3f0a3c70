/** Characters a stage may say before its turn comes; a build must not fill the engine's memory. */
const heldLimit = 4 << 20

/**
 * The log of a build whose stages run side by side. Each stage writes to a part of its own; the client reads the parts one
 * after the other, the first that is not over as it is written.
 */
export class BuildLog {
  readonly #out: (text: string) => Promise<void> | void
  readonly #parts: StageLog[] = []

  constructor(out: (text: string) => Promise<void> | void) {
    this.#out = out
  }

  /** Opens the next part. */
  part(): StageLog {
    const part = new StageLog(this.#out)
    this.#parts.push(part)
    if (this.#parts.length === 1) void part.show()
    return part
  }

  /** Ends a part. The next that is open is shown from now on, with what it has held back. */
  async close(part: StageLog): Promise<void> {
    part.over = true
    while (this.#parts[0]?.over) {
      await this.#parts[0].show()
      this.#parts.shift()
    }
    await this.#parts[0]?.show()
  }
}

/** The log of one stage. */
class StageLog {
  over = false
  readonly #out: (text: string) => Promise<void> | void
  #shown = false
  #held: string[] = []
  #size = 0

  constructor(out: (text: string) => Promise<void> | void) {
    this.#out = out
  }

  write(text: string): Promise<void> | void {
    if (this.#shown) return this.#out(text)
    if (this.#size > heldLimit) return
    this.#size += text.length
    this.#held.push(this.#size > heldLimit ? '\n[output of this stage left out: it says too much]\n' : text)
  }

  /** Lets go of what was held back; from now on nothing is. */
  async show(): Promise<void> {
    this.#shown = true
    const held = this.#held.splice(0).join('')
    if (held !== '') await this.#out(held)
  }
}
