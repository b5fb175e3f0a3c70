/** Keys that are remembered; with more, those that were asked about longest ago are forgotten. */
const mostKeys = 10_000

interface Bucket {
  left: number
  /** Milliseconds of the clock. */
  at: number
}

/** How often something may be done for a key: `burst` times at once, and `perSecond` times from then on. */
export class RateLimit {
  readonly #burst: number
  readonly #perSecond: number
  readonly #now: () => number
  readonly #buckets = new Map<string, Bucket>()

  constructor(burst: number, perSecond: number, now: () => number = () => performance.now()) {
    this.#burst = burst
    this.#perSecond = perSecond
    this.#now = now
  }

  /** Takes one, if there is one. */
  take(key: string): boolean {
    const at = this.#now()
    const before = this.#buckets.get(key) ?? { left: this.#burst, at }
    const left = Math.min(this.#burst, before.left + ((at - before.at) / 1000) * this.#perSecond)
    this.#buckets.delete(key) // the last that was asked about is the last to be forgotten
    this.#buckets.set(key, { left: left < 1 ? left : left - 1, at })
    if (this.#buckets.size > mostKeys) this.#buckets.delete(this.#buckets.keys().next().value ?? '')
    return left >= 1
  }
}
