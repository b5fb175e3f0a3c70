import { loadConfig } from '../config.js'
import { createGitHandler } from '../git/handler.js'
import { createLog } from '../log.js'
import { connectRedis } from '../store/connection.js'
import { openStore } from '../store/store.js'
import { connectPlatform } from './connect.js'
import { closeServer, listenOn } from './listen.js'
import { createApiServer } from './server.js'

/** A push in flight is answered when its deploy is over, which may be soon. Within the supervisor's own patience. */
const graceMs = 20_000

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
const server = createApiServer(
  connectPlatform(config, store, closing.signal),
  createGitHandler({ config, store, log, groups: gitGroups }),
  log,
)
await listenOn(server, config.apiSocket)
log.info({ socket: config.apiSocket }, 'api ready')

const stop = async (): Promise<void> => {
  log.info('api stops')
  closing.abort()
  await closeServer(server, graceMs)
  store.redis.disconnect()
}
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.once(signal, () => {
    // what other rooms opened (queues, subscribers) needs no farewell: every record is durable already
    stop().then(
      () => process.exit(0),
      () => process.exit(1),
    )
  })
