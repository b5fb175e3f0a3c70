import { EventEmitter, once } from 'node:events'
import { isDeepStrictEqual } from 'node:util'
import type { Redis } from 'ioredis'
import { deadline } from '../deadline.js'
import type { Applied, Target } from '../store/routes.js'
import type { Store } from '../store/store.js'
import type { App } from '../store/apps.js'
import type { Limits } from './limits.js'
import { Mutex } from './mutex.js'

/**
 * The scheduler's side of the talk with the router: it writes routes, and hears when the router has applied them and
 * when a process that was taken away has no request in flight any more.
 */
export class Traffic implements AsyncDisposable {
  readonly #store: Store
  readonly #limits: Limits
  readonly #ear: Redis
  readonly #heard = new EventEmitter().setMaxListeners(0)
  readonly #routes = new Mutex()
  /** The router's latest word on each app. */
  readonly #applied = new Map<string, Applied>()
  /** Processes the router said are done; it says so once, perhaps before anybody asks. */
  readonly #drained = new Set<string>()

  private constructor(store: Store, limits: Limits, ear: Redis) {
    this.#store = store
    this.#limits = limits
    this.#ear = ear
    ear.on('message', (channel: string, message: string) => {
      if (channel === 'routes:applied') {
        this.#learn(JSON.parse(message) as Applied)
        return
      }
      this.#drained.add(message)
      this.#heard.emit(`drained ${message}`)
    })
  }

  /** Hears everything the router says from now on. */
  static async open(store: Store, limits: Limits): Promise<Traffic> {
    const ear = await store.subscriber()
    const traffic = new Traffic(store, limits, ear)
    await ear.subscribe('routes:applied', 'routes:drained')
    return traffic
  }

  /** Points an app's hostnames at these processes and no others, unless they are there already. Answers with the version. */
  async lead(app: App, hosts: readonly string[], targets: readonly Target[]): Promise<number> {
    return this.#routes.run(app.id, async () => {
      const before = await this.#store.routes.get(app.id)
      const route = { app: app.id, name: app.name, hosts, targets }
      if (before && isDeepStrictEqual({ ...route, version: before.version }, before)) return before.version
      return this.#store.routes.put(route)
    })
  }

  /** Takes a dead process out of an app's route at once. */
  async drop(app: string, container: string): Promise<void> {
    await this.#routes.run(app, async () => {
      const route = await this.#store.routes.get(app)
      if (!route?.targets.some((target) => target.id === container)) return
      await this.#store.routes.put({ ...route, targets: route.targets.filter((target) => target.id !== container) })
    })
  }

  async forget(app: string): Promise<void> {
    await this.#routes.run(app, () => this.#store.routes.remove(app))
  }

  /** Waits until the router has applied a version, if a router is there. It never fails: a router that was away reads the route when it is back. */
  async settled(app: string, version: number, signal: AbortSignal): Promise<void> {
    const has = () => (this.#applied.get(app)?.version ?? 0) >= version
    if (has()) return
    const last = await this.#store.routes.lastApplied(app)
    if (last) this.#learn(last)
    if (has() || !(await this.#routerListens())) return
    using late = deadline(this.#limits.acknowledge, signal)
    const until = late.signal
    while (!until.aborted && !has()) await once(this.#heard, `applied ${app}`, { signal: until }).catch(() => undefined)
  }

  /** Waits until the router, told of that version, has no request in flight on a process it no longer leads to. */
  async drained(app: string, version: number, container: string, signal: AbortSignal): Promise<void> {
    const done = new AbortController()
    const end = () => done.abort()
    const look = () => {
      const applied = this.#applied.get(app)
      if (this.#drained.has(container)) end()
      if (applied && applied.version >= version && !applied.busy.includes(container)) end()
    }
    // listen before looking, so that no word falls in between
    this.#heard.once(`drained ${container}`, end).on(`applied ${app}`, look)
    try {
      await this.settled(app, version, signal)
      const applied = this.#applied.get(app)
      // a router that is away has nothing in flight
      if (!applied || applied.version < version) return
      look()
      using late = deadline(this.#limits.drain, signal, done.signal)
      if (!late.signal.aborted) await once(late.signal, 'abort')
    } finally {
      this.#heard.off(`drained ${container}`, end).off(`applied ${app}`, look)
      this.#drained.delete(container)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ear.quit().catch(() => undefined)
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
