import type { Redis } from 'ioredis'
import { BerthError } from '../errors.js'
import { Secret } from '../lib/secret.js'

/** What is known of a login at a host; never its password. */
export interface Login {
  /** `name` or `name:port`, as a URL or the name of an image has it. */
  readonly host: string
  readonly user: string
}

/** Logins of one kind: of an app, or of the server. */
export const maxLogins = 50

/** Where logins are kept, and how a person gets at them. */
interface Place {
  readonly key: string
  /** Whose they are; null is the server. */
  readonly app: string | null
  /** Commands. */
  readonly list: string
  readonly remove: string
}

/** One more, unless there are as many as there may be; 0: there are, -1: their app is gone. */
const add = `
local app, host, json, most = unpack(ARGV)
if app ~= '' and redis.call('hexists', 'apps', app) == 0 then return -1 end
if redis.call('hexists', KEYS[1], host) == 0 and redis.call('hlen', KEYS[1]) >= tonumber(most) then return 0 end
redis.call('hset', KEYS[1], host, json)
return 1`

/** Users and passwords by host: a hash (host -> JSON). */
export class Logins {
  readonly #redis: Redis
  readonly #place: Place
  constructor(redis: Redis, place: Place) {
    this.#redis = redis
    this.#place = place
  }

  /** @throws BerthError `missing` when the app is gone, `large` when there are too many */
  async set({ host, user }: Login, password: Secret): Promise<void> {
    const { key, app, remove } = this.#place
    const json = JSON.stringify({ user, password: password.reveal() })
    const added = await this.#redis.eval(add, 1, key, app ?? '', host, json, maxLogins)
    if (added === -1) throw new BerthError('missing', 'the app was destroyed')
    if (added === 0)
      throw new BerthError(
        'large',
        `there are ${String(maxLogins)} logins, and no more are kept`,
        `remove one with \`berth ${remove} HOST\``,
      )
  }

  /** By host. */
  async list(): Promise<Login[]> {
    const all = [...(await this.all())]
    return all.map(([host, { user }]) => ({ host, user })).sort((a, b) => (a.host < b.host ? -1 : 1))
  }

  /** By their hosts, with their passwords. */
  async all(): Promise<Map<string, { readonly user: string; readonly password: Secret }>> {
    const stored = await this.#redis.hgetall(this.#place.key)
    return new Map(
      Object.entries(stored).map(([host, json]) => {
        const { user, password } = JSON.parse(json) as { user: string; password: string }
        return [host, { user, password: new Secret(password) }]
      }),
    )
  }

  /** @returns whose it was. @throws BerthError `missing` */
  async remove(host: string): Promise<Login> {
    const { key, list } = this.#place
    const login = (await this.all()).get(host)
    if (!login || (await this.#redis.hdel(key, host)) === 0)
      throw new BerthError('missing', `there is no login for "${host.slice(0, 80)}"`, `\`berth ${list}\` lists them`)
    return { host, user: login.user }
  }
}

/** With which an app's submodules are fetched: `git:logins:<app>`, gone with the app. */
export const gitLogins = (redis: Redis, app: string): Logins =>
  new Logins(redis, { key: `git:logins:${app}`, app, list: 'git', remove: 'git:auth:remove' })

/** With which the server pulls images: `registries`. */
export const registryLogins = (redis: Redis): Logins =>
  new Logins(redis, { key: 'registries', app: null, list: 'registry', remove: 'registry:logout' })
