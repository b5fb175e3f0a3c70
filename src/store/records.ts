import type { Redis } from 'ioredis'

/**
 * Changes one JSON record of a hash in one step: what another process writes meanwhile is kept, and `next` is asked again
 * with it. `script` (Lua) writes: it gets the key, the record as it was read and as it shall be, then `args`, and answers
 * 0 when the record is no longer what was read.
 * @param next answers null to leave the record as it is
 * @returns the record as it is now; null when there is none
 */
export async function change<T>(
  redis: Redis,
  { hash, key, script = replace, args = () => [] }: ChangeOptions<T>,
  next: (before: T) => T | null,
): Promise<T | null> {
  for (;;) {
    const json = await redis.hget(hash, key)
    if (json === null) return null
    const before = JSON.parse(json) as T
    const after = next(before)
    if (after === null) return before
    if ((await redis.eval(script, 1, hash, key, json, JSON.stringify(after), ...args(after))) !== 0) return after
  }
}

export interface ChangeOptions<T> {
  readonly hash: string
  readonly key: string
  readonly script?: string
  readonly args?: (after: T) => string[]
}

/** Lua that a `script` begins with. */
export const unlessChanged = `
local key, before, after = ARGV[1], ARGV[2], ARGV[3]
if redis.call('hget', KEYS[1], key) ~= before then return 0 end
redis.call('hset', KEYS[1], key, after)
`

const replace = `${unlessChanged}
return 1`
