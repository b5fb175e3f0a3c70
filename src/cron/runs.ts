import type { Config } from '../config.js'
import { is, messageOf } from '../errors.js'
import { formatDuration } from '../lib/duration.js'
import { Semaphore } from '../lib/semaphore.js'
import type { Logger } from '../log.js'
import type { Clock } from '../scheduler/clock.js'
import type { Detached, Scheduler } from '../scheduler/scheduler.js'
import type { App } from '../store/apps.js'
import { isOverRun, type CronRun } from '../store/cron.js'
import type { Store } from '../store/store.js'
import type { CronEntry } from './entry.js'
import { keepOutput, outputFile, outputSize, RunOutput } from './output.js'
import { processOf } from './log-source.js'

/** What running entries needs. */
export interface CronDeps {
  readonly config: Config
  readonly store: Store
  readonly scheduler: Pick<Scheduler, 'detach' | 'detached'>
  readonly log: Logger
  readonly clock: Clock
  /** Tells this run of the machine from others. */
  readonly boot: string
}

/** Runs that are remembered of an entry, and of an app. */
export const keptRuns = 20
const keptOfApp = 500
/** Bytes of output that are kept of an app's runs, the newest. */
const keptBytes = 32 * 1024 * 1024
/** Containers that are made and started at once. */
const startsAtOnce = 8
/** How a container ends that the machine takes with it: by a signal of the shutdown, or unseen. */
const endings: ReadonlySet<number> = new Set([128 + 15, 128 + 9, 255])
const wentDown = 'the machine went down while it ran'
// setTimeout counts milliseconds in 31 bits
const longestTimer = 2 ** 31 - 1

/** A run that goes on. */
interface Active {
  readonly run: CronRun
  /** Why it is being ended, in words. */
  ending: string | null
  detached: Detached | null
  /** Resolves when it is over and written down, or left for the next worker. */
  done: Promise<void>
}

/** A run that was going on when its worker died, and how long it may take. */
export interface LeftRun {
  readonly app: string
  readonly run: CronRun
  readonly timeout: number | null
}

/** Starts runs, follows them to their ends, and takes up those that another worker left. */
export class CronRuns {
  readonly #deps: CronDeps
  readonly #stopping: AbortSignal
  /** By app and entry. */
  readonly #active = new Map<string, Set<Active>>()
  readonly #starts = new Semaphore(startsAtOnce)
  /** Containers that are made and started, or wait for their turn. */
  readonly #starting = new Set<Promise<unknown>>()
  /** Apps whose old runs are to be forgotten, until that begins. */
  readonly #trims = new Map<string, Promise<void>>()
  /** What was taken up, until all of it is done. */
  readonly #adopted = new Set<Promise<void>>()
  readonly #left: { readonly app: string; readonly active: Active; readonly timeout: number | null }[] = []

  constructor(deps: CronDeps, stopping: AbortSignal) {
    this.#deps = deps
    this.#stopping = stopping
  }

  /** Whether a run goes on. */
  has(app: string, { entry, id }: CronRun): boolean {
    return [...(this.#active.get(keyOf(app, entry)) ?? [])].some(({ run }) => run.id === id)
  }

  /**
   * Begins a run, in the release that is current now. Resolves when it is over, or left for the next worker.
   * @param run not yet recorded, or `queued`
   */
  async begin(app: App, entry: CronEntry, run: CronRun): Promise<void> {
    const { clock } = this.#deps
    const others = [...(this.#active.get(keyOf(app.id, entry.id)) ?? [])]
    const now = new Date(clock.now()).toISOString()
    const last = others.at(-1)
    if (entry.concurrency === 'forbid' && last) {
      const since = last.run.startedAt ?? last.run.createdAt
      const failure = `the run of ${since} goes on, and two are not to run at once`
      await this.#record(app.id, run, { status: 'skipped', finishedAt: now, failure })
      return
    }
    const active: Active = { run: { ...run, startedAt: now }, ending: null, detached: null, done: Promise.resolve() }
    this.#add(app.id, active)
    active.done = this.#begin(app, entry, active, others).finally(() => this.#remove(app.id, active))
    await active.done
  }

  async #begin(app: App, entry: CronEntry, active: Active, others: readonly Active[]): Promise<void> {
    const { store, scheduler } = this.#deps
    const { run } = active
    const release = await store.releases.current(app)
    this.#stopping.throwIfAborted()
    const { boot } = this.#deps
    const begun = { status: 'running', startedAt: run.startedAt, release: release.version, boot } as const
    if (!(await this.#record(app.id, run, begun))) return
    if (entry.concurrency === 'replace')
      await Promise.all(others.map((one) => this.#end(one, 'a newer run took its place')))
    try {
      const spec = {
        ...{ run: run.id, process: processOf(entry.id), command: [entry.command] },
        ...(entry.type === null ? {} : { type: entry.type }),
      }
      active.detached = await this.#start(() => scheduler.detach(app, release, spec))
      // somebody wanted it ended while it began
      if (active.ending !== null) await active.detached.stop()
    } catch (error) {
      if (this.#stopping.aborted) return
      await this.#close(app.id, active, { status: 'failed', failure: messageOf(error) })
      return
    }
    await this.#follow(app.id, active, entry.timeout)
  }

  async #start(start: () => Promise<Detached>): Promise<Detached> {
    const started = this.#starts.run(start)
    this.#starting.add(started)
    try {
      return await started
    } finally {
      this.#starting.delete(started)
    }
  }

  /** Resolves when nothing is being started: what is over is cleared away after that, for others are due. */
  async #quiet(): Promise<void> {
    while (this.#starting.size > 0) await Promise.allSettled(this.#starting)
  }

  /** Whether it is to go on: not when its minute was dealt with. */
  async #record(app: string, run: CronRun, patch: Partial<CronRun>): Promise<boolean> {
    const { store, clock } = this.#deps
    if (run.status === 'queued') return (await store.cron.update(app, run.id, patch))?.status === patch.status
    return store.cron.record(app, { ...run, ...patch }, clock.now())
  }

  /** Takes runs that a worker left for going on, until `takeUp` tells what has become of them. */
  expect(runs: readonly LeftRun[]): void {
    for (const { app, run, timeout } of runs) {
      const active: Active = { run, ending: null, detached: null, done: Promise.resolve() }
      // what the machine took with it keeps nothing from running
      if (!this.#isOfBefore(run)) this.#add(app, active)
      this.#left.push({ app, active, timeout })
    }
  }

  /** Takes up what a worker left that died. Resolves when all of it is being followed. @throws when the engine does not answer */
  async takeUp(): Promise<void> {
    const found = await this.#deps.scheduler.detached()
    const left = this.#left.splice(0)
    for (const { app, active, timeout } of left) {
      active.detached = found.find(({ run }) => run === active.run.id) ?? null
      const over =
        active.detached === null
          ? this.#close(app, active, this.#untraced(active.run))
          : this.#follow(app, active, timeout)
      active.done = over.finally(() => this.#remove(app, active))
      const rest = active.done
        .catch((error: unknown) => this.#deps.log.warn({ app, run: active.run.id }, messageOf(error)))
        .finally(() => this.#adopted.delete(rest))
      this.#adopted.add(rest)
      // somebody wanted it ended meanwhile
      if (active.ending !== null) void this.#stop(active)
    }
    const all = [...left.map(({ active }) => active), ...[...this.#active.values()].flatMap((some) => [...some])]
    const known = new Set(all.map(({ run }) => run.id))
    const strays = found.filter(({ run }) => !known.has(run))
    await Promise.all(strays.map((one) => one.remove()))
  }

  /** Ends a run that somebody wants ended. */
  async stop(app: string, { entry, id, stop }: CronRun): Promise<void> {
    const active = [...(this.#active.get(keyOf(app, entry)) ?? [])].find(({ run }) => run.id === id)
    if (active?.ending === null && stop !== undefined) await this.#end(active, stop)
  }

  /** Ends what goes on of an app that is gone. */
  async endAll(app: string): Promise<void> {
    const all = [...this.#active].filter(([key]) => key.startsWith(`${app} `)).flatMap(([, active]) => [...active])
    await Promise.all(all.map((one) => this.#end(one, 'the app was destroyed')))
  }

  /** Resolves when nothing that was taken up is followed any more; of what was begun, `begin` does. */
  async rest(): Promise<void> {
    await Promise.all(this.#adopted)
  }

  async #end(active: Active, why: string): Promise<void> {
    active.ending ??= why
    await this.#stop(active)
    await active.done
  }

  async #stop({ detached, run }: Active): Promise<void> {
    await detached?.stop().catch((error: unknown) => this.#deps.log.warn({ run: run.id }, messageOf(error)))
  }

  async #follow(app: string, active: Active, timeout: number | null): Promise<void> {
    const { config, store, clock } = this.#deps
    const { run, detached } = active
    if (detached === null) return
    const limit = timeout ?? config.limits.cron
    const left = Date.parse(run.startedAt ?? run.createdAt) + limit - clock.now()
    const callOff = clock.after(Math.min(Math.max(left, 0), longestTimer), () => {
      active.ending ??= `it took longer than ${formatDuration(limit)}`
      void this.#stop(active)
    })
    const output = await RunOutput.open(outputFile(config, app, run.id), () => store.cron.notify(app, run.id))
    let patch: Partial<CronRun>
    try {
      const line = (time: string, text: string): Promise<void> => output.line(time, text)
      const { code, words, finishedAt } = await detached.follow({ line, signal: this.#stopping })
      const status = active.ending !== null ? 'ended' : code === 0 ? 'succeeded' : 'failed'
      const failure = status === 'succeeded' ? null : (active.ending ?? words)
      patch =
        status === 'failed' && this.#isOfBefore(run) && endings.has(code)
          ? { status: 'interrupted', failure: wentDown }
          : { status, exit: code, finishedAt, failure }
    } catch (error) {
      if (this.#stopping.aborted) return
      patch = {
        status: 'lost',
        failure: is(error, 'missing') ? error.message : `it cannot be followed: ${messageOf(error)}`,
      }
    } finally {
      callOff()
      await output.close()
    }
    await this.#close(app, active, patch)
    await this.#quiet()
    await detached.remove()
  }

  /** Whether the machine has gone down since it began. */
  #isOfBefore({ boot }: CronRun): boolean {
    return boot !== undefined && boot !== this.#deps.boot
  }

  #untraced(run: CronRun): Partial<CronRun> {
    return this.#isOfBefore(run)
      ? { status: 'interrupted', failure: wentDown }
      : { status: 'lost', failure: 'Berth ended while it began: there is no trace of it' }
  }

  /** Writes down how a run ended, and forgets what is too old. */
  async #close(app: string, active: Active, patch: Partial<CronRun>): Promise<void> {
    const { store, clock, log } = this.#deps
    const { run } = active
    const finishedAt = new Date(clock.now()).toISOString()
    await store.cron.update(app, run.id, { finishedAt, ...patch })
    // from here on the next may begin
    this.#remove(app, active)
    if (patch.status !== 'succeeded')
      log.info({ app, run: run.id, failure: patch.failure }, `cron run ${patch.status ?? ''}`)
    await this.#trimSoon(app)
  }

  /** Once for all runs of an app that end meanwhile. */
  #trimSoon(app: string): Promise<void> {
    const known = this.#trims.get(app)
    if (known) return known
    const done = this.#quiet()
      .then(() => {
        this.#trims.delete(app)
        return this.#trim(app)
      })
      .catch((error: unknown) => this.#deps.log.warn({ app }, `not all old cron runs are gone: ${messageOf(error)}`))
    this.#trims.set(app, done)
    return done
  }

  async #trim(app: string): Promise<void> {
    const { store, config } = this.#deps
    const kept = new Map<string, number>()
    const [old, output] = [[] as string[], new Set<string>()]
    let [count, bytes] = [0, 0]
    for (const run of await store.cron.runs(app)) {
      const before = kept.get(run.entry) ?? 0
      if (isOverRun(run) && (before >= keptRuns || count >= keptOfApp)) {
        old.push(run.id)
        continue
      }
      kept.set(run.entry, before + 1)
      count += 1
      bytes += await outputSize(config, app, run.id)
      if (bytes <= keptBytes || !isOverRun(run)) output.add(run.id)
    }
    await store.cron.forget(app, old)
    await keepOutput(config, app, output)
  }

  #add(app: string, active: Active): void {
    const key = keyOf(app, active.run.entry)
    this.#active.set(key, (this.#active.get(key) ?? new Set()).add(active))
  }

  #remove(app: string, active: Active): void {
    const key = keyOf(app, active.run.entry)
    const all = this.#active.get(key)
    all?.delete(active)
    if (all?.size === 0) this.#active.delete(key)
  }
}

const keyOf = (app: string, entry: string): string => `${app} ${entry}`

/** The id of a run: its entry's, and the minute that it is for. */
export const runIdOf = (entry: string, due: number): string => `${entry}.${Math.floor(due / 60_000).toString(36)}`
