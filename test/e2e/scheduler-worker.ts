/** A worker reduced to one roll-out, to be killed in the middle: `<app name> <version>`; the instance is in the environment. */
import { loadConfig } from '../../src/config.js'
import { connectEngine } from '../../src/engine-client/client.js'
import { createLog } from '../../src/log.js'
import { createScheduler } from '../../src/scheduler/local.js'
import { openStore } from '../../src/store/store.js'

const config = loadConfig()
const store = await openStore(config)
const scheduler = createScheduler({ config, store, engine: connectEngine(config), log: createLog('worker') })
const app = await store.apps.get(process.argv[2] ?? '')
const release = await store.releases.get(app.id, Number(process.argv[3]))
await scheduler.rollOut(app, release, { log: () => undefined, signal: AbortSignal.timeout(60_000) })
