import type { Redis } from 'ioredis'
import { BerthError } from '../errors.js'
import { Secret } from '../lib/secret.js'

/** What is known of the login at a registry; never its password. */
export interface RegistryLogin {
  /** `name` or `name:port`, as the names of its images begin. */
  readonly host: string
  readonly user: string
}

/** Registries that a server has logins for. */
export const maxRegistryLogins = 50

const key = 'registries'

/** One more, unless there are as many as there may be. */
const add = `
local host, json, most = unpack(ARGV)
if redis.call('hexists', KEYS[1], host) == 0 and redis.call('hlen', KEYS[1]) >= tonumber(most) then return 0 end
redis.call('hset', KEYS[1], host, json)
return 1`

/** Users and passwords with which the server pulls images: hash `registries` (host -> JSON). */
export class RegistryLogins {
  readonly #redis: Redis
  constructor(redis: Redis) {
    this.#redis = redis
  }

  /** @throws BerthError `large` when there are too many */
  async set({ host, user }: RegistryLogin, password: Secret): Promise<void> {
    const json = JSON.stringify({ user, password: password.reveal() })
    if ((await this.#redis.eval(add, 1, key, host, json, maxRegistryLogins)) === 1) return
    throw new BerthError(
      'large',
      `there are logins for ${String(maxRegistryLogins)} registries, and no more are kept`,
      'remove one with `berth registry:logout HOST`',
    )
  }

  /** By host. */
  async list(): Promise<RegistryLogin[]> {
    const all = [...(await this.all())]
    return all.map(([host, { user }]) => ({ host, user })).sort((a, b) => (a.host < b.host ? -1 : 1))
  }

  /** By their hosts, with their passwords. */
  async all(): Promise<Map<string, { readonly user: string; readonly password: Secret }>> {
    const stored = await this.#redis.hgetall(key)
    return new Map(
      Object.entries(stored).map(([host, json]) => {
        const { user, password } = JSON.parse(json) as { user: string; password: string }
        return [host, { user, password: new Secret(password) }]
      }),
    )
  }

  /** @returns whose it was. @throws BerthError `missing` */
  async remove(host: string): Promise<RegistryLogin> {
    const login = (await this.all()).get(host)
    if (!login || (await this.#redis.hdel(key, host)) === 0)
      throw new BerthError('missing', `there is no login for "${host.slice(0, 80)}"`, '`berth registry` lists them')
    return { host, user: login.user }
  }
}
