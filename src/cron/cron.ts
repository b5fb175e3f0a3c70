import { rm } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '../errors.js'
import { bootId } from '../lib/boot.js'
import { KeyedMutex } from '../lib/keyed-mutex.js'
import { systemClock } from '../scheduler/clock.js'
import { appChanges, type App } from '../store/apps.js'
import { cronChanges, type CronRun } from '../store/cron.js'
import { entriesOf, type CronEntry } from './entry.js'
import { outputDirectory } from './output.js'
import { CronRuns, runIdOf, type CronDeps, type LeftRun } from './runs.js'
import { readSchedule } from './schedule.js'
import { dueOf, plan, type Due, type PlannedEntry } from './timetable.js'

/** The clock is looked at this often at least: one that is put to another time calls off no timer. Milliseconds. */
const lookMs = 60_000
/** What the engine or Redis did not answer is asked again after this. Milliseconds. */
const againMs = 2_000

/** The one that runs what apps want run at times. */
export interface CronDriver {
  /** Begins nothing any more. What runs goes on, and is left for the next worker. Resolves when nothing of it is written any more. */
  stop(): Promise<void>
}

/** Runs the entries of all apps from now on: the worker's, of which there is one. Resolves when all of them are planned. */
export async function startCron(
  given: Omit<CronDeps, 'clock' | 'boot'> & Partial<Pick<CronDeps, 'clock' | 'boot'>>,
): Promise<CronDriver> {
  const driver = new Driver({ clock: systemClock, boot: bootId(), ...given })
  await driver.start()
  return driver
}

class Driver implements CronDriver {
  readonly #deps: CronDeps
  readonly #stopping = new AbortController()
  readonly #runs: CronRuns
  /** By app. */
  readonly #planned = new Map<string, PlannedEntry[]>()
  readonly #mutex = new KeyedMutex()
  /** What goes on, to be awaited at the end. */
  readonly #work = new Set<Promise<void>>()
  #unsubscribe: (() => void)[] = []
  #callOff: () => void = () => undefined
  #armedAt = 0

  constructor(deps: CronDeps) {
    this.#deps = deps
    this.#runs = new CronRuns(deps, this.#stopping.signal)
  }

  async start(): Promise<void> {
    const { store } = this.#deps
    const hear = (app: string): void => this.#do(app === '' ? this.#loadAll() : this.#load(app))
    for (const channel of [cronChanges, appChanges])
      this.#unsubscribe.push(await store.notifications.subscribe(channel, hear))
    this.#runs.expect(await this.#leftRuns())
    this.#do(this.#takeUp())
    await this.#loadAll()
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('cron is stopping'))
    this.#callOff()
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
    while (this.#work.size > 0) await Promise.allSettled(this.#work)
    await this.#runs.rest()
  }

  /** Does something in the background. */
  #do(work: Promise<unknown>): void {
    const done = work
      .then(() => undefined)
      .catch((error: unknown) => {
        if (!this.#stopping.signal.aborted) this.#deps.log.warn(`cron: ${messageOf(error)}`)
      })
      .finally(() => this.#work.delete(done))
    this.#work.add(done)
  }

  async #loadAll(): Promise<void> {
    const apps = (await this.#deps.store.apps.list()).map(({ id }) => id)
    await Promise.all([...new Set([...apps, ...this.#planned.keys()])].map((app) => this.#load(app)))
  }

  /** Plans an app anew, and begins what somebody wants of it now. */
  #load(id: string): Promise<void> {
    return this.#mutex.run(id, async () => {
      const { store, clock } = this.#deps
      const app = await store.apps.find(id)
      if (this.#stopping.signal.aborted) return
      if (app === null) return this.#forget(id)
      const entries = await this.#entriesOf(app)
      const dues = await store.cron.dues(id)
      const now = clock.now()
      // what this worker has dealt with may not have been written down yet
      const known = new Map((this.#planned.get(id) ?? []).map((one) => [one.entry.id, one.last]))
      const lastOf = ({ id: entry }: CronEntry): number | undefined => {
        const last = dues.get(entry)
        return last === undefined ? undefined : Math.max(last, known.get(entry) ?? 0)
      }
      const runnable = entries.filter(({ paused }) => paused === null)
      const planned = runnable.flatMap((entry) => this.#plan(app, entry, lastOf(entry), now))
      const unknown = planned.filter(({ entry }) => !dues.has(entry.id)).map(({ entry }) => [entry.id, now] as const)
      // one that is paused, or gone, and comes back begins anew
      const gone = [...dues.keys()].filter((due) => !runnable.some((entry) => entry.id === due))
      await store.cron.setDues(id, Object.fromEntries(unknown), gone)
      if (planned.length > 0) this.#planned.set(id, planned)
      else this.#planned.delete(id)
      await this.#beginWanted(app, entries)
      this.#arm()
    })
  }

  async #entriesOf(app: App): Promise<CronEntry[]> {
    const { store } = this.#deps
    const [release, added, paused] = await Promise.all([
      store.releases.current(app),
      store.cron.added(app.id),
      store.cron.paused(app.id),
    ])
    return entriesOf(app.id, release.cron ?? [], { added, paused })
  }

  #plan(app: App, entry: CronEntry, last: number | undefined, now: number): PlannedEntry[] {
    try {
      return [plan(entry, readSchedule(entry.schedule, entry.timezone), last, now)]
    } catch (error) {
      // what an earlier Berth took
      this.#deps.log.warn({ app: app.name, entry: entry.id }, messageOf(error))
      return []
    }
  }

  async #beginWanted(app: App, entries: readonly CronEntry[]): Promise<void> {
    for (const run of await this.#deps.store.cron.runs(app.id)) {
      if (run.stop !== undefined && run.status === 'running') this.#do(this.#runs.stop(app.id, run))
      if (run.status !== 'queued' || this.#runs.has(app.id, run)) continue
      const entry = entries.find(({ id }) => id === run.entry)
      const finishedAt = new Date(this.#deps.clock.now()).toISOString()
      if (entry) this.#do(this.#runs.begin(app, entry, run))
      else
        await this.#deps.store.cron.update(app.id, run.id, {
          status: 'failed',
          failure: 'its entry is gone',
          finishedAt,
        })
    }
  }

  async #forget(id: string): Promise<void> {
    this.#planned.delete(id)
    await this.#runs.endAll(id)
    await rm(outputDirectory(this.#deps.config, id), { recursive: true, force: true })
  }

  /** One timer for all entries of all apps. */
  #arm(): void {
    const { clock } = this.#deps
    this.#callOff()
    if (this.#stopping.signal.aborted) return
    let next = Infinity
    for (const planned of this.#planned.values()) for (const one of planned) next = Math.min(next, one.next)
    if (next === Infinity) return
    this.#armedAt = clock.now()
    this.#callOff = clock.after(Math.min(Math.max(next - this.#armedAt, 1), lookMs), () => this.#wake())
  }

  #wake(): void {
    const now = this.#deps.clock.now()
    if (now < this.#armedAt) {
      // the clock was set back: what is planned may be far off
      this.#do(this.#loadAll())
      return
    }
    for (const [app, planned] of this.#planned)
      for (const one of planned) {
        const due = dueOf(one, now)
        if (due.run !== null || due.missed !== null) this.#do(this.#run(app, one.entry, due))
      }
    this.#arm()
  }

  #runOf(entry: CronEntry, due: number): CronRun {
    return {
      ...{ id: runIdOf(entry.id, due), entry: entry.id, command: entry.command, due: new Date(due).toISOString() },
      ...{ by: null, status: 'running', createdAt: new Date(this.#deps.clock.now()).toISOString(), startedAt: null },
      ...{ finishedAt: null, release: null, exit: null, failure: null },
    }
  }

  /** The entry as it is then: what a deploy brings in the same moment counts from the next minute on. */
  async #run(id: string, entry: CronEntry, { run, missed }: Due): Promise<void> {
    if (missed !== null) await this.#miss(id, entry, missed)
    if (run === null) {
      // none of what came up meanwhile is to come up again
      await this.#deps.store.cron.setDues(id, { [entry.id]: this.#deps.clock.now() }, [])
      return
    }
    const app = await this.#deps.store.apps.find(id)
    if (app === null || this.#stopping.signal.aborted) return
    await this.#runs.begin(app, entry, this.#runOf(entry, run))
  }

  async #miss(app: string, entry: CronEntry, due: number): Promise<void> {
    const failure = 'Berth did not run at that time'
    const run: CronRun = { ...this.#runOf(entry, due), status: 'missed', failure }
    const { store, clock } = this.#deps
    await store.cron.record(app, { ...run, finishedAt: run.createdAt }, clock.now())
  }

  /** What went on when the worker before this one ended. */
  async #leftRuns(): Promise<LeftRun[]> {
    const { store } = this.#deps
    const left: LeftRun[] = []
    for (const app of await store.apps.list()) {
      const running = (await store.cron.runs(app.id)).filter(({ status }) => status === 'running')
      if (running.length === 0) continue
      const entries = await this.#entriesOf(app)
      const timeoutOf = ({ entry }: CronRun): number | null => entries.find(({ id }) => id === entry)?.timeout ?? null
      left.push(...running.map((run) => ({ app: app.id, run, timeout: timeoutOf(run) })))
    }
    return left
  }

  /** Takes it up once the engine answers. */
  async #takeUp(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        await this.#runs.takeUp()
        return
      } catch (error) {
        this.#deps.log.debug(`cron: what runs is not known yet: ${messageOf(error)}`)
        await delay(againMs, undefined, { signal })
      }
    }
  }
}
