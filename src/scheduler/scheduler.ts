import { EventEmitter } from 'node:events'
import { label, type Config } from '../config.js'
import type { EngineClient } from '../engine-client/client.js'
import { LineReader } from '../engine-client/log-frames.js'
import { messageOf } from '../errors.js'
import type { Logger } from '../log.js'
import type { App } from '../store/apps.js'
import type { Release } from '../store/releases.js'
import type { Store } from '../store/store.js'
import { systemClock } from './clock.js'
import { AppEngine } from './app-engine.js'
import { followApps, followDisconnects, type AppEvent } from './events.js'
import { Fleet, type Tools } from './fleet.js'
import { Semaphore } from '../lib/semaphore.js'
import { defaultLimits, type Limits } from './limits.js'
import { startOneOff } from './one-off.js'
import { ready } from './readiness.js'
import { Reconciler } from './reconciler.js'
import { ProcessRecords } from './records.js'
import { renewOf, RollOut, type Move } from './rollout.js'
import { Traffic } from './traffic.js'

/** Makes what runs equal to what the store says should. One per instance: the worker's. */
export interface Scheduler {
  /**
   * Moves an app to a release, already stored, without losing a request. Resolves when the router leads to the new
   * processes; the old ones end in the background. What was started by a roll-out that was killed is used again.
   * @throws BerthError with the reason in words, the processes' last lines being in the log; the old ones serve on
   */
  rollOut(app: App, release: Release, log: (line: string) => void, signal: AbortSignal): Promise<void>
  /** Whether an app has been moved to this release: its route leads there, and nothing takes that back. */
  isRolledOut(app: App, version: number): Promise<boolean>
  /** Starts processes anew: one (`web.1`), all of a type (`web`), or all (null). Otherwise as `rollOut`. */
  restart(
    app: App,
    release: Release,
    process: string | null,
    log: (line: string) => void,
    signal: AbortSignal,
  ): Promise<void>
  /**
   * Runs a command once in a release's image; each line of its output goes to `log`, no faster than that takes it. Resolves
   * with its exit code.
   */
  runOnce(
    app: App,
    release: Release,
    command: string,
    log: (line: string) => unknown,
    signal: AbortSignal,
  ): Promise<number>
  /** Takes all of an app off the engine and the router. */
  remove(app: App): Promise<void>
  /** Brings the app's hostnames up to date; resolves when the router knows. */
  refreshRoute(app: App): Promise<void>
  /** Reconciles all apps from now on. Resolves after the first look at each. */
  start(): Promise<void>
  /** Stops looking. Processes run on; what is under way is left for the next scheduler to find. */
  stop(): Promise<void>
}

export interface SchedulerOptions {
  readonly config: Config
  readonly store: Store
  readonly engine: EngineClient
  readonly log: Logger
  readonly limits?: Partial<Limits>
}

interface Running {
  readonly tools: Tools
  readonly fleet: Fleet
  readonly reconciler: Reconciler
}

export function createScheduler({ config, store, engine: client, log, limits: given }: SchedulerOptions): Scheduler {
  const limits = { ...defaultLimits, ...given }
  const engine = new AppEngine(client.waiting(limits.engine), config.name)
  const stopped = new AbortController()
  const stopping = stopped.signal
  const records = new ProcessRecords(store.redis)
  const deaths = new EventEmitter().setMaxListeners(0)
  let timer: NodeJS.Timeout | undefined
  let opened: Promise<Running> | undefined

  const open = (): Promise<Running> =>
    (opened ??= (async () => {
      const traffic = await Traffic.open(store, (name) => config.appHost(name), limits)
      const gate = new Semaphore(limits.parallel)
      const tools: Tools = {
        config,
        log,
        limits,
        engine,
        records,
        traffic,
        deaths,
        clock: systemClock,
        ready,
        gate,
        stopping,
      }
      const fleet = new Fleet(tools)
      const reconciler = new Reconciler(tools, store, fleet)
      void listen(reconciler, followApps(client, [`${label.instance}=${config.name}`], stopping))
      void listen(reconciler, followDisconnects(client, stopping))
      return { tools, fleet, reconciler }
    })())

  const listen = async (reconciler: Reconciler, events: AsyncIterable<AppEvent>): Promise<void> => {
    for await (const event of events)
      void reconciler.hear(event).catch((error: unknown) => log.warn(`cannot act on an event: ${messageOf(error)}`))
  }

  const move = async (change: Move): Promise<void> => {
    await store.releases.get(change.app.id, change.release.version)
    const { tools, fleet, reconciler } = await open()
    await new RollOut(tools, fleet, reconciler, change).run()
  }

  return {
    rollOut: (app, release, log, signal) => move({ app, release, renew: () => false, log, signal }),

    isRolledOut: async (app, version) => (await records.rolled(app.id)) === version,

    restart: async (app, release, process, log, signal) =>
      move({ app, release, renew: renewOf(release, process), log, signal }),

    async runOnce(app, release, command, log, signal) {
      const process = `release.${release.version}`
      // one that a killed worker left behind must not run beside this one
      const left = ((await engine.list(app.id)).get(app.id) ?? []).filter((one) => one.process === process)
      await Promise.all(left.map((one) => engine.remove(one.id)))
      const end = AbortSignal.any([signal, stopping])
      const options = { engine, config, app, release, command, process, tty: false, stdin: false, signal: end }
      const oneOff = await startOneOff(options)
      const lines = new LineReader()
      for await (const frame of oneOff.output) for (const line of lines.read(frame)) await log(line)
      for (const line of lines.end()) await log(line)
      return oneOff.exit
    },

    async remove(app) {
      const { reconciler } = await open()
      reconciler.removed.add(app.id)
      await reconciler.exclusive(app.id, () => reconciler.clear(app.id))
    },

    async refreshRoute(app) {
      const { tools, reconciler } = await open()
      const version = await reconciler.exclusive(app.id, () => reconciler.pass(app.id))
      await tools.traffic.settled(app.id, version, stopping)
    },

    async start() {
      const { reconciler } = await open()
      await reconciler.wakeAll()
      timer = setInterval(() => void reconciler.wakeAll(), limits.resync)
    },

    async stop() {
      clearInterval(timer)
      stopped.abort(new Error('the scheduler is stopping'))
      if (opened) await (await opened).tools.traffic[Symbol.asyncDispose]()
    },
  }
}
