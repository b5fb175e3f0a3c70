import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { get } from 'node:https'
import { messageOf } from '../../errors.js'
import { Networks } from '../../lib/networks.js'
import { createLog } from '../../log.js'
import { loadPlane, planeDirectories } from '../../plugins/planes.js'
import type { ControlApiDeps } from '../platform.js'
import type { Finding } from './contract.js'
import { sayOf } from './examination.js'

const { ok, warning } = sayOf('router')

/** ms for an answer. */
const patience = 5_000

/** Whether clients can come by HTTP/3, where the settings want it; nothing to say without a data plane or without HTTPS. */
export async function examineHttp3(config: ControlApiDeps['config'], signal: AbortSignal): Promise<Finding[]> {
  const { plane, httpsPort: port, http3, trustedProxies } = config
  if (plane === undefined || port === undefined || !http3) return []
  const program = await (await loadPlane(plane, config, createLog('api'))).program(planeDirectories(config))
  if (program.http3 !== true)
    return [ok(`no HTTP/3: the ${program.command} here cannot (HAProxy 3.2 or later, made with QUIC, can)`)]
  // what comes by a proxy is not told of it
  if (new Networks(trustedProxies).has('127.0.0.1')) return []
  try {
    if (await isOffered(config.appHost('berth'), port, signal))
      return [ok(`HTTP/3 is spoken at UDP port ${String(port)}, which a firewall must let through as it does TCP`)]
  } catch (cause) {
    return [warning(`HTTP/3 was not looked for, which is told of by HTTPS: ${messageOf(cause)}`)]
  }
  const hint = `serve.log and plane.log say why, \`ss -lunp "sport = :${String(port)}"\` who has the port; bin/up tries again; BERTH_HTTP3=off does without`
  return [warning(`no HTTP/3: Berth does not have UDP port ${String(port)}`, hint)]
}

/** Whether who comes by TLS is told of HTTP/3, as they are while somebody speaks it; RFC 7838. */
async function isOffered(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(patience)])
  const where = { host: '127.0.0.1', port, servername: host, rejectUnauthorized: false, path: '/api/health' }
  const asked = get({ ...where, headers: { host }, agent: false, signal: limit })
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  response.on('error', () => undefined).destroy()
  return String(response.headers['alt-svc']).startsWith('h3=')
}
