/** What time it is, and timers. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Calls `task` after `ms`; answers with what calls it off. */
  after(ms: number, task: () => void): () => void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, task) {
    const timer = setTimeout(task, ms)
    return () => clearTimeout(timer)
  },
}
