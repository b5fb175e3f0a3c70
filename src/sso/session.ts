import type { Person } from './person.js'

/** A sign-in that has been ended, as a cookie holds it. */
export interface Session {
  readonly person: Person
  /** Seconds since the epoch. */
  readonly since: number
  readonly until: number
}

/** ms that a sign-in may take, from the app's hostname to the issuer and back. */
export const attemptTime = 600_000
/** Characters of the place that somebody is sent back to; who wanted to go to a longer one gets to the app's root. */
export const mostPlace = 1_000

/** A sign-in under way, as a cookie holds it. */
export interface Attempt {
  readonly state: string
  readonly nonce: string
  readonly verifier: string
  /** Request target that it began at. */
  readonly place: string
  /** Seconds since the epoch. */
  readonly until: number
}

/** States that somebody has come back with: each is good for once. */
export class UsedStates {
  readonly #used = new Set<string>()
  readonly #most: number

  constructor(most = 10_000) {
    this.#most = most
  }

  /** @returns false where it has been taken before */
  take(state: string): boolean {
    if (this.#used.has(state)) return false
    this.#used.add(state)
    if (this.#used.size > this.#most) this.#used.delete(this.#used.values().next().value ?? '')
    return true
  }
}
