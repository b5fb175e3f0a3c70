import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { connect, type TLSSocket } from 'node:tls'
import { messageOf } from '../../errors.js'
import type { ControlApiDeps } from '../platform.js'
import { versionHeader } from '../routes.js'
import type { Finding } from './contract.js'
import { sayOf, type Examination } from './examination.js'
import { examineHttp3 } from './http3.js'

const { ok, warning, error } = sayOf('router')

/** ms for an answer. */
const patience = 5_000
const day = 86_400_000

/** The way in that clients take, by a request of our own. */
export const examineWaysIn: Examination = async ({ config, store }, signal) => {
  const ports = await unopenedPorts(store)
  if (config.proxyProtocol)
    return [ok('not asked: BERTH_PROXY_PROTOCOL is set, and a request from here has no PROXY head'), ...ports]
  return [
    await byHttp(config, signal),
    ...(config.httpsPort === undefined ? [] : [await byHttps(config, config.httpsPort)]),
    ...(await examineHttp3(config, signal)),
    ...ports,
  ]
}

async function unopenedPorts({ apps, routes }: ControlApiDeps['store']): Promise<Finding[]> {
  const withPorts = (await apps.list()).filter(({ ports = [] }) => ports.length > 0)
  const found = withPorts.map(async ({ id, name }) => {
    const { unopened = {} } = (await routes.lastApplied(id)) ?? {}
    const hint = `the router tries again each second; \`berth ports -a ${name}\``
    return Object.entries(unopened).map(([port, why]) => error(`port ${port} is not open: ${why}`, hint, name))
  })
  return (await Promise.all(found)).flat()
}

async function byHttp(config: ControlApiDeps['config'], signal: AbortSignal): Promise<Finding> {
  const { url, httpPort: port } = config
  const began = performance.now()
  const where = `port ${String(port)}`
  const limit = AbortSignal.any([signal, AbortSignal.timeout(patience)])
  try {
    const options = {
      host: '127.0.0.1',
      port,
      path: '/api/health',
      headers: { host: config.appHost('berth') },
      agent: false,
    }
    const [response] = (await once(get({ ...options, signal: limit }), 'response')) as [IncomingMessage]
    response.on('error', () => undefined).destroy()
    const { statusCode = 0, headers } = response
    if (headers[versionHeader] !== undefined && statusCode === 200)
      return ok(`${url} answers in ${(performance.now() - began).toFixed(0)} ms`)
    const who = headers[versionHeader] === undefined ? 'somebody else' : 'Berth'
    return error(
      `${who} answers at ${where}, with ${String(statusCode)}`,
      'see router.log and api.log in the log directory',
    )
  } catch (cause) {
    return error(`nobody answers at ${where}: ${messageOf(cause)}`, 'see router.log in the log directory')
  }
}

async function byHttps(config: ControlApiDeps['config'], port: number): Promise<Finding> {
  const host = config.appHost('berth')
  const where = `https://${host}:${String(port)}`
  const socket = connect({ host: '127.0.0.1', port, servername: host, rejectUnauthorized: false })
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.timeout(patience) })
    return judge(where, socket)
  } catch (cause) {
    return error(`nobody shakes hands at ${where}: ${messageOf(cause)}`, 'see router.log in the log directory')
  } finally {
    socket.on('error', () => undefined).destroy()
  }
}

function judge(where: string, socket: TLSSocket): Finding {
  const until = new Date(socket.getPeerCertificate().valid_to)
  const left = until.getTime() - Date.now()
  const hint = '`berth certs:auto on --platform` has one ordered, `berth certs:add --platform` brings one'
  if (left < 0) return error(`${where} shows a certificate that has expired`, hint)
  if (!socket.authorized && !/\.localhost(:|$)/.test(where))
    return warning(`${where} shows a certificate that nobody vouches for whom this server believes`, hint)
  return ok(`${where} answers; its certificate is good for ${String(Math.floor(left / day))} days`)
}
