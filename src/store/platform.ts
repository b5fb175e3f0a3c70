import type { Redis } from 'ioredis'

/** What has been decided about Berth's own hostname. */
export interface PlatformChoices {
  /** Git, API and CLI come by HTTPS alone. */
  readonly https: boolean
  /** A certificate is ordered for it. */
  readonly autoCerts: boolean
}

/** Channel that is told when they have changed. */
export const platformChanges = 'platform:changed'

/** Choices that belong to no app: hash `platform`, a field each. */
export class Platform {
  readonly #redis: Redis
  constructor(redis: Redis) {
    this.#redis = redis
  }

  async choices(): Promise<PlatformChoices> {
    const [https, autoCerts] = await this.#redis.hmget('platform', 'https', 'autoCerts')
    return { https: https === '1', autoCerts: autoCerts === '1' }
  }

  /** Durable when it resolves. */
  async choose(change: Partial<PlatformChoices>): Promise<PlatformChoices> {
    const fields = Object.entries(change).flatMap(([name, on]) => [name, on ? '1' : '0'])
    if (fields.length > 0) await this.#redis.multi().hset('platform', fields).publish(platformChanges, '').exec()
    return this.choices()
  }
}
