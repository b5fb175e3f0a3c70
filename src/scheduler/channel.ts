/** Values waiting to be read beyond which those who push should pause. */
const full = 1_000
/** The same of what they cost. */
const fullCost = 4 * 1024 * 1024

/** Values pushed by some, read by one, in order; reading ends after `end`. */
export class Channel<T> implements AsyncIterable<T> {
  readonly #values: { value: T; cost: number }[] = []
  #cost = 0
  #wake: (() => void) | undefined
  #ended = false
  #empty: (() => void)[] = []

  /** `cost` is what keeping the value takes, in bytes or so. */
  push(value: T, cost = 0): void {
    this.#values.push({ value, cost })
    this.#cost += cost
    this.#wake?.()
  }

  /** Resolves when the reader has caught up enough for more to be pushed. */
  async room(): Promise<void> {
    if ((this.#values.length >= full || this.#cost >= fullCost) && !this.#ended)
      await new Promise<void>((resolve) => this.#empty.push(resolve))
  }

  end(): void {
    this.#ended = true
    this.#wake?.()
    this.#release()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      for (let next = this.#values.shift(); next; next = this.#values.shift()) {
        this.#cost -= next.cost
        yield next.value
      }
      this.#release()
      if (this.#ended) return
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  #release(): void {
    for (const go of this.#empty.splice(0)) go()
  }
}
