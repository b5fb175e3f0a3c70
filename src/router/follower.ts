import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import type { Config } from '../config.js'
import { messageOf } from '../errors.js'
import type { Logger } from '../log.js'
import { Acme, tlsAnswerChanges } from '../store/acme.js'
import { Canaries } from '../store/canaries.js'
import { certificateChanges, Certificates } from '../store/certificates.js'
import { redisOptions } from '../store/connection.js'
import { OnDemandRecord } from '../store/on-demand.js'
import { leavingFor, Routes, type Applied, type Route } from '../store/routes.js'
import type { CertificateFollower } from './certificate-follower.js'
import type { Assets } from './rules/assets.js'
import type { OwnPages } from './rules/own-pages.js'
import type { RouteCache } from './route-cache.js'
import { parseRoute } from './record.js'
import type { Table } from './table.js'

/** ms after which requests of canaries are counted in the store, too. */
const countedEach = 1_000

const appId = /^[\w-]{1,64}$/

/** What a follower keeps up to date, and tells. */
export interface FollowerDeps {
  readonly table: Table
  readonly cache: RouteCache
  readonly pages: OwnPages
  readonly assets?: Assets
  /** Where TLS is spoken. */
  readonly certificates?: CertificateFollower | undefined
  /** In front of the router, where there is one. */
  readonly plane?: FollowedPlane | undefined
  /** Of apps, besides those that it listens on for all. */
  readonly ports?: FollowedPorts
  readonly log: Logger
}

/** Ports that are to be open as the table says. */
export interface FollowedPorts {
  /** Opens and closes them. */
  apply(): Promise<void>
  /** Those of an app that could not be opened, each with why. */
  unopened(app: string): Readonly<Record<string, string>>
}

/** A data plane that is to serve what the table says. */
export interface FollowedPlane {
  /** Has it serve what the table says now. */
  apply(): Promise<void>
  /** Processes of an app that the table leads to no more, and that it still has requests of. */
  busy(app: string): readonly string[]
}

/**
 * Keeps the table equal to Redis: whole at every connect, by pub/sub after that. While Redis is away the table stays as
 * it is. What the scheduler is told (`routes:applied`; see src/store/routes.ts) is told again at the
 * next connect, so that no word is lost.
 */
export class RouteFollower implements AsyncDisposable {
  readonly #redis: Redis
  readonly #subscriber: Redis
  readonly #routes: Routes
  readonly #table: Table
  readonly #cache: RouteCache
  readonly #pages: OwnPages
  readonly #assets: Assets | undefined
  readonly #certificates: CertificateFollower | undefined
  readonly #plane: FollowedPlane | undefined
  readonly #ports: FollowedPorts | undefined
  readonly #log: Logger
  readonly #changed = new Set<string>()
  #all = false
  #running: Promise<void> | undefined
  #closed = false
  #counting: NodeJS.Timeout | undefined
  /** Another router has taken over: what this one is called among those that leave, and what repeats its word. */
  #leaving: { readonly id: string; readonly again: NodeJS.Timeout } | undefined

  constructor(config: Config, { table, cache, pages, assets, certificates, plane, ports, log }: FollowerDeps) {
    this.#plane = plane
    this.#ports = ports
    this.#certificates = certificates
    this.#table = table
    this.#cache = cache
    this.#pages = pages
    this.#assets = assets
    this.#log = log
    this.#redis = new Redis({ ...redisOptions(config, true), lazyConnect: true })
    this.#subscriber = new Redis({ ...redisOptions(config, true), lazyConnect: true, autoResubscribe: false })
    this.#routes = new Routes(this.#redis)
  }

  /** Begins to follow, in the background, as soon as Redis is there. */
  start(): void {
    let reachable = true
    for (const redis of [this.#redis, this.#subscriber])
      redis.on('error', (error: Error) => {
        if (reachable) this.#log.warn(`serving the routes last known: ${error.message}`)
        reachable = false
      })
    this.#subscriber.on('message', (channel, id) => {
      if (channel === certificateChanges) this.#certificates?.changed(id)
      else if (channel === tlsAnswerChanges) this.#certificates?.challenged()
      else if (appId.test(id)) this.#changed.add(id)
      this.#run()
    })
    // Subscribe first, read after: a change in between is then heard twice rather than never.
    this.#subscriber.on('ready', () => {
      reachable = true
      this.#subscriber.subscribe('routes', ...(this.#certificates ? [certificateChanges, tlsAnswerChanges] : [])).then(
        () => {
          this.#all = true
          this.#certificates?.changed()
          this.#run()
        },
        () => undefined, // the connection went again; the next `ready` does it
      )
    })
    this.#counting = setInterval(() => void this.#count(), countedEach)
    void this.#redis.connect().catch(() => undefined)
    void this.#subscriber.connect().catch(() => undefined)
  }

  /** Goes on following, but tells the scheduler only what it still has in its hands: another router leads. */
  leave(): void {
    this.#leaving = { id: randomUUID(), again: setInterval(() => this.#tellLeaving(), leavingFor / 3) }
    this.#tellLeaving()
  }

  /** What a CA that asks for a token is to be told; null also while Redis is away. */
  async challenge(token: string): Promise<string | null> {
    return this.#redis.status === 'ready' ? new Acme(this.#redis).answerTo(token) : null
  }

  /** Passes on hostnames that no app has. @returns whether anybody wants to know */
  async note(hosts: readonly string[]): Promise<boolean> {
    return this.#redis.status === 'ready' && new OnDemandRecord(this.#redis).note(hosts)
  }

  /** Says that a process taken away has ended its last request. */
  drained(applied: Applied): void {
    this.#tell(applied)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscriber.disconnect()
    clearInterval(this.#leaving?.again)
    clearInterval(this.#counting)
    await this.#count()
    if (this.#redis.status === 'ready') {
      if (this.#leaving) await this.#routes.left(this.#leaving.id).catch(() => undefined)
      await this.#redis.quit().catch(() => undefined)
    }
    this.#closed = true
    this.#redis.disconnect()
    await this.#running // it may be writing the routes' file
  }

  #run(): void {
    this.#running ??= this.#catchUp()
      .catch((error: unknown) => {
        if (!this.#closed) this.#log.error(`cannot read the routes: ${messageOf(error)}`)
      })
      .finally(() => (this.#running = undefined))
  }

  async #catchUp(): Promise<void> {
    while (this.#all || this.#changed.size > 0 || this.#certificates?.behind === true) {
      if (this.#certificates?.behind === true)
        await this.#certificates.catchUp(new Certificates(this.#redis), new Acme(this.#redis), !this.#leaving)
      const applied = this.#all ? await this.#readAll() : await this.#readChanged()
      this.#certificates?.shown.forget() // hostnames may have changed hands
      await this.#ports?.apply()
      // two that write the same file are one too many
      if (!this.#leaving)
        await this.#cache
          .save(() => this.#table.routes())
          .catch((error: unknown) => this.#log.error(`cannot remember the routes: ${messageOf(error)}`))
      await this.#plane?.apply()
      for (const one of applied) this.#tell(this.#table.has(one.app) ? this.#table.state(one.app) : one)
    }
  }

  async #readAll(): Promise<Applied[]> {
    this.#all = false
    this.#changed.clear()
    const rows = Object.entries(await this.#redis.hgetall('routes'))
    const routes: Route[] = []
    const unreadable = new Set<string>()
    for (const [app, json] of rows) {
      const route = this.#parse(app, json)
      if (route) routes.push(route)
      else unreadable.add(app)
    }
    this.#log.info(`following ${routes.length} routes`)
    for (const route of routes) await this.#fetchPages(route)
    // another router has the same folder, and may know of newer ones
    if (!this.#leaving && unreadable.size === 0) await this.#pages.sweep(routes)
    if (!this.#leaving) this.#assets?.sweep(new Set(rows.map(([app]) => app)))
    return this.#table.replace(routes, unreadable)
  }

  async #readChanged(): Promise<Applied[]> {
    const apps = [...this.#changed]
    this.#changed.clear()
    if (apps.length === 0) return [] // a certificate has changed; Redis knows no list of nothing
    const rows = await this.#redis.hmget('routes', ...apps)
    const applied: Applied[] = []
    for (const [i, app] of apps.entries()) {
      const json = rows[i] ?? null
      const route = json === null ? null : this.#parse(app, json)
      if (route) {
        if (route.rules?.pages) await this.#fetchPages(route)
        this.#table.apply(route)
        applied.push(this.#table.state(app))
      } else if (json === null) applied.push(...[this.#table.remove(app) ?? []].flat())
    }
    return applied
  }

  /** A page that does not come leaves its app with ours. */
  async #fetchPages(route: Route): Promise<void> {
    const { app } = route
    if (this.#leaving) return // the one that has taken over fetches them
    await this.#pages
      .fetch(route, (digest) => this.#redis.hget(`pages:${app}`, digest))
      .catch((error: unknown) => this.#log.error({ app }, `cannot fetch its pages: ${messageOf(error)}`))
  }

  #parse(app: string, json: string): Route | null {
    const route = parseRoute(json)
    if (route?.app === app) return route
    this.#log.error({ app }, 'the route of this app in Redis makes no sense; the last known one stays')
    return null
  }

  /** Counts requests of canaries where `berth canary` finds them; those of a Redis that is away are counted later. */
  async #count(): Promise<void> {
    if (this.#redis.status !== 'ready') return
    const canaries = new Canaries(this.#redis)
    for (const { app, since, counts } of this.#table.takeCounts())
      await canaries
        .count(app, since, counts)
        .catch((error: unknown) =>
          this.#log.warn({ app }, `requests of its canary are not counted: ${messageOf(error)}`),
        )
  }

  /** What is true of an app's route, here, in the plane before us, and of its ports. */
  #whole(applied: Applied): Applied {
    const busy = this.#plane?.busy(applied.app) ?? []
    const unopened = this.#ports?.unopened(applied.app) ?? {}
    return {
      ...(busy.length === 0 ? applied : { ...applied, busy: [...new Set([...applied.busy, ...busy])] }),
      ...(Object.keys(unopened).length > 0 && { unopened }),
    }
  }

  /** An app that is gone and drained leaves nothing in the hash. */
  #tell(given: Applied): void {
    const applied = this.#whole(given)
    if (this.#leaving) {
      this.#tellLeaving()
      return
    }
    const told =
      this.#table.has(applied.app) || applied.busy.length > 0
        ? this.#routes.applied(applied)
        : this.#redis
            .multi()
            .hdel('routes:applied', applied.app)
            .publish('routes:applied', JSON.stringify(applied))
            .exec()
    told.catch((error: unknown) => this.#log.warn(messageOf(error)))
  }

  #tellLeaving(): void {
    if (!this.#leaving) return
    const all = this.#table.routes().map(({ app }) => this.#whole(this.#table.state(app)))
    this.#routes.leaving(this.#leaving.id, all).catch((error: unknown) => this.#log.warn(messageOf(error)))
  }
}
