import type { Redis } from 'ioredis'
import type { Asker } from './operations.js'

/** Well beyond the time between the start of a push and its hook's question. Seconds. */
const keptSeconds = 86_400

/**
 * Who pushes: string `pusher:<push>`, for a day. git's hooks ask without saying so, and another api process than the one
 * that was pushed to may have to answer.
 */
export class Pushers {
  readonly #redis: Redis
  constructor(redis: Redis) {
    this.#redis = redis
  }

  async put(push: string, asker: Asker): Promise<void> {
    await this.#redis.set(`pusher:${push}`, JSON.stringify(asker), 'EX', keptSeconds)
  }

  /** null when that is not known: a push begun by an older Berth. */
  async get(push: string): Promise<Asker | null> {
    const json = await this.#redis.get(`pusher:${push}`)
    return json === null ? null : (JSON.parse(json) as Asker)
  }
}
