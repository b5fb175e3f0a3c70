import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import { BerthError } from '../errors.js'
import { firstRelease } from './releases.js'

/** An app. `id` never changes and names its network, repository and labels; `name` is its hostname and may change. */
export interface App {
  readonly id: string
  readonly name: string
  /** RFC 3339 */
  readonly createdAt: string
  /** Branch whose pushes deploy; null is `main` or `master`. */
  readonly deployBranch: string | null
  /** Version of the release that runs, or should. */
  readonly current: number
}

export const reservedNames: ReadonlySet<string> = new Set([
  'berth',
  'api',
  'www',
  'git',
  'registry',
  'admin',
  'localhost',
])

/** A DNS label (RFC 1035 §2.3.1) of 1 to 63 characters that begins with a letter. */
export const appName = /^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** @throws BerthError `invalid`, saying which rule the name breaks */
export function checkAppName(name: string): void {
  if (!appName.test(name))
    throw new BerthError(
      'invalid',
      `"${name.slice(0, 80)}" is not an app name`,
      'use 1 to 63 lower-case letters, digits and dashes, beginning with a letter and not ending with a dash',
    )
  if (reservedNames.has(name)) throw new BerthError('invalid', `the name "${name}" is reserved`, 'choose another name')
}

const missing = (name: string): BerthError =>
  new BerthError('missing', `no app named "${name.slice(0, 80)}"`, 'run `berth apps` to see them all')

const taken = (name: string): BerthError =>
  new BerthError('conflict', `the name "${name}" is taken`, 'choose another name, or run `berth apps` to see them all')

/** Gives a name to an app and writes its record, and its first release or its old name's end, in one step; 0: it is taken. */
const claim = `
local id, name, json, release, old = unpack(ARGV)
if redis.call('hsetnx', KEYS[2], name, id) == 0 then return 0 end
redis.call('hset', KEYS[1], id, json)
if KEYS[3] then redis.call('hset', KEYS[3], '1', release) end
if old then redis.call('hdel', KEYS[2], old) end
return 1`

/** The record of apps: hash `apps` (id -> JSON) and hash `apps:names` (name -> id). */
export class Apps {
  readonly #redis: Redis
  constructor(redis: Redis) {
    this.#redis = redis
  }

  /** Makes an app and its release v1, both or neither. @throws BerthError `invalid` for a bad name, `conflict` for a taken one */
  async create(name: string): Promise<App> {
    checkAppName(name)
    const app: App = {
      id: randomBytes(6).toString('hex'),
      name,
      createdAt: new Date().toISOString(),
      deployBranch: null,
      current: 1,
    }
    const [json, release] = [app, firstRelease(app.id)].map((record) => JSON.stringify(record))
    const keys = ['apps', 'apps:names', `releases:${app.id}`]
    if ((await this.#redis.eval(claim, keys.length, ...keys, app.id, name, json ?? '', release ?? '')) === 0)
      throw taken(name)
    return app
  }

  async list(): Promise<App[]> {
    const all = await this.#redis.hvals('apps')
    return all.map((json) => JSON.parse(json) as App).sort((a, b) => a.name.localeCompare(b.name))
  }

  /** @throws BerthError `missing` */
  async get(name: string): Promise<App> {
    const id = await this.#redis.hget('apps:names', name)
    const app = id === null ? null : await this.find(id)
    if (!app) throw missing(name)
    return app
  }

  async find(id: string): Promise<App | null> {
    const json = await this.#redis.hget('apps', id)
    return json === null ? null : (JSON.parse(json) as App)
  }

  /** Changes fields of an app. Only the worker, which serialises an app's changes, sets `current`. */
  async update(id: string, patch: Partial<Pick<App, 'current' | 'deployBranch'>>): Promise<App> {
    const app = await this.find(id)
    if (!app) throw missing(id)
    const next = { ...app, ...patch }
    await this.#write(next)
    return next
  }

  /** @throws BerthError `invalid`, `conflict`, `missing`; nothing has changed then */
  async rename(id: string, name: string): Promise<App> {
    checkAppName(name)
    const app = await this.find(id)
    if (!app) throw missing(id)
    if (app.name === name) return app
    const next = { ...app, name }
    const json = JSON.stringify(next)
    if ((await this.#redis.eval(claim, 2, 'apps', 'apps:names', id, name, json, '', app.name)) === 0) throw taken(name)
    return next
  }

  async remove(id: string): Promise<void> {
    const app = await this.find(id)
    if (app) await this.#redis.multi().hdel('apps', id).hdel('apps:names', app.name).exec()
  }

  async #write(app: App): Promise<void> {
    await this.#redis.hset('apps', app.id, JSON.stringify(app))
  }
}
