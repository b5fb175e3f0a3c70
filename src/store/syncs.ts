import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import { Secret } from '../lib/secret.js'
import { change } from './records.js'
import type { Asker } from './operations.js'

export type SyncStatus = 'waiting' | 'running' | 'succeeded' | 'failed'

/** The server's fetch of the repository that an app is kept from, and the deploy of what was new. */
export interface Sync {
  /** Sorts by time; also the id of the build that it becomes, if something was new. */
  readonly id: string
  readonly status: SyncStatus
  /** What asked for it: `command`, or who sent a webhook. */
  readonly cause: string
  /** How often it was asked for while it waited. */
  readonly asked: number
  readonly by: Asker | null
  /** URL and branch, tag or commit, as they were then. */
  readonly source: string
  /** RFC 3339 */
  readonly createdAt: string
  readonly finishedAt: string | null
  /** What the branch was at. */
  readonly commit: string | null
  /** Id of the build; null when nothing was new, or it has not come to that. */
  readonly build: string | null
  /** Why it failed, one line. */
  readonly failure: string | null
  /** The process that does it, as `pushIdOf` names it. */
  readonly owner: string | null
}

export const isSyncOver = ({ status }: Sync): boolean => status === 'succeeded' || status === 'failed'

/** How many of an app's are remembered. */
export const keptSyncs = 30

/** One more, the oldest of too many gone; 0: the app is. */
const add = `
local app, id, json, most = unpack(ARGV)
if redis.call('hexists', 'apps', app) == 0 then return 0 end
redis.call('hset', KEYS[1], id, json)
local ids = redis.call('hkeys', KEYS[1])
table.sort(ids)
for at = 1, #ids - tonumber(most) do redis.call('hdel', KEYS[1], ids[at]) end
return 1`

/** The syncs of an app: hash `git:syncs:<app>` (id -> JSON), gone with the app. */
export class Syncs {
  readonly #redis: Redis
  readonly #app: string
  readonly #key: string
  constructor(redis: Redis, app: string) {
    this.#redis = redis
    this.#app = app
    this.#key = `git:syncs:${app}`
  }

  /** @returns whether it is recorded: an app that is gone has none */
  async add(sync: Sync): Promise<boolean> {
    return (await this.#redis.eval(add, 1, this.#key, this.#app, sync.id, JSON.stringify(sync), keptSyncs)) === 1
  }

  /** Newest first. */
  async list(): Promise<Sync[]> {
    const all = Object.values(await this.#redis.hgetall(this.#key)).map((json) => JSON.parse(json) as Sync)
    return all.sort((a, b) => (a.id < b.id ? 1 : -1))
  }

  async find(id: string): Promise<Sync | null> {
    const json = await this.#redis.hget(this.#key, id)
    return json === null ? null : (JSON.parse(json) as Sync)
  }

  /** @returns null when it is forgotten */
  update(id: string, patch: Partial<Sync>): Promise<Sync | null> {
    return change<Sync>(this.#redis, { hash: this.#key, key: id }, (before) => ({ ...before, ...patch }))
  }
}

/** Where an app is told that its repository has something new. */
export interface Webhook {
  /** Not to be guessed: who sends to it is known by the secret all the same. */
  readonly id: string
  readonly secret: Secret
  /** RFC 3339 */
  readonly createdAt: string
}

interface StoredWebhook {
  readonly app: string
  readonly secret: string
  readonly createdAt: string
}

/** Another secret for an app's webhook, which is made unless there is one; the answer is its id, or 0: the app is gone. */
const put = `
local app, fresh, json = unpack(ARGV)
if redis.call('hexists', 'apps', app) == 0 then return 0 end
local id = redis.call('hget', 'git:hooks:apps', app) or fresh
redis.call('hset', 'git:hooks:apps', app, id)
redis.call('hset', 'git:hooks', id, json)
return id`

const drop = `
local id = redis.call('hget', 'git:hooks:apps', ARGV[1])
if not id then return 0 end
redis.call('hdel', 'git:hooks', id)
return redis.call('hdel', 'git:hooks:apps', ARGV[1])`

/** Webhooks: hash `git:hooks` (id -> JSON) and hash `git:hooks:apps` (app -> id). */
export class Webhooks {
  readonly #redis: Redis
  constructor(redis: Redis) {
    this.#redis = redis
  }

  /** Gives an app a webhook, or the one that it has another secret; null when the app is gone. */
  async renew(app: string): Promise<Webhook | null> {
    const [fresh, secret] = [randomBytes(16), randomBytes(32)].map((bytes) => bytes.toString('base64url'))
    const stored: StoredWebhook = { app, secret: secret ?? '', createdAt: new Date().toISOString() }
    const id = await this.#redis.eval(put, 0, app, fresh ?? '', JSON.stringify(stored))
    return typeof id === 'string' ? { id, secret: new Secret(stored.secret), createdAt: stored.createdAt } : null
  }

  /** That of an app. */
  async of(app: string): Promise<Webhook | null> {
    const id = await this.#redis.hget('git:hooks:apps', app)
    const found = id === null ? null : await this.find(id)
    return found && { id: found.id, secret: found.secret, createdAt: found.createdAt }
  }

  /** Whose one is. */
  async find(id: string): Promise<(Webhook & { readonly app: string }) | null> {
    const json = await this.#redis.hget('git:hooks', id)
    if (json === null) return null
    const { app, secret, createdAt } = JSON.parse(json) as StoredWebhook
    return { id, app, secret: new Secret(secret), createdAt }
  }

  /** @returns whether there was one */
  async remove(app: string): Promise<boolean> {
    return (await this.#redis.eval(drop, 0, app)) === 1
  }
}
