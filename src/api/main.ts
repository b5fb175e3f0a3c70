import { setTimeout as delay } from 'node:timers/promises'
import { loadConfig } from '../config.js'
import { DiskMeter } from '../disk/meter.js'
import { createGitHandler } from '../git/handler.js'
import { Syncing } from '../git/sync/syncing.js'
import { inheritedSocket, tellLeaving, tellReady } from '../hand-over.js'
import { collectWhenQuiet } from '../lib/quiet.js'
import { createLog } from '../log.js'
import { connectRedis } from '../store/connection.js'
import { openStore } from '../store/store.js'
import { connectPlatform } from './connect.js'
import { closeServer, listenAt, listenOn } from './listen.js'
import { createApiServer } from './server.js'

/** A push in flight is answered when its operation is over, which may be soon. Within the supervisor's own patience. */
const graceMs = 20_000
/** The same when another api process has taken over: pushes and one-offs end as they would have. */
const handOverMs = 3_600_000

// what a pushed tree's files allow goes into its image: it must not hang on who started the server
process.umask(0o022)
const config = loadConfig()
const log = createLog('api')
// Redis may still be starting; once it was there, a request finds it or gets an honest 503
await (await connectRedis(config)).quit()
const store = await openStore(config, false)
// made by the supervisor, which is root
const gitGroups = (process.env.BERTH_GIT_GROUPS ?? '').split(':').filter((directory) => directory !== '')
const closing = new AbortController()
const syncing = new Syncing({ config, store, log })
const engine = async () => (await import('../engine-client/client.js')).connectEngine(config)
const meter = new DiskMeter(async () => ({ config, store, engine: await engine() }), config.appDisk)
const server = createApiServer(
  connectPlatform(config, store, closing.signal, { syncing, meter }),
  createGitHandler({ config, store, log, groups: gitGroups, syncing, meter }),
  log,
)
const inherited = inheritedSocket()
if (inherited) await listenAt(server, inherited)
else await listenOn(server, config.apiSocket)
log.info({ socket: config.apiSocket }, 'api ready')
collectWhenQuiet()
tellReady()

/** What other rooms opened (queues, subscribers) needs no farewell: every record is durable already. */
const end = (closed: Promise<unknown>): void =>
  void closed
    .then(() => store.redis.disconnect())
    .then(
      () => process.exit(0),
      () => process.exit(1),
    )
// SIGTERM: another accepts from now on, and nobody is to notice. SIGINT: the platform stops.
let leaves = false
process.on('SIGTERM', () => {
  if (leaves) return // each supervisor that takes over tells all it finds, those that are leaving too
  leaves = true
  log.info('another api takes over')
  const late = delay(handOverMs, undefined, { ref: false })
  const synced = Promise.race([syncing.settled(), late]).then(() => syncing.close())
  end(Promise.all([closeServer(server, handOverMs), synced]))
  tellLeaving()
})
process.once('SIGINT', () => {
  log.info('api stops')
  closing.abort()
  end(Promise.all([closeServer(server, graceMs), syncing.close()]))
})
