import type { Redis } from 'ioredis'
import { advance, type ProcessState } from './lifecycle.js'

/** What the scheduler knows of one container beyond what the engine does. */
export interface ProcessRecord {
  /** Container id. */
  readonly container: string
  /** `web.1` */
  readonly process: string
  readonly type: string
  readonly release: number
  readonly state: ProcessState
  /** When it came into this state, RFC 3339. */
  readonly since: string
  /** Crashes in a row, up to now. */
  readonly restarts: number
  /** When a crashed process is started again, RFC 3339. */
  readonly until: string | null
  /** Why it crashed, one line. */
  readonly failure: string | null
}

const keyOf = (app: string): string => `processes:${app}`

/**
 * The record of processes: hash `processes:<app id>` (container id -> JSON). Only the scheduler writes it; `ps` reads it
 * from another process. Hash `rolled` (app id -> version) is the release the scheduler last moved the route to: it is
 * ahead of the app's own `current` from the moment of the switch until the deploy is written down as done.
 */
export class ProcessRecords {
  readonly #redis: Redis
  constructor(redis: Redis) {
    this.#redis = redis
  }

  async list(app: string): Promise<ProcessRecord[]> {
    return (await this.#redis.hvals(keyOf(app))).map((json) => JSON.parse(json) as ProcessRecord)
  }

  async add(app: string, record: ProcessRecord): Promise<void> {
    await this.#redis.hset(keyOf(app), record.container, JSON.stringify(record))
  }

  /** Moves a process on, if it is known. @throws BerthError `conflict` for a move its life does not have */
  async move(
    app: string,
    container: string,
    to: ProcessState,
    patch: Partial<Pick<ProcessRecord, 'restarts' | 'until' | 'failure'>> = {},
  ): Promise<ProcessRecord | null> {
    const json = await this.#redis.hget(keyOf(app), container)
    if (json === null) return null
    const before = JSON.parse(json) as ProcessRecord
    const since = before.state === to ? before.since : new Date().toISOString()
    const record = { ...before, state: advance(before.state, to), since, ...patch }
    await this.add(app, record)
    return record
  }

  async remove(app: string, containers: readonly string[]): Promise<void> {
    if (containers.length > 0) await this.#redis.hdel(keyOf(app), ...containers)
  }

  async rolled(app: string): Promise<number> {
    return Number((await this.#redis.hget('rolled', app)) ?? 0)
  }

  async setRolled(app: string, version: number): Promise<void> {
    await this.#redis.hset('rolled', app, version)
  }

  async clear(app: string): Promise<void> {
    await this.#redis.multi().del(keyOf(app)).hdel('rolled', app).exec()
  }
}
