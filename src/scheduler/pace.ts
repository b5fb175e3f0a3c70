import type { Clock } from './clock.js'

/** Turns a key may take one right after the other. */
const burst = 60
/** Turns a second that it may take for ever. */
const rate = 4

/**
 * Keeps what is repeated because of its own outcome from spinning: whatever the cause, a key gets `rate` turns a second in
 * the long run.
 */
export class Pace {
  readonly #clock: Clock
  readonly #left = new Map<string, { turns: number; at: number }>()
  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes a turn; answers with the milliseconds to wait before it. */
  take(key: string): number {
    const now = this.#clock.now()
    const before = this.#left.get(key) ?? { turns: burst, at: now }
    const turns = Math.min(burst, before.turns + (Math.max(now - before.at, 0) / 1000) * rate) - 1
    this.#left.set(key, { turns, at: now })
    return turns >= 0 ? 0 : (-turns / rate) * 1000
  }

  forget(key: string): void {
    this.#left.delete(key)
  }
}
