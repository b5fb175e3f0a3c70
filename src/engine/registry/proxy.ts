import { Agent as HttpAgent, type ClientRequestArgs, request as requestHttp } from 'node:http'
import type { Agent, AgentOptions } from 'node:https'
import { BlockList, isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Proxies } from '../config.js'
import { EngineError } from '../errors.js'
import type { Outlet } from '../system/dial.js'
import { https, tls } from '../system/tls.js'

export const noProxies: Proxies = { http: '', https: '', no: '' }

/** Reads HTTP_PROXY, HTTPS_PROXY and NO_PROXY, or the same in lower case. @throws EngineError `invalid` */
export function proxiesOf(env: Readonly<Record<string, string | undefined>>): Proxies {
  const read = (name: string): string => env[name] || env[name.toLowerCase()] || ''
  const proxies = { http: read('HTTP_PROXY'), https: read('HTTPS_PROXY'), no: read('NO_PROXY') }
  for (const one of [proxies.http, proxies.https]) if (one !== '') urlOf(one)
  return proxies
}

/** A setting as it may be shown: credentials masked, as dockerd does. */
export const masked = (setting: string): string => setting.replace(/^(\w+:\/\/)?[^/@]*@/, '$1xxxxx:xxxxx@')

/** The proxy to ask for a URL. Loopback never goes through one. */
export function proxyFor(url: URL, proxies: Proxies): URL | undefined {
  const setting = url.protocol === 'https:' ? proxies.https : proxies.http
  if (setting === '' || isExempt(url, proxies.no)) return undefined
  return urlOf(setting)
}

/** What authorizes at a proxy whose URL holds a name and a password. */
export const proxyHeaders = ({ username, password }: URL): Readonly<Record<string, string>> =>
  username === ''
    ? {}
    : {
        'proxy-authorization': `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`,
      }

/**
 * Connections of TLS, each through the proxy that its host is reached by, if any.
 * @param outlet makes the connections that no proxy makes; undefined: the host
 */
export function tunnelAgent(options: AgentOptions, proxies: Proxies, outlet?: Outlet): Agent {
  const agent = new (https().Agent)(options)
  const direct = agent.createConnection.bind(agent)
  agent.createConnection = (request: ClientRequestArgs, done: (error: Error | null, socket: Duplex) => void) => {
    const host = request.host ?? ''
    const target = `${host.includes(':') ? `[${host}]` : host}:${request.port ?? 443}`
    const proxy = proxyFor(new URL(`https://${target}`), proxies)
    if (!proxy && !outlet) return direct(request, done)
    const opened = proxy
      ? openTunnel(proxy, target)
      : outlet?.connect(host, Number(request.port ?? 443), AbortSignal.timeout(connectMs))
    const named = { ...(request as object), ...(isIP(host) ? {} : { servername: host }) }
    opened?.then(
      (socket) => done(null, tls().connect({ ...named, socket })),
      (error: unknown) => done(error as Error, undefined as never),
    )
    return undefined
  }
  return agent
}

/** As long as a connection may take to be made. Milliseconds. */
const connectMs = 30_000

/** Makes plain connections by an outlet. */
export class OutletAgent extends HttpAgent {
  readonly #outlet: Outlet

  constructor(outlet: Outlet) {
    super({ keepAlive: true })
    this.#outlet = outlet
  }

  override createConnection(
    { host, port }: ClientRequestArgs,
    done: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    this.#outlet.connect(host ?? '', Number(port ?? 80), AbortSignal.timeout(connectMs)).then(
      (socket) => done(null, socket),
      (error: unknown) => done(error as Error, undefined as never),
    )
  }
}

/** RFC 9110 section 9.3.6: a connection to `host:port` by way of a proxy. */
function openTunnel(proxy: URL, target: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const ask = (proxy.protocol === 'https:' ? https().request : requestHttp)({
      hostname: proxy.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: portOf(proxy),
      method: 'CONNECT',
      path: target,
      headers: { host: target, ...proxyHeaders(proxy) },
      agent: false,
    })
    ask.once('connect', (answer, socket, head) => {
      if (answer.statusCode === 200) {
        if (head.length > 0) socket.unshift(head)
        resolve(socket)
        return
      }
      socket.destroy()
      const words = answer.statusMessage || `status ${answer.statusCode ?? 0}`
      reject(new ProxyError('PROXY_REFUSED', words))
    })
    ask.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'ECONNREFUSED' ? 'connect: connection refused' : error.message
      reject(new ProxyError(error.code ?? '', `proxyconnect tcp: dial tcp ${proxy.hostname}:${portOf(proxy)}: ${why}`))
    })
    ask.setTimeout(30_000, () => ask.destroy(new Error('i/o timeout')))
    ask.end()
  })
}

/** The proxy could not be reached, or would not. The message is what Go's client says. */
export class ProxyError extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

export const portOf = ({ port, protocol }: URL): number => Number(port || (protocol === 'https:' ? 443 : 80))

function urlOf(setting: string): URL {
  const text = setting.includes('://') ? setting : `http://${setting}`
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new EngineError('invalid', `invalid proxy "${masked(setting)}": not an http or https URL`)
  return new URL(text)
}

function isExempt(url: URL, no: string): boolean {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase()
  const family = isIP(host) === 6 ? 'ipv6' : 'ipv4'
  if (host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))) return true
  return no.split(',').some((entry) => {
    const text = entry.trim().toLowerCase()
    if (text === '' || text === '*') return text === '*'
    const [address = '', length] = text.split('/')
    if (length !== undefined) {
      if (!isIP(host) || isIP(address) !== isIP(host) || !/^\d{1,3}$/.test(length)) return false
      const range = new BlockList()
      range.addSubnet(address, Number(length), family)
      return range.check(host, family)
    }
    const [, name = '', port] = /^(\[[^\]]*\]|[^:]*|[0-9a-f:]*:[0-9a-f:]*)(?::(\d+))?$/.exec(text) ?? []
    if (port !== undefined && Number(port) !== portOf(url)) return false
    const plain = name.replace(/^\[(.*)\]$/, '$1').replace(/^\*(?=\.)/, '')
    return plain.startsWith('.') ? host.endsWith(plain) : host === plain || host.endsWith(`.${plain}`)
  })
}
