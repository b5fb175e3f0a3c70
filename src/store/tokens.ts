import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import { sha256 } from '../config.js'
import { Secret } from '../secret.js'

/** API tokens: hash `tokens` (SHA-256 of the token -> JSON). The token itself is stored nowhere. */
export class Tokens {
  readonly #redis: Redis
  constructor(redis: Redis) {
    this.#redis = redis
  }

  /** Makes a token of 256 random bits; this is the only time it can be read. */
  async create(name: string): Promise<Secret> {
    const token = `berth_${randomBytes(32).toString('base64url')}`
    await this.#redis.hset('tokens', sha256(token), JSON.stringify({ name, createdAt: new Date().toISOString() }))
    return new Secret(token)
  }

  /** The name of the token's holder, or null when it is not one of ours. */
  async verify(token: string): Promise<string | null> {
    const json = await this.#redis.hget('tokens', sha256(token))
    return json === null ? null : (JSON.parse(json) as { name: string }).name
  }
}
