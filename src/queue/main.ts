import { openCertifier, openDemandedNames } from '../certificates/open.js'
import { BackupKeeper } from '../backups/keeper.js'
import { loadConfig } from '../config.js'
import { startCron } from '../cron/cron.js'
import { DiskMeter } from '../disk/meter.js'
import { connectEngine } from '../engine-client/client.js'
import { collectWhenQuiet } from '../lib/quiet.js'
import { createLog } from '../log.js'
import { Hooks } from '../plugins/hooks.js'
import { Notifiers } from '../plugins/notifiers.js'
import { RunningPlugins } from '../plugins/running.js'
import { defaultLimits } from '../scheduler/limits.js'
import { ServicePlugins } from '../plugins/services.js'
import { createScheduler } from '../scheduler/local.js'
import { ServiceKeeper } from '../services/keeper.js'
import { ServiceLinks } from '../services/links.js'
import { openStore } from '../store/store.js'
import { keepImages } from './rebuild.js'
import { startWorker } from './worker.js'

/** Well within the supervisor's own patience. Milliseconds. */
const graceMs = 20_000

const config = loadConfig()
const log = createLog('worker')
const store = await openStore(config)
// an upgrade replaces the engine under operations that go on
const engine = connectEngine(config).waiting(defaultLimits.engine)
const scheduler = createScheduler({ config, store, engine, log })
const plugins = new RunningPlugins({ config, store, log, kinds: ['buildpack', 'dns', 'hook', 'notifier'] })
const notifiers = new Notifiers({ plugins, log })
const hooks = new Hooks({ root: config.root, plugins })
const serviceDeps = { config, store, engine, log, notifiers, plugins: new ServicePlugins({ config, store, log }) }
const keeper = new ServiceKeeper(serviceDeps)
const services = new ServiceLinks(serviceDeps, keeper)
const meter = new DiskMeter(() => Promise.resolve({ config, store, engine }), config.appDisk)
const worker = await startWorker({ config, store, engine, scheduler, log, hooks, services, meter, plugins, notifiers })
await keeper.start()
const backups = new BackupKeeper(serviceDeps)
await backups.start()
const cron = await startCron({ config, store, scheduler, log })
// Operations need not wait for the first look at every app.
await scheduler.start()
const certifier = await openCertifier(config, { store, plugins, notifiers, log })
const demandedNames = await openDemandedNames(config, { store, log })
const images = keepImages({ config, store, engine, scheduler, log, hooks, services })
log.info({ builds: config.builds, changes: config.changes }, 'worker ready')
collectWhenQuiet()

let stopping = false
const stop = async (): Promise<void> => {
  if (stopping) return
  stopping = true
  log.info('worker stops')
  images[Symbol.dispose]()
  await backups.stop()
  await Promise.all([
    cron.stop(),
    worker.stop(graceMs),
    keeper.stop(),
    certifier[Symbol.asyncDispose](),
    demandedNames[Symbol.asyncDispose](),
  ])
  await notifiers[Symbol.asyncDispose]()
  await Promise.all([scheduler.stop(), plugins[Symbol.asyncDispose]()])
  await store[Symbol.asyncDispose]()
}
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.on(signal, () => {
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ error }, 'worker did not stop cleanly')
        process.exit(1)
      },
    )
  })
