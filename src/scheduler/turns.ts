/** A replacement that goes on, and how it is ended. */
interface Healing {
  readonly abort: AbortController
  readonly done: Promise<unknown>
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

  /** Replaces a process. Resolves with false when something else goes on, or the task fails. */
  async heal(app: string, task: (signal: AbortSignal) => Promise<unknown>): Promise<boolean> {
    if (this.#changes.has(app) || this.#healing.has(app)) return false
    const abort = new AbortController()
    const done = task(abort.signal).then(
      () => true,
      () => false,
    )
    this.#healing.set(app, { abort, done })
    try {
      return await done
    } finally {
      this.#healing.delete(app)
    }
  }
}
