import { EventEmitter, once } from 'node:events'
import { isDeepStrictEqual } from 'node:util'
import type { Redis } from 'ioredis'
import { deadline } from '../lib/deadline.js'
import { namesOf } from '../store/domains.js'
import { leavingFor, targetsOf, type Applied, type Away, type Target } from '../store/routes.js'
import type { Store } from '../store/store.js'
import type { Timeouts } from './limits.js'
import { KeyedMutex } from '../lib/keyed-mutex.js'

/** ms after which the router's last word is read again. */
const lookAgain = 1_000

/** Processes of an app that are led to. */
export interface Leads {
  /** Of `web`. */
  readonly targets: readonly Target[]
  /** Of other types, by ports. */
  readonly others?: readonly Target[]
}

/**
 * The scheduler's side of the talk with the router: it writes routes, and hears when the router has applied them and
 * when a process that was taken away has no request in flight any more.
 */
export class Traffic implements AsyncDisposable {
  readonly #store: Store
  readonly #hostOf: (name: string) => string
  readonly #limits: Timeouts
  readonly #subscriber: Redis
  readonly #heard = new EventEmitter().setMaxListeners(0)
  readonly #routes = new KeyedMutex()
  /** The router's latest word on each app. */
  readonly #applied = new Map<string, Applied>()

  private constructor(store: Store, hostOf: (name: string) => string, limits: Timeouts, subscriber: Redis) {
    this.#store = store
    this.#hostOf = hostOf
    this.#limits = limits
    this.#subscriber = subscriber
    subscriber.on('message', (channel: string, message: string) => {
      if (channel === 'routes:leaving') {
        this.#heard.emit('leaving')
        return
      }
      this.#learn(JSON.parse(message) as Applied)
    })
  }

  /** Hears everything the router says from now on. */
  static async open(store: Store, hostOf: (name: string) => string, limits: Timeouts): Promise<Traffic> {
    const subscriber = await store.subscriber()
    const traffic = new Traffic(store, hostOf, limits, subscriber)
    await subscriber.subscribe('routes:applied', 'routes:leaving')
    return traffic
  }

  /**
   * Points an app's hostnames at these processes and no others, unless they are there already. Its name and hostnames are
   * those it has at that moment, whatever it was renamed to meanwhile.
   * @param away why there are no targets
   * @returns the version; 0 for an app that is gone
   */
  async route(app: string, { targets, others = [] }: Leads, away?: Away): Promise<number> {
    return this.#routes.run(app, () =>
      this.#store.routes.change(app, async (before) => {
        const now = await this.#store.apps.find(app) // after the route, which a new name changes
        if (!now) return null
        const names = namesOf(now, this.#hostOf)
        const leads = targetsOf(targets, names)
        const why = away !== undefined && leads.length === 0 ? { away } : {}
        const more = others.length > 0 ? { others } : {}
        const route = { ...names, targets: leads, ...more, ...why }
        return before && isDeepStrictEqual({ app, ...route, version: before.version }, before) ? null : route
      }),
    )
  }

  /** Takes a dead process out of an app's route at once. */
  async drop(app: string, container: string): Promise<void> {
    const leads = (target: Target) => target.id === container
    await this.#routes.run(app, () =>
      this.#store.routes.change(app, (before) => {
        if (!before || ![...before.targets, ...(before.others ?? [])].some(leads)) return Promise.resolve(null)
        const without = (all: readonly Target[]) => all.filter((target) => !leads(target))
        return Promise.resolve({ ...before, targets: without(before.targets), others: without(before.others ?? []) })
      }),
    )
  }

  async forget(app: string): Promise<void> {
    await this.#routes.run(app, () => this.#store.routes.remove(app))
  }

  /** Waits until the router has applied a version, if a router is there. It never fails: a router that was away reads the route when it is back. */
  async whenApplied(app: string, version: number, signal: AbortSignal): Promise<void> {
    const has = () => (this.#applied.get(app)?.version ?? 0) >= version
    if (has()) return
    const last = await this.#store.routes.lastApplied(app)
    if (last) this.#learn(last)
    if (has() || !(await this.#routerListens())) return
    using late = deadline(this.#limits.acknowledge, signal)
    const until = late.signal
    while (!until.aborted && !has()) await once(this.#heard, `applied ${app}`, { signal: until }).catch(() => undefined)
  }

  /**
   * Waits until no router, told of that version, has a request in flight on a process it no longer leads to: the one that
   * is there, and those it has taken over from. One that is away, or has not found Redis again, may lead there still, or
   * again when it is back: what it knew it goes on serving.
   */
  async drained(app: string, version: number, container: string, signal: AbortSignal): Promise<void> {
    const done = new AbortController()
    const end = () => done.abort()
    const look = () => {
      const applied = this.#applied.get(app)
      if (applied && applied.version >= version && !applied.busy.includes(container)) end()
    }
    // listen before looking, so that no word falls in between
    this.#heard.on(`applied ${app}`, look)
    try {
      using late = deadline(this.#limits.drain, signal)
      while (!late.signal.aborted && !done.signal.aborted) {
        // its word may have come while Redis, or we, were away
        const last = await this.#store.routes.lastApplied(app)
        if (last) this.#learn(last)
        look()
        using again = deadline(lookAgain, late.signal, done.signal)
        if (!again.signal.aborted) await once(again.signal, 'abort')
      }
      await this.#released(app, version, container, late.signal)
    } finally {
      this.#heard.off(`applied ${app}`, look)
    }
  }

  /** Waits until no router that leaves has requests in flight on a process. */
  async #released(app: string, version: number, container: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      using again = deadline(leavingFor, signal) // one that was killed says nothing any more
      const word = once(this.#heard, 'leaving', { signal: again.signal }).catch(() => undefined)
      if (!(await this.#store.routes.isHeld({ app, version }, container))) return
      await word
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#subscriber.quit().catch(() => undefined)
  }

  async #routerListens(): Promise<boolean> {
    const [, count] = (await this.#store.redis.pubsub('NUMSUB', 'routes')) as [string, number]
    return count > 0
  }

  #learn(applied: Applied): void {
    const before = this.#applied.get(applied.app)
    if (before && before.version > applied.version) return
    this.#applied.set(applied.app, applied)
    this.#heard.emit(`applied ${applied.app}`)
  }
}
