import { own } from '../lib/own.js'
import type { CanaryCounts } from '../store/canaries.js'
import type { Applied, Away, Route, RoutedPort, Target } from '../store/routes.js'
import { isDeepStrictEqual } from 'node:util'
import { Backend } from './backend.js'
import { CanaryGroup, type Visitor } from './canary.js'
import { PathRoutes } from './path-routes.js'
import { RoundRobin } from './round-robin.js'
import { AppRules, type RulesDeps } from './rules/rules.js'

/** What a destination has beside its processes. */
interface DestinationOptions {
  readonly away?: Away | undefined
  readonly rules?: AppRules | undefined
  readonly canary?: CanaryGroup | undefined
}

/** Where one hostname leads at this moment: an app's processes, taken in turn. */
export class Destination {
  /** Shown on error pages. */
  readonly name: string | undefined
  /** Why there is none. */
  readonly away: Away | undefined
  readonly rules: AppRules | undefined
  readonly canary: CanaryGroup | undefined
  readonly #stable: RoundRobin

  /** @param backends but those of its canary */
  constructor(
    name: string | undefined,
    backends: readonly Backend[],
    { away, rules, canary }: DestinationOptions = {},
  ) {
    this.name = name
    this.#stable = new RoundRobin(backends)
    this.away = away
    this.rules = rules
    this.canary = canary
  }

  /** But those of its canary. */
  get stable(): readonly Backend[] {
    return this.#stable.backends
  }

  /** Those of its canary, too. */
  get backends(): readonly Backend[] {
    const { canary } = this
    return canary ? [...this.#stable.backends, ...canary.processes.backends] : this.#stable.backends
  }

  /** The process that a visitor's request goes to: the canary's where it can be reached, if the visitor is one for it. */
  pick(tried?: ReadonlySet<Backend>, visitor?: Visitor): Backend | undefined {
    const mark = visitor && this.rules?.sticky?.markIn(visitor.headers)
    const canary = visitor && this.canary?.wants(visitor) ? this.canary.processes.pick(tried, mark) : undefined
    if (canary?.suspect === false) return canary
    return this.#stable.pick(tried, mark) ?? canary
  }
}

/** The wildcard that a hostname is under. */
export const wildcardOf = (host: string): string => `*${host.slice(host.indexOf('.'))}`

/** Where a request leads, and as what it is sent on. */
export interface Way {
  readonly destination: Destination
  /** The target. */
  readonly path: string
  /** The path of the hostname that led there, where that is not the app's as a whole. */
  readonly prefix: string | undefined
  /** `path` is without it. */
  readonly isStripped: boolean
}

/** Where a port of this machine leads at this moment. */
export interface PortLead extends RoutedPort {
  /** App id. */
  readonly app: string
  readonly destination: Destination
}

interface Known {
  readonly route: Route
  readonly destination: Destination
  /** Those of the destination, and others that ports lead to. */
  readonly backends: readonly Backend[]
  readonly ports: readonly PortLead[]
}

/**
 * Hostname to processes, in constant time. A change is one synchronous step, so that a request sees the route before or
 * after it and never between. `drained` is called when a process that was taken away has ended its last request, with
 * what is now true of its app.
 */
export class Table {
  readonly #hosts = new Map<string, Known>()
  readonly #paths = new PathRoutes<Known>()
  /** Ids of apps that are asked by HTTP/2. */
  readonly #http2 = new Set<string>()
  readonly #apps = new Map<string, Known>()
  /** App id -> processes taken away that still hold requests. */
  readonly #leaving = new Map<string, Map<string, Backend>>()
  /** App id -> the last version applied, also while a removed app drains. */
  readonly #versions = new Map<string, number>()
  readonly #drained: (applied: Applied, target: string) => void
  readonly #rules: RulesDeps

  /** @param rules what the rules of apps need */
  constructor(drained: (applied: Applied, target: string) => void, rules: RulesDeps = { pages: () => undefined }) {
    this.#drained = drained
    this.#rules = rules
  }

  /** A wildcard stands for one label, where no app has the very hostname. */
  find(host: string): Destination | undefined {
    return this.#known(host)?.destination
  }

  /** Where a request target of a hostname leads; null where readers could take it for different paths, and they lead to different apps. */
  way(host: string, target: string): Way | null | undefined {
    const key = this.#hosts.has(host) ? host : wildcardOf(host)
    const known = this.#hosts.get(key)
    if (!known) return undefined
    const match = this.#paths.match(key, known.route.app, target)
    if (!match) return null
    const { destination } = match.route?.lead ?? known
    return {
      destination,
      path: match.target,
      prefix: match.route?.path,
      isStripped: match.route?.strip === true,
    }
  }

  /** Whether clients of a hostname are to come by HTTPS. */
  isSecure(host: string): boolean {
    return this.#known(host)?.route.https === true
  }

  /** The hostname that clients of another are sent on to. */
  redirect(host: string): string | undefined {
    const known = this.#hosts.get(host)
    if (known) return own(known.route.redirects ?? {}, host)
    return own(this.#hosts.get(wildcardOf(host))?.route.redirects ?? {}, wildcardOf(host))
  }

  /** Id of the app that has a hostname, by itself or by a wildcard; null when none has. */
  ownerOf(host: string): string | null {
    return this.#known(host)?.route.app ?? null
  }

  #known(host: string): Known | undefined {
    return this.#hosts.get(host) ?? this.#hosts.get(wildcardOf(host))
  }

  /** Whether an app is asked by HTTP/2 without TLS: clients may come so, too. */
  get isHttp2Wanted(): boolean {
    return this.#http2.size > 0
  }

  /** Every route, to be remembered or announced. */
  routes(): Route[] {
    return Array.from(this.#apps.values(), (known) => known.route)
  }

  /** What was counted of apps with a canary since this was last asked. */
  takeCounts(): { readonly app: string; readonly since: string; readonly counts: CanaryCounts }[] {
    const taken = []
    for (const [app, { destination }] of this.#apps) {
      const counts = destination.canary?.takeCounts()
      if (destination.canary && counts) taken.push({ app, since: destination.canary.rule.since, counts })
    }
    return taken
  }

  /** Every port that leads to an app. */
  ports(): PortLead[] {
    return Array.from(this.#apps.values(), ({ ports }) => ports).flat()
  }

  /** The route of an app. */
  route(app: string): Route | undefined {
    return this.#apps.get(app)?.route
  }

  /** What is true of an app's route now. */
  state(app: string): Applied {
    const busy = [...(this.#leaving.get(app)?.keys() ?? [])]
    return { app, version: this.#versions.get(app) ?? 0, busy }
  }

  has(app: string): boolean {
    return this.#apps.has(app)
  }

  /** Swaps an app's route. False, and nothing changed, when a newer one is in place. */
  apply(route: Route): boolean {
    if (route.version < (this.#apps.get(route.app)?.route.version ?? 0)) return false
    this.#swap(route)
    return true
  }

  #swap(route: Route): void {
    const before = this.#apps.get(route.app)
    const known = this.#knownOf(route, before)
    const { rules } = known.destination
    this.#apps.set(route.app, known)
    if (rules?.isHttp2 === true) this.#http2.add(route.app)
    else this.#http2.delete(route.app)
    if (rules?.shelf === undefined) this.#rules.assets?.forget(route.app)
    this.#versions.set(route.app, route.version)
    const freed = this.#free(before)
    for (const { host, path, root, strip = false } of route.paths ?? [])
      this.#paths.put(host, { path, root, strip, lead: known })
    // a hostname that another app has is not taken from it
    for (const host of route.hosts) if (!this.#hosts.has(host)) this.#hosts.set(host, known)
    this.#bequeath(freed)
    if (before?.destination.rules !== rules) before?.destination.rules?.held.release()
    this.#retire(route.app, before?.backends.filter((b) => !known.backends.includes(b)) ?? [])
  }

  #knownOf(route: Route, before: Known | undefined): Known {
    const { app, name } = route
    const backendOf = (target: Target) => this.#backendOf(app, target, before)
    const backends = route.targets.map(backendOf)
    const others = (route.others ?? []).map((target) => [target.process, backendOf(target)] as const)
    const destination = this.#destinationOf(route, backends, before)
    const { rules } = destination
    // a canary is of requests: its share of a raw connection would be all of it
    const ofType = (type: string): readonly Backend[] =>
      type === 'web'
        ? destination.stable
        : others.flatMap(([process, one]) => (process.startsWith(`${type}.`) ? [one] : []))
    const ports = (route.ports ?? []).map((port) => ({
      ...port,
      ...{ app, destination: new Destination(name, ofType(port.type), { rules }) },
    }))
    return { route, destination, backends: [...backends, ...others.map(([, one]) => one)], ports }
  }

  /** One that the router knows already goes on counting what it has in its hands. */
  #backendOf(app: string, { id, host, port }: Target, before: Known | undefined): Backend {
    const leaving = this.#leaving.get(app)
    const same = before?.backends.find((one) => one.id === id) ?? leaving?.get(id)
    if (!same || !('host' in same.endpoint) || same.endpoint.host !== host || same.endpoint.port !== port)
      return new Backend(id, { host, port }, (one) => this.#onDrained(app, one))
    leaving?.delete(id)
    same.stay()
    return same
  }

  #destinationOf(route: Route, all: readonly Backend[], before: Known | undefined): Destination {
    const { away, app, canary: rule } = route
    const ofCanary = new Set(route.targets.filter((one) => one.canary).map(({ id }) => id))
    const backends = all.filter(({ id }) => !ofCanary.has(id))
    const others = all.filter(({ id }) => ofCanary.has(id))
    const canary = rule && new CanaryGroup(app, rule, others, before?.destination.canary)
    return new Destination(route.name, backends, { away, rules: this.#rulesOf(route, before), canary })
  }

  /** Those that stay as they are go on counting who has asked how often. */
  #rulesOf(route: Route, before: Known | undefined): AppRules | undefined {
    const { name, rules } = route
    const { rules: old, name: oldName } = before?.destination ?? {}
    if (!rules) return undefined
    return old && oldName === name && isDeepStrictEqual(old.given, rules)
      ? old
      : new AppRules(rules, route, this.#rules)
  }

  /** Forgets an app. Undefined when there was none. */
  remove(app: string): Applied | undefined {
    const before = this.#apps.get(app)
    if (before === undefined) return undefined
    this.#apps.delete(app)
    this.#http2.delete(app)
    this.#rules.assets?.forget(app)
    this.#bequeath(this.#free(before))
    before.destination.rules?.held.release()
    this.#retire(app, before.backends)
    const applied = this.state(app)
    if (applied.busy.length === 0) this.#versions.delete(app)
    return applied
  }

  /**
   * Takes the whole table anew from its source of truth, whatever versions were known; `keep` names apps to leave alone.
   * Returns what is now true of every app that it touched.
   */
  replace(routes: readonly Route[], keep: ReadonlySet<string> = new Set()): Applied[] {
    const present = new Set(routes.map((route) => route.app))
    const removed = [...this.#apps.keys()].filter((app) => !present.has(app) && !keep.has(app))
    const gone = removed.flatMap((app) => this.remove(app) ?? [])
    for (const route of routes) this.#swap(route)
    return [...gone, ...routes.map((route) => this.state(route.app))]
  }

  /** Takes a route's hostnames and paths off the table. */
  #free(known: Known | undefined): string[] {
    const mine = known?.route.hosts.filter((host) => this.#hosts.get(host) === known) ?? []
    for (const host of mine) this.#hosts.delete(host)
    if (known) for (const { host } of known.route.paths ?? []) this.#paths.remove(host, known)
    return mine
  }

  /** Gives hostnames that nobody has any more to an app that was refused them: news of two apps comes in any order. */
  #bequeath(freed: readonly string[]): void {
    for (const host of freed) {
      if (this.#hosts.has(host)) continue
      const heir = [...this.#apps.values()].find((known) => known.route.hosts.includes(host))
      if (heir) this.#hosts.set(host, heir)
    }
  }

  #retire(app: string, gone: readonly Backend[]): void {
    const leaving = this.#leaving.get(app) ?? new Map<string, Backend>()
    for (const backend of gone) {
      backend.leave()
      if (backend.busy) leaving.set(backend.id, backend)
    }
    if (leaving.size > 0) this.#leaving.set(app, leaving)
    else this.#leaving.delete(app)
  }

  #onDrained(app: string, backend: Backend): void {
    const leaving = this.#leaving.get(app)
    if (leaving?.get(backend.id) === backend) leaving.delete(backend.id)
    if (leaving?.size === 0) this.#leaving.delete(app)
    const applied = this.state(app)
    if (!this.#apps.has(app) && !this.#leaving.has(app)) this.#versions.delete(app)
    this.#drained(applied, backend.id)
  }
}
