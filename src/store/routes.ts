import type { Redis } from 'ioredis'

/** One process the router may send a request to. */
export interface Target {
  /** Container id. */
  readonly id: string
  /** `web.1` */
  readonly process: string
  readonly host: string
  readonly port: number
}

/** Where an app's hostnames lead. No targets: 503. */
export interface Route {
  /** App id. */
  readonly app: string
  readonly name: string
  /** Lower case, without a port. */
  readonly hosts: readonly string[]
  readonly targets: readonly Target[]
  /** Grows with each change of this route. */
  readonly version: number
}

/** What the router answers when it has applied a route: targets it took away that still have requests in flight. */
export interface Applied {
  readonly app: string
  readonly version: number
  readonly busy: readonly string[]
}

/**
 * The route table: hash `routes` (app id -> JSON). The scheduler writes it and publishes the app's id on `routes`; the
 * router swaps the route, then writes hash `routes:applied` and publishes an `Applied` on `routes:applied`, and later
 * each target id on `routes:drained` when its last request has ended.
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

  /** Durable when it resolves; the router hears of it at once. Returns the version it got. */
  async put(route: Omit<Route, 'version'>): Promise<number> {
    const version = await this.#redis.hincrby('routes:version', route.app, 1)
    await this.#redis
      .multi()
      .hset('routes', route.app, JSON.stringify({ ...route, version } satisfies Route))
      .publish('routes', route.app)
      .exec()
    return version
  }

  async remove(app: string): Promise<void> {
    await this.#redis.multi().hdel('routes', app).publish('routes', app).exec()
  }

  /** Said by the router. */
  async applied(applied: Applied): Promise<void> {
    const json = JSON.stringify(applied)
    await this.#redis.multi().hset('routes:applied', applied.app, json).publish('routes:applied', json).exec()
  }

  /** Said by the router. */
  async drained(target: string): Promise<void> {
    await this.#redis.publish('routes:drained', target)
  }

  /** The router's last word on an app's route. */
  async lastApplied(app: string): Promise<Applied | null> {
    const json = await this.#redis.hget('routes:applied', app)
    return json === null ? null : (JSON.parse(json) as Applied)
  }
}
