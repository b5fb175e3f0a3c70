import { randomInt } from 'node:crypto'

/** Numbers that look random and come again with the same seed. */
export interface Random {
  readonly seed: number
  /** A whole number from 0 to `below` - 1. */
  below(below: number): number
  /** One of them. */
  of<T>(choices: readonly T[]): T
  /** Another sequence, the same for the same name: what is drawn from one does not move the other. */
  fork(name: string): Random
}

/** The seed that BERTH_TEST_SEED gives, or one of its own. */
export const seedOf = (given = process.env.BERTH_TEST_SEED): number =>
  given === undefined || given === '' ? randomInt(2 ** 31) : Number(given)

/** A xorshift generator (Marsaglia, "Xorshift RNGs", 2003): no test needs a better one. */
export function random(seed: number): Random {
  let state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) | 1) >>> 0
  const next = (): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>>= 0)
  }
  for (let i = 0; i < 8; i++) next()
  const below = (limit: number): number => next() % limit
  return {
    seed,
    below,
    of: <T>(choices: readonly T[]): T => choices[below(choices.length)] as T,
    fork: (name) => random(Buffer.from(name).reduce((sum, byte) => Math.imul(sum, 31) + byte, seed)),
  }
}
