import type { Redis } from 'ioredis'
import { mayMove, observed, type ProcessState } from './lifecycle.js'
import type { ObservedContainer } from './plan.js'

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
  /** Why it gets no requests though it is up, one line: it fails a readiness check. */
  readonly unready?: string | null
  /** When its container was started, and where it is; null until it has been looked at. */
  readonly life?: string | null
}

/**
 * Writes records, given with what they were when they were read ('' is none), and of an app the version that is rolled out, if that
 * is another: all of it or nothing. 0: one has changed meanwhile.
 */
const replace = `
for at = 3, #ARGV, 3 do
  if redis.call('hget', KEYS[1], ARGV[at]) ~= (ARGV[at + 1] ~= '' and ARGV[at + 1]) then return 0 end
end
for at = 3, #ARGV, 3 do redis.call('hset', KEYS[1], ARGV[at], ARGV[at + 2]) end
if ARGV[2] ~= '' then redis.call('hset', 'rolled', ARGV[1], ARGV[2]) end
return 1`

const keyOf = (app: string): string => `processes:${app}`

const stateOf = (json: string | undefined): ProcessState | null =>
  json === undefined ? null : (JSON.parse(json) as ProcessRecord).state

/** What becomes of processes, by container ids, when a release takes over. */
export interface TakeOver {
  readonly fresh: readonly string[]
  readonly replaced: readonly string[]
  /** Of the fresh ones: why another was there before, one line. */
  readonly failure: string | null
}

/** A state, and since when. */
const at = (before: ProcessRecord | null, state: ProcessState): Pick<ProcessRecord, 'state' | 'since'> => ({
  state,
  since: before?.state === state ? before.since : new Date().toISOString(),
})

/**
 * The record of processes: hash `processes:<app id>` (container id -> JSON). Only the scheduler writes it; `ps` reads it
 * from another process. Hash `rolled` (app id -> version) is the release the scheduler last moved the route to: it is
 * ahead of the app's own `current` from the moment of the switch until the operation is written down as done.
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

  /** Moves a process on. Null when it is not known, or what was seen of it meanwhile does not allow it: look again. */
  async move(
    app: string,
    container: string,
    to: ProcessState,
    patch: Partial<Pick<ProcessRecord, 'restarts' | 'until' | 'failure' | 'unready'>> = {},
  ): Promise<ProcessRecord | null> {
    return this.#change(app, container, (before) => {
      if (before === null || !mayMove(before.state, to)) return null
      return { ...before, ...at(before, to), ...patch }
    })
  }

  /** Writes down whether one that is up can take requests; null: it can. Null when it is not up, or that is known. */
  async setUnready(app: string, container: string, unready: string | null): Promise<ProcessRecord | null> {
    return this.#change(app, container, (before) =>
      before?.state === 'up' && (before.unready ?? null) !== unready ? { ...before, unready } : null,
    )
  }

  /** Writes down that a container runs. `life` tells one run of it from the next. */
  async see(app: string, { id, process, type, release }: ObservedContainer, life: string): Promise<ProcessRecord> {
    const unknown = { container: id, process, type, release, restarts: 0, until: null, failure: null }
    const record = await this.#change(app, id, (before) => {
      if (before === null) return { ...unknown, life, ...at(null, observed(null, 'runs')) }
      const anew = typeof before.life === 'string' && before.life !== life
      const state = observed(before.state, anew ? 'runs anew' : 'runs')
      if (state === before.state && before.life === life) return before
      const revived = before.state === 'crashed' ? { until: null, failure: null } : {}
      return { ...before, ...revived, life, ...at(before, state) }
    })
    if (record === null) throw new Error('a container that runs has a record')
    return record
  }

  async remove(app: string, containers: readonly string[]): Promise<void> {
    if (containers.length > 0) await this.#redis.hdel(keyOf(app), ...containers)
  }

  /** Changes a record, or adds one, whoever else does meanwhile; `change` is asked again then. Null changes nothing. */
  async #change(
    app: string,
    container: string,
    change: (before: ProcessRecord | null) => ProcessRecord | null,
  ): Promise<ProcessRecord | null> {
    for (;;) {
      const json = await this.#redis.hget(keyOf(app), container)
      const before = json === null ? null : (JSON.parse(json) as ProcessRecord)
      const after = change(before)
      if (after === null || after === before) return after
      const args = [container, json ?? '', JSON.stringify(after)]
      if ((await this.#redis.eval(replace, 1, keyOf(app), app, '', ...args)) === 1) return after
    }
  }

  async rolled(app: string): Promise<number> {
    return Number((await this.#redis.hget('rolled', app)) ?? 0)
  }

  async setRolled(app: string, version: number): Promise<void> {
    await this.#redis.hset('rolled', app, version)
  }

  /**
   * Makes a release the one that is rolled out, in one step with what becomes of its processes: the fresh ones are up, those whose
   * place they take, and that serve still, drain.
   * @param version null: the one that is rolled out stays
   * @returns a fresh one that cannot be up any more; nothing has changed then
   */
  async takeOver(app: string, version: number | null, { fresh, replaced, failure }: TakeOver): Promise<string | null> {
    for (;;) {
      const all = await this.#redis.hgetall(keyOf(app))
      const args: string[] = []
      const move = (container: string, to: ProcessState, patch: Partial<ProcessRecord> = {}): boolean => {
        const json = all[container]
        const before = json === undefined ? null : (JSON.parse(json) as ProcessRecord)
        if (json === undefined || before === null || !mayMove(before.state, to)) return false
        args.push(container, json, JSON.stringify({ ...before, ...at(before, to), ...patch }))
        return true
      }
      const lost = fresh.find((one) => !move(one, 'up', { failure, unready: null }))
      if (lost !== undefined) return lost
      for (const one of replaced) if (stateOf(all[one]) === 'up') move(one, 'draining')
      if ((await this.#redis.eval(replace, 1, keyOf(app), app, String(version ?? ''), ...args)) === 1) return null
    }
  }

  async clear(app: string): Promise<void> {
    await this.#redis.multi().del(keyOf(app)).hdel('rolled', app).exec()
  }
}
