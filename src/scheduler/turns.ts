import { messageOf } from '../errors.js'

/** A replacement that goes on, and how it is ended. */
interface Healing {
  readonly abort: AbortController
  readonly done: Promise<string | null>
}

/** Keeps changes of what runs apart: a process is replaced for its health when nothing else changes its app, one at a time. */
export class Turns {
  /** App id -> changes that somebody has asked for and that are under way. */
  readonly #changes = new Map<string, number>()
  readonly #healing = new Map<string, Healing>()

  /** Makes a change that somebody has asked for. A replacement that is under way gives way to it. */
  async change<T>(app: string, task: () => Promise<T>): Promise<T> {
    this.#changes.set(app, (this.#changes.get(app) ?? 0) + 1)
    try {
      const healing = this.#healing.get(app)
      healing?.abort.abort(new Error('something else changes the app'))
      await healing?.done
      return await task()
    } finally {
      const left = (this.#changes.get(app) ?? 1) - 1
      if (left > 0) this.#changes.set(app, left)
      else this.#changes.delete(app)
    }
  }

  /** Replaces a process. Resolves with null when that is done, or with why it is not, in words. */
  async heal(app: string, task: (signal: AbortSignal) => Promise<unknown>): Promise<string | null> {
    if (this.#changes.has(app)) return 'something else changes the app'
    if (this.#healing.has(app)) return 'another process of the app is being replaced'
    const abort = new AbortController()
    const done = task(abort.signal).then(() => null, messageOf)
    this.#healing.set(app, { abort, done })
    try {
      return await done
    } finally {
      this.#healing.delete(app)
    }
  }
}
