import { once } from 'node:events'
import { loadConfig } from '../config.js'
import { createLog } from '../log.js'
import { Follower } from './follower.js'
import { Memory } from './memory.js'
import { createFront } from './server.js'
import { Table } from './table.js'

/** Connections the kernel holds while we are busy or away. */
const backlog = 4096
/** ms that requests get to end in when the router is told to stop. */
const drainTime = 30_000

const config = loadConfig()
const log = createLog('router')
const table = new Table((applied, target) => follower.drained(applied, target))
const memory = new Memory(config.root)
const follower = new Follower(config, table, memory, log)
const api = { host: config.appHost('berth'), endpoint: { socketPath: config.apiSocket } }
const { httpPort: port, trustedProxies, clientConnections } = config
const { server, close } = createFront({ table, log, api, port, trustedProxies, clientConnections })

table.replace(await memory.load())
// The supervisor opens the port and hands it over as sd_listen_fds(3) does, so that connections wait while we restart.
server.listen(process.env.LISTEN_FDS === '1' ? { fd: 3, backlog } : { port: config.httpPort, backlog })
await once(server, 'listening')
log.info(`listening on port ${config.httpPort} with ${table.routes().length} routes remembered`)
follower.start()

const stop = async () => {
  await close(drainTime)
  await follower[Symbol.asyncDispose]()
  process.exit(0)
}
// One app's oddity must not end every app's connections; what it was is in the log.
process.on('uncaughtException', (error) => log.fatal(error, 'a fault in the router'))
process.once('SIGTERM', () => void stop())
process.once('SIGINT', () => void stop())
