import type { Redis } from 'ioredis'

/** What became of the example that `bin/up` brings: its app's id, and whether its push is done; null app: none was made. */
export interface ExampleRecord {
  readonly app: string | null
  readonly pushed: boolean
}

/** The record of the example: string `example`. It is written once an instance, at its first start. */
export class Example {
  readonly #redis: Redis
  constructor(redis: Redis) {
    this.#redis = redis
  }

  /** null before the first start is over. */
  async get(): Promise<ExampleRecord | null> {
    const json = await this.#redis.get('example')
    return json === null ? null : (JSON.parse(json) as ExampleRecord)
  }

  async put(record: ExampleRecord): Promise<void> {
    await this.#redis.set('example', JSON.stringify(record))
  }
}
