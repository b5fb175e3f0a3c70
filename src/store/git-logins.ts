import type { Redis } from 'ioredis'
import { BerthError } from '../errors.js'
import { Secret } from '../lib/secret.js'

/** What is known of an app's login at a host of git repositories; never its password. */
export interface GitLogin {
  /** `name` or `name:port`, as a URL has it. */
  readonly host: string
  readonly user: string
}

/** Logins of one app. */
export const maxGitLogins = 50

const keyOf = (app: string): string => `git:logins:${app}`

/** One more, unless there are as many as there may be; 0: there are, -1: its app is gone. */
const add = `
local app, key, host, json, most = unpack(ARGV)
if redis.call('hexists', 'apps', app) == 0 then return -1 end
if redis.call('hexists', key, host) == 0 and redis.call('hlen', key) >= tonumber(most) then return 0 end
redis.call('hset', key, host, json)
return 1`

/** Users and passwords with which an app's submodules are fetched: hash `git:logins:<app>` (host -> JSON), gone with the app. */
export class GitLogins {
  readonly #redis: Redis
  constructor(redis: Redis) {
    this.#redis = redis
  }

  /** @throws BerthError `missing` when the app is gone, `large` when it has too many */
  async set(app: string, { host, user }: GitLogin, password: Secret): Promise<void> {
    const json = JSON.stringify({ user, password: password.reveal() })
    const added = await this.#redis.eval(add, 0, app, keyOf(app), host, json, maxGitLogins)
    if (added === -1) throw new BerthError('missing', 'the app was destroyed')
    if (added === 0)
      throw new BerthError(
        'large',
        `an app can have ${String(maxGitLogins)} logins`,
        'remove one with `berth git:auth:remove HOST`',
      )
  }

  async list(app: string): Promise<GitLogin[]> {
    const all = [...(await this.all(app))]
    return all.map(([host, { user }]) => ({ host, user })).sort((a, b) => (a.host < b.host ? -1 : 1))
  }

  /** By their hosts, with their passwords. */
  async all(app: string): Promise<Map<string, { readonly user: string; readonly password: Secret }>> {
    const stored = await this.#redis.hgetall(keyOf(app))
    return new Map(
      Object.entries(stored).map(([host, json]) => {
        const { user, password } = JSON.parse(json) as { user: string; password: string }
        return [host, { user, password: new Secret(password) }]
      }),
    )
  }

  /** @returns whose it was. @throws BerthError `missing` */
  async remove(app: string, host: string): Promise<GitLogin> {
    const login = (await this.all(app)).get(host)
    if (!login || (await this.#redis.hdel(keyOf(app), host)) === 0)
      throw new BerthError('missing', `there is no login for "${host.slice(0, 80)}"`, '`berth git` lists them')
    return { host, user: login.user }
  }
}
