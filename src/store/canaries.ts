import type { Redis } from 'ioredis'
import type { CanaryHeader, CanaryRule } from '../canary-rule.js'

/** A release that some of an app's requests go to, beside the one that it runs. */
export interface Canary extends CanaryRule {
  readonly release: number
  /** Web processes of it; absent: as many as its share of the app's own needs. */
  readonly processes?: number
}

/** What of a route follows from it. */
export const ruleOf = ({ since, percent, header }: Canary): CanaryRule => ({
  ...{ since, percent },
  ...(header && { header: { name: header.name, value: header.value } satisfies CanaryHeader }),
})

/** Requests that were answered, and those of them that were not answered well: with a 5xx, or by a page of the router in place of one. */
export interface Answered {
  readonly requests: number
  readonly errors: number
}

/** The two sides of an app that has a canary. */
export const canarySides = ['stable', 'canary'] as const
export type CanarySide = (typeof canarySides)[number]
export type CanaryCounts = Readonly<Record<CanarySide, Answered>>

/** Adds to the counts of a canary that the app still has; those of the one before are forgotten. */
const add = `
local key, id, since = KEYS[1], ARGV[1], ARGV[2]
local app = redis.call('hget', 'apps', id)
local canary = app and cjson.decode(app).canary
if type(canary) ~= 'table' or canary.since ~= since then return 0 end
if redis.call('hget', key, 'since') ~= since then redis.call('del', key) end
redis.call('hset', key, 'since', since)
for at = 3, #ARGV, 2 do redis.call('hincrby', key, ARGV[at], ARGV[at + 1]) end
return 1`

const keyOf = (app: string): string => `canary:${app}`

/** What has become of requests since an app has its canary: hash `canary:<app id>`. The router adds to it. */
export class Canaries {
  readonly #redis: Redis
  constructor(redis: Redis) {
    this.#redis = redis
  }

  async count(app: string, since: string, counts: CanaryCounts): Promise<void> {
    const fields = canarySides.flatMap((side) => [
      ...[`${side}:requests`, String(counts[side].requests)],
      ...[`${side}:errors`, String(counts[side].errors)],
    ])
    await this.#redis.eval(add, 1, keyOf(app), app, since, ...fields)
  }

  async counts(app: string, since: string): Promise<CanaryCounts> {
    const all = await this.#redis.hgetall(keyOf(app))
    const of = (side: CanarySide): Answered => ({
      requests: all.since === since ? Number(all[`${side}:requests`] ?? 0) : 0,
      errors: all.since === since ? Number(all[`${side}:errors`] ?? 0) : 0,
    })
    return { stable: of('stable'), canary: of('canary') }
  }
}
