import { loadConfig } from '../../src/config.js'
import { connectEngine } from '../../src/engine-client/client.js'
import { startWorker } from '../../src/queue/worker.js'
import { openStore } from '../../src/store/store.js'
import { createLog } from '../../src/log.js'
import { hooksOf, noLinks, schedulerOf } from './rig.js'

/** A worker process to be killed: every roll-out counts itself in Redis and never ends. */
const config = loadConfig()
const store = await openStore(config)
const scheduler = schedulerOf(async (app, release) => {
  await store.redis.publish('test:rolling', `${app.name} v${String(release.version)}`)
  await new Promise(() => undefined)
})
await startWorker({
  config,
  hooks: hooksOf(config),
  services: noLinks,
  store,
  engine: connectEngine(config),
  scheduler,
  log: createLog('test', { level: 'silent' }),
})
