import { EventEmitter } from 'node:events'
import { label, type Config } from '../config.js'
import type { EngineClient } from '../engine-client/client.js'
import { LineReader } from '../engine-client/log-frames.js'
import { messageOf } from '../errors.js'
import type { Logger } from '../log.js'
import type { Store } from '../store/store.js'
import { systemClock } from './clock.js'
import { AppEngine } from './app-engine.js'
import { followApps, followDisconnects, type AppEvent } from './events.js'
import { Fleet, type SchedulerDeps } from './fleet.js'
import { Semaphore } from '../lib/semaphore.js'
import { defaultLimits, type Timeouts } from './limits.js'
import { readLogs } from './logs.js'
import { startOneOff } from './one-off.js'
import { listProcesses } from './processes.js'
import { ready } from './readiness.js'
import { Reconciler } from './reconciler.js'
import { ProcessRecords } from './records.js'
import { replaceOf, RollOut, type RolloutRequest } from './rollout.js'
import type { Scheduler } from './scheduler.js'
import { Traffic } from './traffic.js'

/** What a scheduler on one engine needs. */
export interface SchedulerOptions {
  readonly config: Config
  readonly store: Store
  readonly engine: EngineClient
  readonly log: Logger
  readonly limits?: Partial<Timeouts>
}

interface SchedulerParts {
  readonly deps: SchedulerDeps
  readonly fleet: Fleet
  readonly reconciler: Reconciler
}

/** How long somebody before a terminal waits for an engine that is being restarted, in milliseconds. */
const attachMs = 10_000

/** The scheduler of an instance on one engine, its own or another's. It does nothing until it is asked, or started. */
export function createScheduler({ config, store, engine: client, log, limits: given }: SchedulerOptions): Scheduler {
  const limits = { ...defaultLimits, ...given }
  const engine = new AppEngine(client.waiting(limits.engine), config.name)
  const attaching = new AppEngine(client.waiting(attachMs), config.name)
  const stopped = new AbortController()
  const stopping = stopped.signal
  const records = new ProcessRecords(store.redis)
  const deaths = new EventEmitter().setMaxListeners(0)
  let timer: NodeJS.Timeout | undefined
  let opened: Promise<SchedulerParts> | undefined

  const open = (): Promise<SchedulerParts> =>
    (opened ??= (async () => {
      const traffic = await Traffic.open(store, (name) => config.appHost(name), limits)
      const gate = new Semaphore(limits.parallel)
      const deps: SchedulerDeps = {
        config,
        log,
        limits,
        engine,
        records,
        traffic,
        deaths,
        clock: systemClock,
        ready,
        starts: gate,
        stopping,
      }
      const fleet = new Fleet(deps)
      const reconciler = new Reconciler(deps, store, fleet)
      void listen(reconciler, followApps(client, [`${label.instance}=${config.name}`], stopping))
      void listen(reconciler, followDisconnects(client, stopping))
      return { deps, fleet, reconciler }
    })())

  const listen = async (reconciler: Reconciler, events: AsyncIterable<AppEvent>): Promise<void> => {
    for await (const event of events)
      void reconciler.hear(event).catch((error: unknown) => log.warn(`cannot act on an event: ${messageOf(error)}`))
  }

  const move = async (change: RolloutRequest): Promise<void> => {
    await store.releases.get(change.app.id, change.release.version)
    const { deps, fleet, reconciler } = await open()
    await new RollOut(deps, fleet, reconciler, change).run()
  }

  return {
    rollOut: (app, release, options) => move({ app, release, shouldReplace: () => false, ...options }),

    isRolledOut: async (app, version) => (await records.rolled(app.id)) === version,

    restart: async (app, release, process, options) =>
      move({ app, release, shouldReplace: replaceOf(release, process), ...options }),

    async runOnce(app, release, { name: process, command }, { log, signal }) {
      // one that a killed worker left behind must not run beside this one
      const left = ((await engine.list(app.id)).get(app.id) ?? []).filter((one) => one.process === process)
      await Promise.all(left.map((one) => engine.remove(one.id)))
      const end = AbortSignal.any([signal, stopping])
      const oneOff = await startOneOff({ engine, config }, app, release, {
        command,
        process,
        tty: false,
        stdin: false,
        signal: end,
      })
      const lines = new LineReader()
      for await (const frame of oneOff.output) for (const line of lines.read(frame)) await log(line)
      for (const line of lines.end()) await log(line)
      return oneOff.exit
    },

    attach: (app, release, spec, signal) =>
      startOneOff({ engine: attaching, config }, app, release, { ...spec, stdin: true, size: spec, signal }),

    processes: (app) => listProcesses({ config, store, engine: client }, app),

    logs: (app, query) => readLogs({ config, engine: client }, app, query),

    async remove(app) {
      const { reconciler } = await open()
      reconciler.removed.add(app.id)
      await reconciler.exclusive(app.id, () => reconciler.clear(app.id))
    },

    async refreshRoute(app) {
      const { deps, reconciler } = await open()
      const version = await reconciler.exclusive(app.id, () => reconciler.pass(app.id))
      await deps.traffic.whenApplied(app.id, version, stopping)
    },

    async start() {
      const { reconciler } = await open()
      await reconciler.wakeAll()
      timer = setInterval(() => void reconciler.wakeAll(), limits.resync)
    },

    async stop() {
      clearInterval(timer)
      stopped.abort(new Error('the scheduler is stopping'))
      if (opened) await (await opened).deps.traffic[Symbol.asyncDispose]()
    },
  }
}
