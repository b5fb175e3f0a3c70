import type { Redis } from 'ioredis'
import type { Store } from '../store/store.js'

type Ring = (message: string) => void

const bells = new WeakMap<Store, Promise<Bell>>()

/**
 * One subscriber connection for everybody in a process who waits for Redis channels. A message may be lost while Redis
 * is away, so all are rung when it is back: a ring means "look again", never "this happened".
 */
export class Bell {
  readonly #redis: Redis
  readonly #rings = new Map<string, Set<Ring>>()

  private constructor(redis: Redis) {
    this.#redis = redis
    redis.on('message', (channel: string, message: string) => {
      for (const ring of this.#rings.get(channel) ?? []) ring(message)
    })
    redis.on('ready', () => {
      for (const rings of this.#rings.values()) for (const ring of rings) ring('')
    })
  }

  static of(store: Store): Promise<Bell> {
    const known = bells.get(store)
    if (known) return known
    const bell = store.subscriber().then((redis) => new Bell(redis))
    bells.set(store, bell)
    bell.catch(() => bells.delete(store))
    return bell
  }

  /** Resolves once subscribed: what is published from then on rings. The answer unsubscribes. */
  async listen(channel: string, ring: Ring): Promise<() => void> {
    const rings = this.#rings.get(channel) ?? new Set()
    this.#rings.set(channel, rings.add(ring))
    await this.#redis.subscribe(channel)
    return () => {
      rings.delete(ring)
      if (rings.size > 0 || this.#rings.get(channel) !== rings) return
      this.#rings.delete(channel)
      this.#redis.unsubscribe(channel).catch(() => undefined)
    }
  }

  /** Ends the connection of a store's bell, if it has one. */
  static async close(store: Store): Promise<void> {
    const bell = bells.get(store)
    bells.delete(store)
    const open = await bell
    if (open) open.#redis.disconnect()
  }
}
