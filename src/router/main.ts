import { once } from 'node:events'
import { loadConfig } from '../config.js'
import { collectWhenQuiet } from '../lib/quiet.js'
import { createLog } from '../log.js'
import { inheritedSocket, tellReady, tellLeaving } from '../hand-over.js'
import { Follower } from './follower.js'
import { Memory } from './memory.js'
import { createFront } from './server.js'
import { Table } from './table.js'

/** Connections the kernel holds while we are busy or away. */
const backlog = 4096
/** ms that requests get to end in when the router is told to stop. */
const drainTime = 30_000
/** ms that requests and WebSockets get to end in when another router has taken over. */
const handOverTime = 300_000

const config = loadConfig()
const log = createLog('router')
const table = new Table((applied, target) => follower.drained(applied, target))
const memory = new Memory(config.root)
const follower = new Follower(config, table, memory, log)
const api = { host: config.appHost('berth'), endpoint: { socketPath: config.apiSocket } }
const { httpPort: port, trustedProxies, clientConnections } = config
const front = createFront({ table, log, api, port, trustedProxies, clientConnections })

table.replace(await memory.load())
// The supervisor opens the port and hands it over as sd_listen_fds(3) does, so that connections wait while we restart.
const socket = inheritedSocket()
if (socket === null) front.server.listen({ port, backlog })
else (front.server.listen as (socket: object, backlog: number) => void).call(front.server, socket, backlog) // as Node takes it
await once(front.server, 'listening')
log.info(`listening on port ${port} with ${table.routes().length} routes remembered`)
follower.start()
collectWhenQuiet()
tellReady()

const end = async (drained: Promise<void>) => {
  await drained
  await follower[Symbol.asyncDispose]()
  process.exit(0)
}
// One app's oddity must not end every app's connections; what it was is in the log.
process.on('uncaughtException', (error) => log.fatal(error, 'a fault in the router'))
// SIGTERM: another accepts from now on, and nobody is to notice. SIGINT: the platform stops.
let leaves = false
process.on('SIGTERM', () => {
  if (leaves) return // each supervisor that takes over tells all it finds, those that are leaving too
  leaves = true
  log.info('another router takes over')
  follower.leave()
  void end(front.leave(handOverTime))
  tellLeaving()
})
process.once('SIGINT', () => void end(front.close(drainTime)))
