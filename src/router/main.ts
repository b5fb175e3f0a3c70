import { once } from 'node:events'
import { loadConfig } from '../config.js'
import { messageOf } from '../errors.js'
import { collectWhenQuiet } from '../lib/quiet.js'
import { createLog } from '../log.js'
import { inheritedSocket, tellReady, tellLeaving } from '../hand-over.js'
import { CertificateFollower } from './certificate-follower.js'
import { RouteFollower } from './follower.js'
import { RouterKeys } from './keys.js'
import type { FrontListener } from './origins.js'
import { RouteCache } from './route-cache.js'
import { OwnPages } from './rules/own-pages.js'
import { createFront } from './server.js'
import { ShownCertificates } from './shown.js'
import { Table } from './table.js'

/** Connections the kernel holds while we are busy or away. */
const backlog = 4096
/** ms that requests get to end in when the router is told to stop. */
const drainTime = 30_000
/** ms that requests and WebSockets get to end in when another router has taken over. */
const handOverTime = 300_000

const config = loadConfig()
const log = createLog('router')
const pages = new OwnPages(config.root)
const table = new Table(
  (applied) => follower.drained(applied),
  (digest) => pages.find(digest),
)
const cache = new RouteCache(config.root)
const { httpPort: port, httpsPort, trustedProxies, clientConnections } = config
const introduced = config.proxyProtocol ? ({ introduced: 'trusted' } as const) : {}
const certificates =
  httpsPort === undefined
    ? undefined
    : new CertificateFollower(
        new ShownCertificates(
          (host) => table.ownerOf(host),
          ({ id, names }, error) =>
            log.error({ id, names }, `OpenSSL does not take a certificate: ${messageOf(error)}`),
        ),
        config.root,
        log,
      )
const follower = new RouteFollower(config, { table, cache, pages, certificates, log })
const api = { host: config.appHost('berth'), endpoint: { socketPath: config.apiSocket } }
const listeners: readonly FrontListener[] = [
  { scheme: 'http', port, ...introduced },
  ...(httpsPort === undefined ? [] : [{ scheme: 'https', port: httpsPort, ...introduced } as const]),
]
const keys = new RouterKeys(config.root)
const secrets = certificates && {
  certificates: certificates.shown,
  fallback: await keys.certificate(config.appHost('berth')),
  tickets: await keys.tickets(),
}
const challenges = (token: string) => follower.challenge(token)
const front = createFront({
  ...{ table, log, api, listeners, challenges, httpsPort, trustedProxies, clientConnections },
  ...(secrets ? { secrets } : {}),
})

table.replace(await cache.load())
await certificates?.load()
// The supervisor opens the ports and hands them over as sd_listen_fds(3) does, so that connections wait while we restart.
for (const [index, server] of front.servers.entries()) {
  const socket = inheritedSocket(index)
  if (socket === null) server.listen({ port: listeners[index]?.port, backlog })
  else (server.listen as (socket: object, backlog: number) => void).call(server, socket, backlog) // as Node takes it
  await once(server, 'listening')
}
log.info(
  `listening on port ${listeners.map((one) => one.port).join(' and ')} with ${table.routes().length} routes remembered`,
)
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
