import { EventEmitter } from 'node:events'
import { label, type Config } from '../config.js'
import type { EngineClient } from '../engine-client/client.js'
import { LineReader } from '../engine-client/log-frames.js'
import { messageOf } from '../errors.js'
import type { Logger } from '../log.js'
import type { Store } from '../store/store.js'
import { systemClock } from './clock.js'
import { AppEngine } from './app-engine.js'
import { listDetached, startDetached, type DetachedDeps } from './detached.js'
import { followApps, followDisconnects, type AppEvent } from './events.js'
import { Fleet, type SchedulerDeps } from './fleet.js'
import { Semaphore } from '../lib/semaphore.js'
import { defaultLimits, type Timeouts } from './limits.js'
import { readLogs } from './logs.js'
import { linkedBy } from './links.js'
import { startOneOff, type OneOffDeps } from './one-off.js'
import { Liveness, type SickProcess } from './liveness.js'
import type { ObservedContainer } from './plan.js'
import { listProcesses } from './processes.js'
import { ready } from './readiness.js'
import { Reconciler } from './reconciler.js'
import { ProcessRecords } from './records.js'
import { runChecks } from './run-checks.js'
import { tellTo } from './tell.js'
import { noProcess, replaceOf, RollOut, type RolloutRequest } from './rollout.js'
import type {
  CheckResult,
  Detached,
  DetachedSpec,
  LogLine,
  LogQuery,
  OnceTask,
  OneOff,
  OneOffSpec,
  Process,
  Scheduler,
  TaskOptions,
} from './scheduler.js'
import { appChanges, type App } from '../store/apps.js'
import type { Canary } from '../store/canaries.js'
import type { Release } from '../store/releases.js'
import { Traffic } from './traffic.js'
import { Turns } from './turns.js'
import { canaryReleaseOf, canarySlot, canarySlots, isCanary } from './wanted.js'

/** What a scheduler on one engine needs. */
export interface SchedulerOptions {
  readonly config: Config
  readonly store: Store
  readonly engine: EngineClient
  readonly log: Logger
  readonly limits?: Partial<Timeouts>
}

/** What is needed to change things: opened at the first change. */
interface Changing {
  readonly deps: SchedulerDeps
  readonly reconciler: Reconciler
  readonly liveness: Liveness
  readonly telling: ReturnType<typeof tellTo>
  rollOut(change: RolloutRequest): Promise<void>
}

/** How long somebody before a terminal waits for an engine that is being restarted, in milliseconds. */
const attachMs = 10_000

/** The scheduler of an instance on one engine, its own or another's. It does nothing until it is asked, or started. */
export const createScheduler = (options: SchedulerOptions): Scheduler => new LocalScheduler(options)

/** Of a canary that an app has already. */
const unchanged = { begin: () => Promise.resolve(), end: () => Promise.resolve() }

class LocalScheduler implements Scheduler {
  readonly #options: SchedulerOptions
  readonly #limits: Timeouts
  readonly #engine: AppEngine
  /** For whoever sits before a terminal. */
  readonly #attaching: AppEngine
  readonly #records: ProcessRecords
  readonly #oneOffs: Omit<OneOffDeps, 'engine'>
  readonly #detaching: DetachedDeps
  readonly #stopped = new AbortController()
  #changing: Promise<Changing> | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(options: SchedulerOptions) {
    this.#options = options
    this.#limits = { ...defaultLimits, ...options.limits }
    this.#engine = new AppEngine(options.engine.waiting(this.#limits.engine), options.config.name)
    this.#attaching = new AppEngine(options.engine.waiting(attachMs), options.config.name)
    this.#records = new ProcessRecords(options.store.redis)
    this.#oneOffs = { config: options.config, linked: linkedBy(options.store) }
    this.#detaching = { ...this.#oneOffs, engine: this.#engine, grace: this.#limits.grace }
  }

  rollOut(app: App, release: Release, options: TaskOptions): Promise<void> {
    return this.#move({ app, release, shouldReplace: () => false, ...options })
  }

  async isRolledOut(app: App, version: number): Promise<boolean> {
    return (await this.#records.rolled(app.id)) === version
  }

  async restart(app: App, release: Release, process: string | null, options: TaskOptions): Promise<void> {
    const isOfCanary = process !== null && isCanary({ process })
    if (!isOfCanary) await this.#move({ app, release, shouldReplace: replaceOf(release, process), ...options })
    const canary = await canaryReleaseOf(this.#options.store, app)
    if (!app.canary || !canary || !(isOfCanary || process === null || process === 'web')) return
    const slots = canarySlots(app.canary, release, canary)
    if (isOfCanary && !slots.some((slot) => slot.process === process)) throw noProcess(process)
    const shouldReplace = (one: ObservedContainer) => !isOfCanary || one.process === process
    await this.#move({ app, release: canary, shouldReplace, canary: { slots, ...unchanged }, ...options })
  }

  async startCanary(app: App, release: Release, canary: Canary, options: TaskOptions): Promise<void> {
    const { store } = this.#options
    const change = {
      slots: canarySlots(canary, await store.releases.current(app), release),
      begin: () => store.apps.update(app.id, { canary }),
      end: () => store.apps.update(app.id, { canary: app.canary }),
    }
    await this.#move({ app, release, shouldReplace: () => false, canary: change, ...options })
  }

  async runOnce(
    app: App,
    release: Release,
    { name: process, type, command }: OnceTask,
    { log, signal }: TaskOptions,
  ): Promise<number> {
    const engine = this.#engine
    // one that a killed worker left behind must not run beside this one
    const left = ((await engine.list(app.id)).get(app.id) ?? []).filter((one) => one.process === process)
    await Promise.all(left.map((one) => engine.remove(one.id)))
    const end = AbortSignal.any([signal, this.#stopped.signal])
    const options = { command, type, process, tty: false, stdin: false, signal: end }
    const oneOff = await startOneOff({ ...this.#oneOffs, engine }, app, release, options)
    const lines = new LineReader()
    for await (const frame of oneOff.output) for (const line of lines.read(frame)) await log(line)
    for (const line of lines.end()) await log(line)
    return oneOff.exit
  }

  attach(app: App, release: Release, spec: OneOffSpec, signal: AbortSignal): Promise<OneOff> {
    const deps = { ...this.#oneOffs, engine: this.#attaching }
    return startOneOff(deps, app, release, { ...spec, stdin: true, size: spec, signal })
  }

  detach(app: App, release: Release, spec: DetachedSpec): Promise<Detached> {
    return startDetached(this.#detaching, app, release, spec)
  }

  detached(): Promise<Detached[]> {
    return listDetached(this.#detaching)
  }

  processes(app: App): Promise<Process[]> {
    return listProcesses(this.#options, app)
  }

  logs(app: App, query: LogQuery): AsyncIterable<LogLine> {
    return readLogs(this.#options, app, query)
  }

  runChecks(app: App, process: string | null, signal: AbortSignal): Promise<CheckResult[]> {
    const { config, store } = this.#options
    return runChecks({ config, store, engine: this.#attaching }, app, process, signal)
  }

  async remove(app: App): Promise<void> {
    const { reconciler } = await this.#open()
    reconciler.removed.add(app.id)
    await reconciler.exclusive(app.id, () => reconciler.clear(app.id))
  }

  async refreshRoute(app: App): Promise<void> {
    const { deps, reconciler } = await this.#open()
    const version = await reconciler.exclusive(app.id, () => reconciler.pass(app.id))
    await deps.traffic.whenApplied(app.id, version, this.#stopped.signal)
  }

  async start(): Promise<void> {
    const { reconciler } = await this.#open()
    await reconciler.wakeAll()
    this.#timer = setInterval(() => void reconciler.wakeAll(), this.#limits.resync)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#stopped.abort(new Error('the scheduler is stopping'))
    if (!this.#changing) return
    const { liveness, deps, telling } = await this.#changing
    await liveness.ended()
    await telling.ended()
    await deps.traffic[Symbol.asyncDispose]()
  }

  async #move(change: RolloutRequest): Promise<void> {
    await this.#options.store.releases.get(change.app.id, change.release.version)
    await (await this.#open()).rollOut(change)
  }

  #open(): Promise<Changing> {
    return (this.#changing ??= this.#openOnce())
  }

  async #openOnce(): Promise<Changing> {
    const { config, log, store, engine: client } = this.#options
    const limits = this.#limits
    const stopping = this.#stopped.signal
    const telling = tellTo(store.notices, log)
    const deps: SchedulerDeps = {
      config,
      log,
      tell: telling.tell,
      linked: linkedBy(store),
      limits,
      engine: this.#engine,
      records: this.#records,
      traffic: await Traffic.open(store, (name) => config.appHost(name), limits),
      deaths: new EventEmitter().setMaxListeners(0),
      clock: systemClock,
      ready,
      starts: new Semaphore(limits.parallel),
      stopping,
    }
    const fleet = new Fleet(deps)
    const reconciler = new Reconciler(deps, store, fleet)
    const turns = new Turns()
    const replace = ({ app, release, found, restarts, failure }: SickProcess): Promise<string | null> => {
      const about = { app: app.name, process: found.process }
      const only = { process: found.process, restarts, failure }
      const canary = isCanary(found) ? { canary: { slots: [canarySlot(release, found.process)], ...unchanged } } : {}
      const change = { app, release, only, ...canary, shouldReplace: (one: ObservedContainer) => one.id === found.id }
      const tell = (line: string) => log.info(about, line)
      return turns.heal(app.id, (signal) =>
        new RollOut(deps, fleet, reconciler, { ...change, log: tell, signal }).run(),
      )
    }
    const liveness = new Liveness(deps, { replace, reroute: (app) => reconciler.wake(app) })
    deps.liveness = liveness
    void this.#listen(reconciler, followApps(client, [`${label.instance}=${config.name}`], stopping))
    void this.#listen(reconciler, followDisconnects(client, stopping))
    await store.notifications.subscribe(appChanges, (app) => void this.#look(reconciler, app))
    const rollOut = (change: RolloutRequest) =>
      turns.change(change.app.id, () => new RollOut(deps, fleet, reconciler, change).run())
    return { deps, reconciler, liveness, telling, rollOut }
  }

  /** A port that is new to an app may lead to processes that its route does not name yet. */
  async #look(reconciler: Reconciler, id: string): Promise<void> {
    if (this.#timer === undefined || this.#stopped.signal.aborted) return
    const { store, log } = this.#options
    try {
      const [app, route] = await Promise.all([store.apps.find(id), store.routes.get(id)])
      if (app && (app.ports !== undefined || route?.others !== undefined)) await reconciler.wake(id)
    } catch (error) {
      log.warn({ app: id }, `cannot look where its ports lead: ${messageOf(error)}`) // the next look at all does it
    }
  }

  async #listen(reconciler: Reconciler, events: AsyncIterable<AppEvent>): Promise<void> {
    for await (const event of events)
      void reconciler
        .hear(event)
        .catch((error: unknown) => this.#options.log.warn(`cannot act on an event: ${messageOf(error)}`))
  }
}
