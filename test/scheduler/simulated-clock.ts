import type { Clock } from '../../src/scheduler/clock.js'

/** Time that passes when the test says so. */
export class SimulatedClock implements Clock {
  #now = Date.parse('2026-01-01T00:00:00Z')
  readonly #timers: { at: number; task: () => void }[] = []

  now(): number {
    return this.#now
  }

  after(ms: number, task: () => void): () => void {
    const timer = { at: this.#now + ms, task }
    this.#timers.push(timer)
    return () => {
      if (this.#timers.includes(timer)) this.#timers.splice(this.#timers.indexOf(timer), 1)
    }
  }

  /** Goes on to the next timer, or by `ms`, whichever is first; answers with what is left of `ms`. */
  step(ms: number): number {
    const next = this.#timers.sort((a, b) => a.at - b.at)[0]
    if (!next || next.at > this.#now + ms) {
      this.#now += ms
      return 0
    }
    this.#timers.shift()
    const left = ms - Math.max(next.at - this.#now, 0)
    this.#now = Math.max(next.at, this.#now)
    next.task()
    return left
  }
}
