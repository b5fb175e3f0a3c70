import type { Clock } from '../../src/scheduler/clock.js'

/** A clock that a test moves, and sets; timers count what passes and take no notice of what it is set to, as the machine's do. */
export class WallClock implements Clock {
  #passed = 0
  #set: number
  readonly #timers: { at: number; task: () => void }[] = []

  constructor(at: string) {
    this.#set = Date.parse(at)
  }

  now(): number {
    return this.#set + this.#passed
  }

  after(ms: number, task: () => void): () => void {
    const timer = { at: this.#passed + ms, task }
    this.#timers.push(timer)
    return () => {
      if (this.#timers.includes(timer)) this.#timers.splice(this.#timers.indexOf(timer), 1)
    }
  }

  /** Sets the clock to another time. */
  set(at: string): void {
    this.#set = Date.parse(at) - this.#passed
  }

  /** Milliseconds until the next timer; null when there is none. */
  get ahead(): number | null {
    return this.#timers.length === 0 ? null : Math.min(...this.#timers.map(({ at }) => at)) - this.#passed
  }

  /** Lets time pass, and calls what comes up in it. */
  pass(ms: number): void {
    const end = this.#passed + ms
    for (;;) {
      const next = this.#timers.sort((a, b) => a.at - b.at)[0]
      if (!next || next.at > end) break
      this.#timers.shift()
      this.#passed = Math.max(this.#passed, next.at)
      next.task()
    }
    this.#passed = end
  }
}
