import { label, type Config } from '../config.js'
import { BerthError } from '../errors.js'
import { createLog } from '../log.js'
import type { DiskMeter } from '../disk/meter.js'
import type { EngineClient } from '../engine-client/client.js'
import type { Syncing } from '../git/sync/syncing.js'
import type { LogSource, Scheduler } from '../scheduler/scheduler.js'
import type { App } from '../store/apps.js'
import type { Store } from '../store/store.js'
import { Grants } from '../access/grants.js'
import type { ControlApiDeps } from './platform.js'

/** The rooms behind the control API. Those that load much are loaded when first asked for. */
export function connectPlatform(
  config: Config,
  store: Store,
  closing: AbortSignal,
  { syncing, meter }: { readonly syncing: Pick<Syncing, 'ask'>; readonly meter: DiskMeter },
): ControlApiDeps {
  let scheduler: Promise<Scheduler> | undefined
  const open = (): Promise<Scheduler> => (scheduler ??= openScheduler(config, store))
  const engine = async (): Promise<EngineClient> => (await import('../engine-client/client.js')).connectEngine(config)
  return {
    config,
    store,
    meter,
    services: async () => ({ config, store, engine: await engine() }),
    grants: new Grants(store),
    closing,
    engine,
    submit: async (app, change, by) => (await import('../queue/submit.js')).submit(store, app, change, { by }),
    rebuild: async (app, by) => (await import('../queue/rebuild.js')).rebuild({ config, store }, app, by),
    sync: (app, by) => syncing.ask(app, { cause: 'command', by }),
    purgeCaches: async (app) => purgeCaches(await engine(), app),
    async *operationLog(operation, options) {
      const { followLog } = await import('../queue/follow.js')
      yield* followLog(config, store, operation.id, options)
    },
    processes: async (app) => (await open()).processes(app),
    async *logs(app, query) {
      const [scheduler, beside] = await Promise.all([open(), linesBeside(config, store, app)])
      yield* scheduler.logs(app, { ...query, beside })
    },
    async *cronOutput(app, run, options) {
      const { followRun } = await import('../cron/follow.js')
      return yield* followRun({ config, store }, app.id, run, options)
    },
    runChecks: async (app, process, signal) => (await open()).runChecks(app, process, signal),
    run: async (app, spec, signal) => (await open()).attach(app, await store.releases.current(app), spec, signal),
  }
}

/** What is in the log of an app beside what its processes write. */
async function linesBeside(config: Config, store: Store, { id }: App): Promise<LogSource[]> {
  const [{ cronLines }, { noticeLines }] = await Promise.all([
    import('../cron/log-source.js'),
    import('../scheduler/notice-lines.js'),
  ])
  return [cronLines(config, store, id), noticeLines(store, id)]
}

/** @throws BerthError `conflict` where the engine keeps those of all apps together */
async function purgeCaches({ builds }: EngineClient, app: App): Promise<number> {
  if ((await builds.builder()) === 'here') return builds.prune(`${label.app}=${app.id}`)
  throw new BerthError(
    'conflict',
    "the container engine is not Berth's own, and does not tell the caches of one app from another's",
    'prune them with its own tools, or push with `-o no-cache`',
  )
}

/** A scheduler to look with, and to run one-offs: it is the worker's that changes things. */
async function openScheduler(config: Config, store: Store): Promise<Scheduler> {
  const [{ connectEngine }, { createScheduler }] = await Promise.all([
    import('../engine-client/client.js'),
    import('../scheduler/local.js'),
  ])
  return createScheduler({ config, store, engine: connectEngine(config), log: createLog('api') })
}
