import { once } from 'node:events'
import { loadConfig } from '../config.js'
import { messageOf } from '../errors.js'
import { collectWhenQuiet } from '../lib/quiet.js'
import { createLog } from '../log.js'
import { tellReady, tellLeaving } from '../hand-over.js'
import { SsoKeys } from '../sso/keys.js'
import { CertificateFollower } from './certificate-follower.js'
import { RouteFollower } from './follower.js'
import { RouterKeys } from './keys.js'
import { drivePlane } from './plane.js'
import { OpenPorts } from './ports/open-ports.js'
import { RouteCache } from './route-cache.js'
import { Assets } from './rules/assets.js'
import { OwnPages } from './rules/own-pages.js'
import { createFront } from './server.js'
import { ShownCertificates } from './shown.js'
import { Table } from './table.js'
import { UnknownHosts } from './unknown-hosts.js'
import { closeHeld, portsOf, waysIn } from './ways-in.js'

/** Connections the kernel holds while we are busy or away. */
const backlog = 4096
/** ms that requests get to end in when the router is told to stop. */
const drainTime = 30_000
/** ms that requests and WebSockets get to end in when another router has taken over. */
const handOverTime = 300_000

const config = loadConfig()
const log = createLog('router')
const pages = new OwnPages(config.root)
const assets = new Assets(config.root)
const table = new Table((applied) => follower.drained(applied), {
  pages: (digest) => pages.find(digest),
  assets,
  sso: { keys: new SsoKeys(config.root), walls: { trusted: config.ssoPrivateHosts }, log },
})
const cache = new RouteCache(config.root)
const { httpsPort, trustedProxies, clientConnections } = config
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
const api = { host: config.appHost('berth'), endpoint: { socketPath: config.apiSocket } }
const ways = waysIn(config)
const keys = new RouterKeys(config.root)
const secrets = certificates && {
  certificates: certificates.shown,
  challenges: certificates.challenges,
  fallback: await keys.certificate(config.appHost('berth')),
  tickets: await keys.tickets(),
}
const challenges = (token: string) => follower.challenge(token)
const unknownHosts = new UnknownHosts((hosts) => follower.note(hosts))
const front = createFront({
  unknown: (host) => unknownHosts.note(host),
  ...{ table, log, api, listeners: ways, challenges, httpsPort, trustedProxies, clientConnections },
  ...(secrets ? { secrets } : {}),
})

await assets.load()
table.replace(await cache.load())
await certificates?.load()
const plane =
  config.plane === undefined
    ? undefined
    : await drivePlane(config.plane, {
        ...{ config, table, log, fallback: secrets?.fallback },
        certificates: () => certificates?.shown.all() ?? [],
        drained: (app) => follower.drained(table.state(app)),
      })
const ports = new OpenPorts({
  ...{ table, clients: front.clients, clientSessions: clientConnections, log },
  changed: (app) => follower.drained(table.state(app)),
})
const follower = new RouteFollower(config, { table, cache, pages, assets, certificates, plane, ports, log })
await ports.apply()
// The supervisor opens the ports and hands them over as sd_listen_fds(3) does, so that connections wait while we restart.
for (const [index, server] of front.servers.entries()) {
  const { socket, listen } = ways[index] ?? {}
  if (!socket) server.listen({ ...listen, backlog })
  else (server.listen as (socket: object, backlog: number) => void).call(server, socket, backlog) // as Node takes it
  await once(server, 'listening')
}
log.info(`listening on port ${portsOf(config)} with ${table.routes().length} routes remembered`)
follower.start()
collectWhenQuiet({ keepsCode: true }) // clients do not wait for it to be compiled again
tellReady()

const end = async (...drained: Promise<void>[]) => {
  await Promise.all(drained)
  await follower[Symbol.asyncDispose]()
  await plane?.[Symbol.asyncDispose]()
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
  void plane?.[Symbol.asyncDispose]()
  follower.leave()
  void end(front.leave(handOverTime), ports.leave(handOverTime))
  closeHeld(config)
  tellLeaving()
})
process.once('SIGINT', () => void end(front.close(drainTime), ports.close()))
