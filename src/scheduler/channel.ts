/** Values waiting to be read beyond which those who push should pause. */
const full = 1_000

/** Values pushed by some, read by one, in order; reading ends after `end`. */
export class Channel<T> implements AsyncIterable<T> {
  readonly #values: T[] = []
  #wake: (() => void) | undefined
  #ended = false
  #empty: (() => void)[] = []

  push(value: T): void {
    this.#values.push(value)
    this.#wake?.()
  }

  /** Resolves when the reader has caught up enough for more to be pushed. */
  async room(): Promise<void> {
    if (this.#values.length >= full && !this.#ended) await new Promise<void>((resolve) => this.#empty.push(resolve))
  }

  end(): void {
    this.#ended = true
    this.#wake?.()
    this.#release()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      while (this.#values.length > 0) yield this.#values.shift() as T
      this.#release()
      if (this.#ended) return
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  #release(): void {
    for (const go of this.#empty.splice(0)) go()
  }
}
