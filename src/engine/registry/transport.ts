import { readdir, readFile } from 'node:fs/promises'
import {
  Agent as HttpAgent,
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as requestHttp,
  type RequestOptions,
} from 'node:http'
import type { Agent as HttpsAgent } from 'node:https'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream'
import { EngineError } from '../errors.js'
import { readChallenges } from './credentials.js'
import { brokenOff, connectionFault, registryFault } from './faults.js'
import { OutletAgent, portOf, proxyFor, proxyHeaders, tunnelAgent } from './proxy.js'
import { quoted } from '../system/sanitize.js'
import { wholeOf } from '../system/whole.js'
import type { RegistrySettings, Proxies } from '../config.js'
import { orMissing } from '../system/missing.js'
import { https, tls } from '../system/tls.js'

/** One request; a body that is a stream can be sent once only. */
export interface Ask {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH'
  readonly url: URL
  readonly headers?: OutgoingHttpHeaders
  readonly body?: Buffer | Readable
  readonly signal: AbortSignal
}

/** Waiting longer than this for a byte, either way, is a broken connection. */
const idleMs = 60_000

const mostRedirects = 5

const mostForgone = 1 << 16

/** An address that a registry names. @throws EngineError `broken` when it is none */
export function registryUrl(text: string, base: string): URL {
  if (!URL.canParse(text, base))
    throw new EngineError('broken', `the registry leads to what is no URL: ${quoted(text)}`)
  return new URL(text, base)
}

/** HTTP to one registry, connections kept for the next request. Disposing closes them. */
export class RegistryTransport implements Disposable {
  readonly #http: HttpAgent
  readonly #https: HttpsAgent
  readonly #proxies: Proxies

  private constructor(http: HttpAgent, https: HttpsAgent, proxies: Proxies) {
    this.#http = http
    this.#https = https
    this.#proxies = proxies
  }

  /** @param unverified whether certificates are not looked at */
  static async open(base: URL, settings: RegistrySettings, unverified: boolean): Promise<RegistryTransport> {
    const { certificates, proxies, outlet } = settings
    const { authorities, cert, key } = await readCertificates(join(certificates, base.host))
    const ca = authorities.length > 0 ? [...(await systemAuthorities()), ...authorities] : await systemAuthorities()
    const own = cert !== undefined && key !== undefined ? { cert, key } : {}
    const secure = tunnelAgent({ keepAlive: true, ca, rejectUnauthorized: !unverified, ...own }, proxies, outlet)
    return new RegistryTransport(outlet ? new OutletAgent(outlet) : new HttpAgent({ keepAlive: true }), secure, proxies)
  }

  /**
   * Sends a request; GET and HEAD follow redirects, and what authorizes at one host is not told another.
   * @throws RegistryError with status 0 when no answer comes
   */
  async send(ask: Ask): Promise<IncomingMessage> {
    let { url, headers } = ask
    if (!/^https?:$/.test(url.protocol)) throw new EngineError('broken', `the registry leads to ${quoted(url.href)}`)
    for (let hops = 0; ; hops++) {
      const answer = await this.#send({ ...ask, url, headers: headers ?? {} })
      const { statusCode = 0, headers: told } = answer
      const away = [301, 302, 303, 307, 308].includes(statusCode) && told.location !== undefined
      if (!away || (ask.method !== 'GET' && ask.method !== 'HEAD')) return answer
      forgo(answer)
      if (hops === mostRedirects) throw new EngineError('broken', `stopped after ${mostRedirects} redirects`)
      const next = registryUrl(told.location ?? '', url.href)
      if (next.protocol !== 'https:' && (next.protocol !== 'http:' || url.protocol === 'https:'))
        throw new EngineError('broken', `the registry redirects from ${url.origin} to ${next.protocol}//${next.host}`)
      if (next.host !== url.host) headers = { ...headers, authorization: undefined }
      url = next
    }
  }

  [Symbol.dispose](): void {
    this.#http.destroy()
    this.#https.destroy()
  }

  #send({ method, url, headers, body, signal }: Ask): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const secure = url.protocol === 'https:'
      const given = Object.fromEntries(Object.entries(headers ?? {}).filter(([, value]) => value !== undefined))
      const length = Buffer.isBuffer(body) ? { 'content-length': body.length } : {}
      const options = {
        method,
        headers: { 'user-agent': 'berth', ...length, ...given },
        signal,
        agent: secure ? this.#https : this.#http,
      }
      const proxy = secure ? undefined : proxyFor(url, this.#proxies)
      const request = proxy
        ? this.#byProxy(proxy, url, options, resolve)
        : (secure ? https().request : requestHttp)(url, options, resolve)
      let answer: IncomingMessage | undefined
      request.once('response', (begun: IncomingMessage) => (answer = begun))
      request.setTimeout(idleMs, () => {
        const late = Object.assign(new Error('i/o timeout'), { code: 'ETIMEDOUT' })
        answer?.destroy(late) // who reads it is told why, not that it was cut off
        request.destroy(late)
      })
      request.on('error', (error) => reject(signal.aborted ? error : connectionFault(method, url, error)))
      if (body === undefined || Buffer.isBuffer(body)) request.end(body)
      else pipeline(body, request, () => undefined) // a failure is the request's too
    })
  }

  /** RFC 9112 section 3.2.2: a proxy is told the whole URL. One that speaks TLS gets a connection of its own. */
  #byProxy(proxy: URL, url: URL, options: RequestOptions, done: (answer: IncomingMessage) => void): ClientRequest {
    const headers = { host: url.host, ...(options.headers as OutgoingHttpHeaders), ...proxyHeaders(proxy) }
    const way = { hostname: proxy.hostname.replace(/^\[(.*)\]$/, '$1'), port: portOf(proxy), path: url.href, headers }
    return proxy.protocol === 'https:'
      ? https().request({ ...options, ...way, agent: false }, done)
      : requestHttp({ ...options, ...way }, done)
  }
}

/** Reads a body that nobody wants to its end, for the next request to have the connection, unless that is far. */
export function forgo(answer: IncomingMessage): void {
  let left = mostForgone
  answer.on('data', (chunk: Buffer) => {
    if ((left -= chunk.length) < 0) answer.destroy()
  })
}

/** The whole body of an answer. @throws EngineError when it is larger than `limit`, RegistryError when it breaks off */
export async function wholeBody(answer: IncomingMessage, limit: number, what: string): Promise<Buffer> {
  try {
    return await wholeOf(answer, limit, () => new EngineError('invalid', `${what} is larger than ${limit} bytes`))
  } catch (error) {
    answer.destroy()
    if (error instanceof EngineError) throw error
    throw brokenOff(what, error as NodeJS.ErrnoException)
  }
}

/** The answer, when its status is one of those expected; its error in Docker's words when it is not. */
export async function expecting(answer: IncomingMessage, ...statuses: number[]): Promise<IncomingMessage> {
  const { statusCode = 0, statusMessage = '' } = answer
  if (statuses.includes(statusCode)) return answer
  // the status tells that it failed, whether or not the reason arrives
  const body = await wholeBody(answer, 1 << 16, "the registry's error").catch(() => Buffer.alloc(0))
  // RFC 6750 section 3.1: more telling than the body, which says that authentication is required
  const short = readChallenges(answer.headers['www-authenticate'] ?? '').some(
    ({ scheme, parameters }) => scheme === 'bearer' && parameters.error === 'insufficient_scope',
  )
  if (statusCode === 401 && short) throw registryFault(403, '', Buffer.alloc(0))
  throw registryFault(statusCode, statusMessage, body, answer.headers['retry-after'])
}

async function readCertificates(directory: string) {
  const names = await readdir(directory).catch(orMissing([] as string[]))
  const read = (suffix: string) =>
    Promise.all(names.filter((name) => name.endsWith(suffix)).map((name) => readFile(join(directory, name), 'utf8')))
  const [authorities, [cert], [key]] = await Promise.all([read('.crt'), read('.cert'), read('.key')])
  return { authorities, cert, key }
}

/** The host's authorities, which its owner may have added to; Node's own where there are none. */
async function systemAuthorities(): Promise<string[]> {
  const bundle = await readFile('/etc/ssl/certs/ca-certificates.crt', 'utf8').catch(orMissing(''))
  return bundle === '' ? [...tls().rootCertificates] : [bundle]
}
