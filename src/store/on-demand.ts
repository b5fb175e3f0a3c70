import type { Redis } from 'ioredis'

/** Which hostnames that no app has are given to an app when a client asks for them, with a certificate each. */
export interface OnDemand {
  /** App id. */
  readonly app: string
  /** Hostnames, wildcards perhaps, as DNS has them. */
  readonly allow: readonly string[]
  /** URL that is asked about all others, or path of the app (`/allowed`); null: none are allowed. */
  readonly ask: string | null
  /** Hostnames that are looked at in a minute: asked DNS and the app about. */
  readonly asksPerMinute: number
  /** Hostnames that the app is given in 24 hours. */
  readonly namesPerDay: number
  /** Hostnames that the app may have so. */
  readonly most: number
}

/** What became of a hostname. */
export interface Verdict {
  readonly host: string
  /** RFC 3339 */
  readonly at: string
  readonly allowed: boolean
  readonly says: string
}

/** Channel that is told when clients have asked for hostnames that no app has. */
export const unknownHostChanges = 'on-demand:noted'

/** Hostnames that wait to be looked at. */
const mostNoted = 1_000
/** Verdicts that are kept, the newest. */
const keptVerdicts = 20

/** 0: the app is gone; an id: that app has it. */
const put = `
local app, json = unpack(ARGV)
if redis.call('hexists', 'apps', app) == 0 then return 0 end
local before = redis.call('get', 'on-demand')
local owner = before and cjson.decode(before).app
if owner and owner ~= app and redis.call('hexists', 'apps', owner) == 1 then return owner end
redis.call('set', 'on-demand', json)
redis.call('publish', '${unknownHostChanges}', '')
return 1`

/** Lua: `endOnDemand(app)`, also for the script that forgets an app: 1 if it was that one's. */
export const demanding = `
local function endOnDemand(app)
  local before = redis.call('get', 'on-demand')
  if not before or cjson.decode(before).app ~= app then return 0 end
  redis.call('del', 'on-demand', 'on-demand:noted', 'on-demand:verdicts')
  return 1
end
`

/** 0: nobody wants to know. */
const note = `
if redis.call('exists', 'on-demand') == 0 then return 0 end
local room = ${String(mostNoted)} - redis.call('scard', 'on-demand:noted')
for at = 1, math.min(room, #ARGV) do redis.call('sadd', 'on-demand:noted', ARGV[at]) end
redis.call('publish', '${unknownHostChanges}', '')
return 1`

/** Nothing is kept once it is off. */
const judge = `
if redis.call('exists', 'on-demand') == 0 then return 0 end
redis.call('lpush', 'on-demand:verdicts', ARGV[1])
redis.call('ltrim', 'on-demand:verdicts', 0, ${String(keptVerdicts - 1)})
return 1`

/**
 * Certificates on demand: string `on-demand` (one app of the instance has them), set `on-demand:noted` (hostnames that routers were asked
 * for), list `on-demand:verdicts`.
 */
export class OnDemandRecord {
  readonly #redis: Redis
  constructor(redis: Redis) {
    this.#redis = redis
  }

  /** Null: it is off. */
  async get(): Promise<OnDemand | null> {
    const json = await this.#redis.get('on-demand')
    return json === null ? null : (JSON.parse(json) as OnDemand)
  }

  /** @returns id of another app that has it, and nothing has changed; '' where this one is gone; null: done */
  async put(settings: OnDemand): Promise<string | null> {
    const outcome = await this.#redis.eval(put, 0, settings.app, JSON.stringify(settings))
    return outcome === 1 ? null : outcome === 0 ? '' : String(outcome)
  }

  /** @returns whether it was this app's */
  async end(app: string): Promise<boolean> {
    return (await this.#redis.eval(`${demanding} return endOnDemand(ARGV[1])`, 0, app)) === 1
  }

  /** Said by routers; those for which there is no room are dropped. @returns whether anybody wants to know */
  async note(hosts: readonly string[]): Promise<boolean> {
    return (await this.#redis.eval(note, 0, ...hosts)) === 1
  }

  /** What has been noted, to be looked at: nobody else is given it. */
  take(): Promise<string[]> {
    return this.#redis.spop('on-demand:noted', mostNoted)
  }

  async judge(verdict: Verdict): Promise<void> {
    await this.#redis.eval(judge, 0, JSON.stringify(verdict))
  }

  /** Newest first. */
  async verdicts(): Promise<Verdict[]> {
    return (await this.#redis.lrange('on-demand:verdicts', 0, -1)).map((json) => JSON.parse(json) as Verdict)
  }
}
