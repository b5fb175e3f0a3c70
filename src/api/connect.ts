import type { Config } from '../config.js'
import type { EngineClient } from '../engine-client/client.js'
import type { Store } from '../store/store.js'
import { Grants } from '../access/grants.js'
import type { Platform } from './platform.js'

/** How long a one-off process waits for an engine that is being restarted, in milliseconds. */
const engineAwayMs = 10_000

/** The rooms behind the control API. Those that load much are loaded when first asked for. */
export function connectPlatform(config: Config, store: Store, closing: AbortSignal): Platform {
  let connected: EngineClient | undefined
  const engine = async (): Promise<EngineClient> =>
    (connected ??= (await import('../engine-client/client.js')).connectEngine(config))
  return {
    config,
    store,
    grants: new Grants(store),
    closing,
    submit: async (app, change, by) => (await import('../queue/submit.js')).submit(store, app, change, { by }),
    rebuild: async (app, by) => (await import('../queue/rebuild.js')).rebuild({ config, store }, app, by),
    async *deployLog(deploy, options) {
      const { follow } = await import('../queue/follow.js')
      yield* follow(config, store, deploy.id, options)
    },
    processes: async (app) =>
      (await import('../scheduler/processes.js')).listProcesses({ config, store, engine: await engine() }, app),
    async *logs(app, { process, ...query }) {
      const { readLogs } = await import('../scheduler/logs.js')
      yield* readLogs({ ...query, config, engine: await engine(), app, process: process ?? null })
    },
    run: async (app, spec, signal) => {
      const [{ AppEngine }, { startOneOff }] = await Promise.all([
        import('../scheduler/app-engine.js'),
        import('../scheduler/one-off.js'),
      ])
      return startOneOff({
        engine: new AppEngine((await engine()).waiting(engineAwayMs), config.name),
        config,
        app,
        release: await store.releases.current(app),
        command: spec.command,
        tty: spec.tty,
        stdin: true,
        size: spec,
        signal,
      })
    },
  }
}
