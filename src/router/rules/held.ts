import type { Reply } from '../reply.js'

/** Requests of one app that are held at once; their bodies stay with their clients. */
const mostHeld = 1_000

/** Requests that wait for an app's rules to change, in the order in which they came. */
export class Held {
  readonly #waiting = new Set<() => void>()

  /**
   * Holds a request; a client that leaves is forgotten.
   * @param ms for how long
   * @param go is called once: with true when the rules have changed, false when that takes too long
   * @returns false when there is no room for it
   */
  add(ms: number, reply: Pick<Reply, 'whenClosed'>, go: (haveChanged: boolean) => void): boolean {
    if (this.#waiting.size >= mostHeld) return false
    const changed = () => {
      clearTimeout(late)
      this.#waiting.delete(changed)
      go(true)
    }
    const late = setTimeout(() => {
      this.#waiting.delete(changed)
      go(false)
    }, ms)
    reply.whenClosed(() => {
      clearTimeout(late)
      this.#waiting.delete(changed)
    })
    this.#waiting.add(changed)
    return true
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.size
  }

  /** Lets all of them go, the first that came first. */
  release(): void {
    for (const go of [...this.#waiting]) go()
  }
}
