import type { Redis } from 'ioredis'
import { BerthError } from '../errors.js'
import type { CanaryRule } from '../canary-rule.js'
import type { RoutingRules } from '../routing-rules.js'

/** One process the router may send a request to. */
export interface Target {
  /** Container id. */
  readonly id: string
  /** `web.1` */
  readonly process: string
  readonly host: string
  readonly port: number
  /** It is of the app's canary release. */
  readonly canary?: true
}

/** Why an app has no process that a request could be sent to, where it is not that they are down. */
export type Away = 'not-pushed' | 'no-web' | 'scaled-to-zero' | 'needs-push' | 'not-ready'

/** A path of another app's hostname below which an app answers. */
export interface PathRoute {
  /** As the other app has it, a wildcard perhaps. */
  readonly host: string
  /** `/api`: whole segments, none at its end. */
  readonly path: string
  /** Id of that app. When the hostname is another's, the path leads nowhere: that one has let nobody in. */
  readonly root: string
  /** The app is asked without the path. */
  readonly strip?: true
}

export type PortProtocol = 'tcp' | 'udp'

/** A port of this machine that leads to processes of an app. */
export interface RoutedPort {
  readonly port: number
  readonly protocol: PortProtocol
  /** Where the processes listen. */
  readonly to: number
  /** Process type. */
  readonly type: string
  /** Each connection begins with a head of the PROXY protocol, version 2, which says who the client is. */
  readonly introduced?: true
}

/** A port as an app has it. */
export interface AppPort extends RoutedPort {
  /** RFC 3339 */
  readonly createdAt: string
}

/** Where an app's hostnames lead. No targets: 503. */
export interface Route {
  /** App id. */
  readonly app: string
  readonly name: string
  /** Lower case, without a port. */
  readonly hosts: readonly string[]
  readonly paths?: readonly PathRoute[]
  readonly targets: readonly Target[]
  readonly ports?: readonly RoutedPort[]
  /** Processes of other types than `web` that ports lead to. */
  readonly others?: readonly Target[]
  /** For the page that is shown while there are no targets. */
  readonly away?: Away
  readonly rules?: RoutingRules
  /** Which requests go to targets of the canary release, of which there may be none. */
  readonly canary?: CanaryRule
  /** Clients that come by plain HTTP are sent on to HTTPS. */
  readonly https?: true
  /** Of its hostnames -> that to which clients are sent on. */
  readonly redirects?: Readonly<Record<string, string>>
  /** Grows with each change of this route. */
  readonly version: number
}

/** A route as scripts take it: they add its version. */
export const draftRoute = (route: Omit<Route, 'version'>): string => JSON.stringify(route)

/** Those that a route may have: of a canary release, only while it says what goes there. */
export const targetsOf = (targets: readonly Target[], { canary }: Pick<Route, 'canary'>): readonly Target[] =>
  canary ? targets : targets.filter((one) => one.canary !== true)

/**
 * What a route claims: hostnames, paths of other apps' (which say whose, for another may come to have the hostname), and ports
 * (`:5432/tcp`).
 */
export const claimsOf = ({ hosts, paths = [], ports = [] }: Pick<Route, 'hosts' | 'paths' | 'ports'>): string[] => [
  ...hosts,
  ...paths.map(({ host, path, root }) => `${host}${path} ${root}`),
  ...ports.map(({ port, protocol }) => `:${port}/${protocol}`),
]

/** A claim as people read it. */
export const shownClaim = (claim: string): string =>
  claim.startsWith(':') ? `port ${claim.slice(1)}` : claim.includes('/') ? claim : `the hostname ${claim}`

/** What the router answers when it has applied a route: targets it took away that still have requests in flight. */
export interface Applied {
  readonly app: string
  readonly version: number
  readonly busy: readonly string[]
  /** Ports of the app that the router could not open, each with why. */
  readonly unopened?: Readonly<Record<string, string>>
}

/** What a router that another has taken over from says of every app while it ends what it has begun. */
interface Leaving {
  /** ms since the epoch: it has ended if it has not said so again by then. */
  readonly until: number
  readonly apps: Readonly<Record<string, Omit<Applied, 'app'>>>
}

/** How long the word of a router that leaves counts, in ms: it says it again well before. */
export const leavingFor = 15_000

/**
 * Lua that every script touching routes begins with; a script is one step to everybody else (Redis, "Scripting with Lua").
 * A hostname has one owner, and so has a path of it, and a port: `routes:hosts` (as `claimsOf`), made from the routes where an older Berth has left
 * none. A path is new to an app only while its hostname is that app's which let it in.
 */
export const routing = `
local function hostsOf(json)
  local ok, route = pcall(cjson.decode, json)
  if not ok or type(route) ~= 'table' then return {} end
  local claimed = {}
  for _, host in ipairs(type(route.hosts) == 'table' and route.hosts or {}) do table.insert(claimed, host) end
  for _, one in ipairs(type(route.paths) == 'table' and route.paths or {}) do
    table.insert(claimed, one.host .. one.path .. ' ' .. one.root)
  end
  for _, one in ipairs(type(route.ports) == 'table' and route.ports or {}) do
    table.insert(claimed, string.format(':%d/%s', one.port, one.protocol))
  end
  return claimed
end
local function claims()
  if redis.call('exists', 'routes:hosts') == 1 then return end
  for _, app in ipairs(redis.call('hkeys', 'routes')) do
    for _, host in ipairs(hostsOf(redis.call('hget', 'routes', app))) do
      redis.call('hsetnx', 'routes:hosts', host, app)
    end
  end
end
local function taken(app, hosts)
  claims()
  for _, host in ipairs(hosts) do
    local owner = redis.call('hget', 'routes:hosts', host)
    if owner and owner ~= app then return host end
    local name, root = string.match(host, '^([^/]+)/%S* (%S+)$')
    if root and not owner and redis.call('hget', 'routes:hosts', name) ~= root then return host end
  end
end
local function release(app)
  claims()
  for _, host in ipairs(hostsOf(redis.call('hget', 'routes', app))) do
    if redis.call('hget', 'routes:hosts', host) == app then redis.call('hdel', 'routes:hosts', host) end
  end
end
local function lead(app, json, hosts)
  release(app)
  for _, host in ipairs(hosts) do redis.call('hset', 'routes:hosts', host, app) end
  local version = redis.call('hincrby', 'routes:version', app, 1)
  redis.call('hset', 'routes', app, string.sub(json, 1, -2) .. ',"version":' .. version .. '}')
  redis.call('publish', 'routes', app)
  return version
end
local function lose(app)
  release(app)
  redis.call('hincrby', 'routes:version', app, 1)
  redis.call('hdel', 'routes', app)
  redis.call('publish', 'routes', app)
end
`

/** 0: the route, or a name that is new to it, is not what it was when it was read. */
const swap = `${routing}
local app, name, before, after, hosts = ARGV[1], ARGV[2], ARGV[3], ARGV[4], cjson.decode(ARGV[5])
if (redis.call('hget', 'routes', app) or '') ~= before then return 0 end
if name ~= '' and redis.call('hget', 'apps:names', name) ~= app then return 0 end
return taken(app, hosts) or lead(app, after, hosts)`

const drop = `${routing}
lose(ARGV[1])`

/** What is no route is as none: it is written anew. */
function parse(json: string): Route | null {
  try {
    return JSON.parse(json) as Route
  } catch {
    return null
  }
}

/**
 * The route table: hash `routes` (app id -> JSON). The scheduler writes it and publishes the app's id on `routes`; the
 * router swaps the route, then writes hash `routes:applied` and publishes an `Applied` on `routes:applied`, and again each
 * time the last request of a target that was taken away has ended. A router that another has taken over from writes the
 * same of all apps to hash `routes:leaving` (its id -> JSON), and publishes its id there. A route comes with its app
 * (`Apps.create`) and changes with its name (`Apps.update`).
 */
export class Routes {
  readonly #redis: Redis
  constructor(redis: Redis) {
    this.#redis = redis
  }

  async list(): Promise<Route[]> {
    return (await this.#redis.hvals('routes')).map((json) => JSON.parse(json) as Route)
  }

  async get(app: string): Promise<Route | null> {
    const json = await this.#redis.hget('routes', app)
    return json === null ? null : (JSON.parse(json) as Route)
  }

  /** Id of the app that has claimed something, as `claimsOf` writes it; null is none. */
  ownerOf(claim: string): Promise<string | null> {
    return this.#redis.hget('routes:hosts', claim)
  }

  /**
   * Makes the next route of an app from the one it has, if it has one, in one step; `next` is asked again when somebody
   * else changed it, or the app's name, meanwhile, and answers null to leave it as it is. Durable when it resolves; the
   * router hears of it at once.
   * @returns the route's version, 0 when there is none
   * @throws BerthError `conflict` when a hostname, or a port, is another app's
   */
  async change(
    app: string,
    next: (before: Route | null) => Promise<Omit<Route, 'app' | 'version'> | null>,
  ): Promise<number> {
    for (;;) {
      const json = await this.#redis.hget('routes', app)
      const before = json === null ? null : parse(json)
      const after = await next(before)
      if (after === null) return before?.version ?? 0
      const { name, hosts, paths, targets, ports, others, away, rules, canary, redirects, https } = after
      const more = {
        ...(paths && { paths }),
        ...(ports && { ports }),
        ...(others && others.length > 0 && { others }),
        ...(away && { away }),
        ...(rules && { rules }),
        ...(canary && { canary }),
        ...(redirects && { redirects }),
        ...(https && { https }),
      }
      const route = draftRoute({ app, name, hosts, targets, ...more })
      const newName = name === before?.name ? '' : name
      const version = await this.#redis.eval(swap, 0, app, newName, json ?? '', route, JSON.stringify(claimsOf(after)))
      if (typeof version === 'string')
        throw new BerthError('conflict', `${shownClaim(version)} is another app's`, 'take it from that one first')
      if (version !== 0) return version as number
    }
  }

  /** Its next route, should it get one, has a higher version. */
  async remove(app: string): Promise<void> {
    await this.#redis.eval(drop, 0, app)
  }

  /** Said by the router. */
  async applied(applied: Applied): Promise<void> {
    const json = JSON.stringify(applied)
    await this.#redis.multi().hset('routes:applied', applied.app, json).publish('routes:applied', json).exec()
  }

  /** The router's last word on an app's route. */
  async lastApplied(app: string): Promise<Applied | null> {
    const json = await this.#redis.hget('routes:applied', app)
    return json === null ? null : (JSON.parse(json) as Applied)
  }

  /** Said by a router that leaves: what it still has of every app. */
  async leaving(router: string, all: readonly Applied[]): Promise<void> {
    const apps = Object.fromEntries(all.map(({ app, ...applied }) => [app, applied]))
    const said: Leaving = { until: Date.now() + leavingFor, apps }
    await this.#redis
      .multi()
      .hset('routes:leaving', router, JSON.stringify(said))
      .publish('routes:leaving', router)
      .exec()
  }

  /** Said by a router that has left. */
  async left(router: string): Promise<void> {
    await this.#redis.multi().hdel('routes:leaving', router).publish('routes:leaving', router).exec()
  }

  /** Whether a router that leaves has requests in flight on a target which that version of its route leads to no more, or may have. */
  async isHeld({ app, version }: Pick<Applied, 'app' | 'version'>, target: string): Promise<boolean> {
    for (const [router, json] of Object.entries(await this.#redis.hgetall('routes:leaving'))) {
      const { until, apps } = JSON.parse(json) as Leaving
      const applied = apps[app]
      if (until < Date.now()) await this.#redis.hdel('routes:leaving', router)
      else if (applied && (applied.version < version || applied.busy.includes(target))) return true
    }
    return false
  }
}
