import type { Redis } from 'ioredis'
import { BerthError } from '../errors.js'
import { noApp } from './missing.js'
import type { Asker } from './operations.js'
import { change } from './records.js'

/** What happens when an entry's time comes and its last run goes on. */
export type Concurrency = 'allow' | 'forbid' | 'replace'

/** A command and when it runs. What is absent has its default. */
export interface CronLine {
  /** Five fields, or a word such as `@daily`. */
  readonly schedule: string
  /** A line for the shell of the app's image. */
  readonly command: string
  /** IANA name; absent is UTC. */
  readonly timezone?: string | undefined
  /** Absent is `forbid`. */
  readonly concurrency?: Concurrency | undefined
  /** How long one run may take, in milliseconds; absent is what the instance's setting says. */
  readonly timeout?: number | undefined
  /** Process type whose image it runs in; absent is the release's own. */
  readonly type?: string | undefined
  /** The app itself has it paused. */
  readonly maintenance?: true | undefined
}

/** An entry that somebody has added beside those of the app's release. */
export interface AddedCronLine extends CronLine {
  /** RFC 3339 */
  readonly createdAt: string
}

/**
 * `queued`: somebody wants it now, and the worker has not begun. `lost`: nobody knows how it ended. `interrupted`: the machine went
 * down. `skipped`: the run before it went on. `missed`: Berth was away when its time came. `ended`: by its time limit, or a newer run in
 * its place.
 */
export type CronRunStatus = (typeof cronRunStatuses)[number]
export const cronRunStatuses = [
  'queued',
  'running',
  'succeeded',
  'failed',
  'ended',
  'lost',
  'interrupted',
  'skipped',
  'missed',
] as const

/** One run of an entry, or that there was none. */
export interface CronRun {
  readonly id: string
  /** Id of the entry. */
  readonly entry: string
  /** As it was then. */
  readonly command: string
  /** The minute that it is for, RFC 3339; null where somebody asked for it. */
  readonly due: string | null
  /** Who asked for it; null is its schedule. */
  readonly by: Asker | null
  readonly status: CronRunStatus
  /** RFC 3339 */
  readonly createdAt: string
  readonly startedAt: string | null
  /** The run of the machine that it began in; absent where that is not known. */
  readonly boot?: string
  readonly finishedAt: string | null
  /** Who wants it ended, in words; absent: nobody. */
  readonly stop?: string
  /** Version of the release that it ran in; null before it began. */
  readonly release: number | null
  readonly exit: number | null
  /** Why it did not end well, or was not begun, in words. */
  readonly failure: string | null
}

/** Whether nothing more comes of a run. */
export const isOverRun = ({ status }: Pick<CronRun, 'status'>): boolean => status !== 'queued' && status !== 'running'

/** How many entries an app may have, those of its app.json included. */
export const mostCronEntries = 100

/** Channel that is told an app's id when its entries, or what is wanted of them, may be others; of releases, `appChanges`. */
export const cronChanges = 'cron:changed'

/** Channel that is told a run's id when its output has grown, or it has come further. */
export const cronRunChannel = (app: string): string => `cron:run:${app}`

/** 1: added; 0: it is there; -1: there are too many; -2: the app is gone. */
const addLine = `
local app, id, json, most, channel = unpack(ARGV)
if redis.call('hexists', 'apps', app) == 0 then return -2 end
if redis.call('hexists', 'cron:lines:' .. app, id) == 1 then return 0 end
if redis.call('hlen', 'cron:lines:' .. app) >= tonumber(most) then return -1 end
redis.call('hset', 'cron:lines:' .. app, id, json)
redis.call('publish', channel, app)
return 1`

/**
 * A run, unless its id is taken, or its minute not after the last one of its entry; 0: it is not. A connection that broke asks again for
 * what may have been done.
 */
const recordRun = `
local app, entry, id, json, due, latest = unpack(ARGV)
if redis.call('hexists', 'apps', app) == 0 then return 0 end
if redis.call('hget', 'cron:runs:' .. app, id) == json then return 1 end
if due ~= '' then
  local last = tonumber(redis.call('hget', 'cron:due:' .. app, entry) or '0')
  if last >= tonumber(due) and last <= tonumber(latest) then return 0 end
  redis.call('hset', 'cron:due:' .. app, entry, due)
end
if redis.call('hsetnx', 'cron:runs:' .. app, id, json) == 0 then return 0 end
redis.call('publish', 'cron:run:' .. app, id)
return 1`

const proceed = `
local id, before, after, app = unpack(ARGV)
if redis.call('hget', KEYS[1], id) ~= before then return 0 end
redis.call('hset', KEYS[1], id, after)
redis.call('publish', 'cron:run:' .. app, id)
return 1`

/** A clock that was set back by more begins anew: then what was recorded after that is no reason to wait. Milliseconds. */
const clockTrust = 3 * 3_600_000

/**
 * The record of what runs at times: hashes `cron:lines:<app>` (entry id -> JSON, those that were added), `cron:paused:<app>` (entry
 * id -> since when), `cron:due:<app>` (entry id -> the last minute that was dealt with, in ms) and `cron:runs:<app>` (run id -> JSON).
 */
export class Cron {
  readonly #redis: Redis
  constructor(redis: Redis) {
    this.#redis = redis
  }

  /** Those that were added, by id. */
  async added(app: string): Promise<Map<string, AddedCronLine>> {
    const all = Object.entries(await this.#redis.hgetall(`cron:lines:${app}`))
    return new Map(all.map(([id, json]) => [id, JSON.parse(json) as AddedCronLine]))
  }

  /** @throws BerthError `conflict` when it is there, or there are too many, `missing` */
  async add(app: { id: string; name: string }, id: string, line: AddedCronLine, most = mostCronEntries): Promise<void> {
    const done = await this.#redis.eval(addLine, 0, app.id, id, JSON.stringify(line), most, cronChanges)
    if (done === 0) throw new BerthError('conflict', `${app.name} has this entry already, as ${id}`, 'see `berth cron`')
    if (done === -1)
      throw new BerthError(
        'conflict',
        `an app has ${mostCronEntries} cron entries at most, and ${app.name} has them`,
        'remove one with `berth cron:remove`, or have one command do the work of several',
      )
    if (done === -2) throw noApp(app.name)
  }

  /** Whether there was one. */
  async remove(app: string, id: string): Promise<boolean> {
    const [[, gone] = []] =
      (await this.#redis
        .multi()
        .hdel(`cron:lines:${app}`, id)
        .hdel(`cron:paused:${app}`, id)
        .publish(cronChanges, app)
        .exec()) ?? []
    return gone === 1
  }

  /** Entry id -> since when it is paused. */
  paused(app: string): Promise<Record<string, string>> {
    return this.#redis.hgetall(`cron:paused:${app}`)
  }

  async pause(app: string, id: string): Promise<void> {
    await this.#redis
      .multi()
      .hsetnx(`cron:paused:${app}`, id, new Date().toISOString())
      .publish(cronChanges, app)
      .exec()
  }

  /** What came up meanwhile is not made good. */
  async resume(app: string, id: string): Promise<void> {
    await this.#redis
      .multi()
      .hdel(`cron:paused:${app}`, id)
      .hset(`cron:due:${app}`, id, Date.now())
      .publish(cronChanges, app)
      .exec()
  }

  /** Entry id -> the last minute that was dealt with, or since when it is known, in ms. */
  async dues(app: string): Promise<Map<string, number>> {
    return new Map(Object.entries(await this.#redis.hgetall(`cron:due:${app}`)).map(([id, due]) => [id, Number(due)]))
  }

  /** Sets since when entries are known, and forgets others. */
  async setDues(app: string, dues: Readonly<Record<string, number>>, forget: readonly string[]): Promise<void> {
    if (Object.keys(dues).length > 0) await this.#redis.hset(`cron:due:${app}`, dues)
    if (forget.length > 0) await this.#redis.hdel(`cron:due:${app}`, ...forget)
  }

  /**
   * Records a run before it begins; durable when it resolves. False when it must not begin: its minute was dealt with, by whomever,
   * or the app is gone.
   */
  async record(app: string, run: CronRun, now = Date.now()): Promise<boolean> {
    const due = run.due === null ? '' : String(Date.parse(run.due))
    const args = [app, run.entry, run.id, JSON.stringify(run), due, String(now + clockTrust)]
    return (await this.#redis.eval(recordRun, 0, ...args)) === 1
  }

  /** The same of one that somebody wants now; the worker hears of it. */
  async want(app: string, run: CronRun): Promise<void> {
    await this.record(app, run)
    await this.#redis.publish(cronChanges, app)
  }

  /** Changes a run that is not over; null when there is none. */
  async update(app: string, id: string, patch: Partial<CronRun>): Promise<CronRun | null> {
    return change<CronRun>(
      this.#redis,
      { hash: `cron:runs:${app}`, key: id, script: proceed, args: () => [app] },
      (before) => (isOverRun(before) ? null : { ...before, ...patch }),
    )
  }

  /** Has the worker end a run; one that has not begun is over at once, and one that is over stays as it is. Null when there is none. */
  async stop(app: string, id: string, why: string): Promise<CronRun | null> {
    const wanted = await change<CronRun>(
      this.#redis,
      { hash: `cron:runs:${app}`, key: id, script: proceed, args: () => [app] },
      (before) => {
        if (isOverRun(before)) return null
        const over = { status: 'ended', finishedAt: new Date().toISOString(), failure: why } as const
        return { ...before, ...(before.status === 'queued' ? over : { stop: why }) }
      },
    )
    await this.#redis.publish(cronChanges, app)
    return wanted
  }

  async run(app: string, id: string): Promise<CronRun | null> {
    const json = await this.#redis.hget(`cron:runs:${app}`, id)
    return json === null ? null : (JSON.parse(json) as CronRun)
  }

  /** Newest first. */
  async runs(app: string): Promise<CronRun[]> {
    const all = (await this.#redis.hvals(`cron:runs:${app}`)).map((json) => JSON.parse(json) as CronRun)
    return all.sort((a, b) => (a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : a.id < b.id ? 1 : -1))
  }

  async forget(app: string, ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.#redis.hdel(`cron:runs:${app}`, ...ids)
  }

  /** Has those who follow a run look again. */
  async notify(app: string, id: string): Promise<void> {
    await this.#redis.publish(cronRunChannel(app), id)
  }
}
