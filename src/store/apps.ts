import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { Redis } from 'ioredis'
import { BerthError } from '../errors.js'
import { ordering } from './acme.js'
import type { Canary } from './canaries.js'
import { certifying } from './certificates.js'
import type { CheckSettings } from './checks.js'
import { HostnameTaken, namesOf, type Domain, type DomainPath } from './domains.js'
import { noApp } from './missing.js'
import { demanding } from './on-demand.js'
import { firstRelease } from './releases.js'
import { claimsOf, draftRoute, routing, targetsOf, type AppPort, type Route } from './routes.js'
import type { RoutingRules } from '../routing-rules.js'

/**
 * An app. `id` never changes and names its network, repository and labels; `name` is its hostname and may change. What
 * a kind of change alone keeps of an app it declares beside its schema, as another field of this interface.
 */
export interface App {
  readonly id: string
  readonly name: string
  /** RFC 3339 */
  readonly createdAt: string
  /** Branch whose pushes deploy; null is `main` or `master`. */
  readonly deployBranch: string | null
  /** Version of the release that runs, or should. */
  readonly current: number
  /** http or https URL of the repository that it is a copy of: what URLs of its submodules are relative to. */
  readonly gitOrigin?: string | undefined
  /** The repository that it is kept from: the server fetches it when it is told to. */
  readonly gitSource?: GitSource | undefined
  /** The script that its app.json wants run once has ended well. */
  readonly prepared?: true
  /** What somebody has said of its checks; it counts more than what the app says. */
  readonly checks?: CheckSettings
  /** Hostnames that it has beside that of its name. */
  readonly domains?: readonly Domain[]
  /** Paths of other apps' hostnames, below which it answers. */
  readonly paths?: readonly DomainPath[]
  /** Ports of this machine that lead to its processes. */
  readonly ports?: readonly AppPort[]
  /** Clients that come by plain HTTP are sent on to HTTPS. */
  readonly https?: boolean
  /** Berth orders certificates for its hostnames. */
  readonly autoCerts?: boolean
  /** What the router does with its requests. */
  readonly rules?: RoutingRules
  readonly canary?: Canary | undefined
  /** Bytes that it may have on the disk, 0: no limit; where it is not said, it is as the server's settings say. */
  readonly diskLimit?: number | undefined
  /** Memory that its builds took lately, in bytes: the next is begun when there is so much. */
  readonly buildMemory?: number
}

/** A repository elsewhere, and what of it is deployed. */
export interface GitSource {
  /** http or https, without user and password. */
  readonly url: string
  /** A branch, a tag, or a whole commit id; null is the repository's own default branch. */
  readonly ref: string | null
}

/** Fields of an app that may change. */
type Patch = Partial<Omit<App, 'id' | 'createdAt'>>

export const reservedNames: ReadonlySet<string> = new Set([
  'berth',
  'api',
  'www',
  'git',
  'registry',
  'admin',
  'localhost',
])

/** Channel that is told the id of an app whose record has changed, its release too, or is gone. */
export const appChanges = 'apps:changed'

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

const taken = (name: string): BerthError =>
  new BerthError('conflict', `the name "${name}" is taken`, 'choose another name, or run `berth apps` to see them all')

/** An app with its name, first release, hostname and route; 0: the name or the hostname is taken. */
const make = `${routing}
local id, name, app, release, route, hosts = unpack(ARGV)
hosts = cjson.decode(hosts)
if redis.call('hexists', 'apps:names', name) == 1 or taken(id, hosts) then return 0 end
redis.call('hset', 'apps:names', name, id)
redis.call('hset', 'apps', id, app)
redis.call('hset', 'releases:' .. id, '1', release)
lead(id, route, hosts)
return 1`

/**
 * Another record, and with it other hostnames; 0: something is not what was read, -1: the name is taken, a list: that hostname or path
 * is, or that port, by whom.
 */
const applyChanges = `${routing}
local id, before, after, old, name, was, route, hosts = unpack(ARGV)
if redis.call('hget', 'apps', id) ~= before then return 0 end
if hosts ~= '' then
  hosts = cjson.decode(hosts)
  if (redis.call('hget', 'routes', id) or '') ~= was then return 0 end
  if old ~= name and redis.call('hexists', 'apps:names', name) == 1 then return -1 end
  local host = taken(id, hosts)
  if host then return {host, redis.call('hget', 'routes:hosts', host) or ''} end
  redis.call('hdel', 'apps:names', old)
  redis.call('hset', 'apps:names', name, id)
  if was ~= '' then lead(id, route, hosts) end
end
redis.call('hset', 'apps', id, after)
redis.call('publish', '${appChanges}', id)
return 1`

/** Everything of an app; whoever follows one of its operations is told to look. */
const forget = `${routing}${certifying}${ordering}${demanding}
local id = ARGV[1]
local app = redis.call('hget', 'apps', id)
local name = app and cjson.decode(app).name
if name and redis.call('hget', 'apps:names', name) == id then redis.call('hdel', 'apps:names', name) end
lose(id)
forgetCertificates(id)
forgetJobs(id)
endOnDemand(id)
redis.call('hdel', 'routes:version', id)
for _, one in ipairs(redis.call('lrange', 'deploys:' .. id, 0, -1)) do redis.call('hdel', 'deploys', one) end
for _, one in ipairs(redis.call('lrange', 'pending:' .. id, 0, -1)) do redis.call('publish', 'deploy:' .. one, 'gone') end
redis.call('del', 'releases:' .. id, 'deploys:' .. id, 'pending:' .. id, 'git:logins:' .. id, 'notices:' .. id)
redis.call('del', 'git:syncs:' .. id, 'git:ssh:' .. id, 'pages:' .. id, 'canary:' .. id)
local hook = redis.call('hget', 'git:hooks:apps', id)
if hook then redis.call('hdel', 'git:hooks', hook) end
redis.call('hdel', 'git:hooks:apps', id)
for _, kind in ipairs({'lines', 'paused', 'due', 'runs'}) do redis.call('del', 'cron:' .. kind .. ':' .. id) end
redis.call('srem', 'pending', id)
redis.call('hdel', 'apps', id)
redis.call('publish', '${appChanges}', id)`

/**
 * The record of apps: hash `apps` (id -> JSON) and hash `apps:names` (name -> id). An app has its route and its first
 * release from the step that makes it to the step that forgets it.
 */
export class Apps {
  readonly #redis: Redis
  readonly #hostOf: (name: string) => string
  /** @param hostOf the hostname that goes with a name */
  constructor(redis: Redis, hostOf: (name: string) => string) {
    this.#redis = redis
    this.#hostOf = hostOf
  }

  /**
   * Makes an app, its release v1, and a route without processes, so that its hostname answers 503 from the start: all or
   * nothing.
   * @throws BerthError `invalid` for a bad name, `conflict` for a taken one
   */
  async create(name: string): Promise<App> {
    checkAppName(name)
    const id = randomBytes(6).toString('hex')
    const app: App = { id, name, createdAt: new Date().toISOString(), deployBranch: null, current: 1 }
    const hosts = [this.#hostOf(name)]
    const [json, release] = [app, firstRelease(id)].map((record) => JSON.stringify(record))
    const route = draftRoute({ app: id, name, hosts, targets: [], away: 'not-pushed' })
    const args = [id, name, json ?? '', release ?? '', route, JSON.stringify(hosts)]
    if ((await this.#redis.eval(make, 0, ...args)) === 0) throw taken(name)
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
    if (!app) throw noApp(name)
    return app
  }

  async find(id: string): Promise<App | null> {
    const json = await this.#redis.hget('apps', id)
    return json === null ? null : (JSON.parse(json) as App)
  }

  /**
   * Changes fields of an app, all or none; the others keep what somebody else gives them meanwhile. With its name and its domains, its
   * hostnames and its route change in the same step, so that no two apps ever have one. Only the worker, which
   * serialises an app's changes, sets `current`.
   * @param patch asked again with what somebody else has made of the app meanwhile
   * @throws BerthError `invalid`, `conflict` for a bad or a taken name or hostname (HostnameTaken), `missing`
   */
  async update(id: string, patch: Patch | ((app: App) => Patch)): Promise<App> {
    for (;;) {
      const [json, was] = await Promise.all([this.#redis.hget('apps', id), this.#redis.hget('routes', id)])
      if (json === null) throw noApp(typeof patch === 'object' && patch.name !== undefined ? patch.name : id)
      const app = JSON.parse(json) as App
      const next: App = { ...app, ...(typeof patch === 'object' ? patch : patch(app)) }
      if (next.name !== app.name) checkAppName(next.name)
      const args = [id, json, JSON.stringify(next), app.name, next.name, ...this.#routeArgs(was, app, next)]
      const outcome = await this.#redis.eval(applyChanges, 0, ...args)
      if (outcome === -1) throw taken(next.name)
      if (Array.isArray(outcome)) {
        const [claim = '', owner = ''] = outcome as string[]
        const host = claim.split(' ')[0] ?? ''
        throw host === this.#hostOf(next.name) ? taken(next.name) : new HostnameTaken(host, owner)
      }
      if (outcome === 1) return next
    }
  }

  /** @throws BerthError `invalid`, `conflict`, `missing`; nothing has changed then */
  rename(id: string, name: string): Promise<App> {
    return this.update(id, { name })
  }

  /** Forgets an app in one step: its record, name, hostnames, route, releases and operations. Safe to repeat. */
  async remove(id: string): Promise<void> {
    await this.#redis.eval(forget, 0, id)
  }

  /** The route as it was, as it shall be, and its hostnames; nothing where they stay as they are. */
  #routeArgs(was: string | null, app: App, next: App): [string, string, string] {
    const names = namesOf(next, this.#hostOf)
    if (isDeepStrictEqual(names, namesOf(app, this.#hostOf))) return ['', '', '']
    if (was === null) return ['', '', JSON.stringify(claimsOf(names))]
    const { targets, others, away } = JSON.parse(was) as Route
    const led = { targets: targetsOf(targets, names), ...(others && { others }) }
    const route = draftRoute({ app: app.id, ...names, ...led, ...(away && { away }) })
    return [was, route, JSON.stringify(claimsOf(names))]
  }
}
