import type { IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { EngineError } from '../errors.js'
import { type Challenge, type RegistryCredentials, readChallenges } from './credentials.js'
import type { RegistryEndpoint } from './endpoints.js'
import { isPassing, RegistryError } from './faults.js'
import { quoted } from '../system/sanitize.js'
import type { RegistrySettings } from '../config.js'
import { registryUrl, type Ask, wholeBody, expecting, forgo, RegistryTransport } from './transport.js'

const mostTries = 5

/** Does something until it succeeds, fails for good, or has failed too often: half a second between, then twice that, … */
export async function retrying<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++)
    try {
      return await work()
    } catch (error) {
      signal.throwIfAborted()
      if (!isPassing(error) || error.code === 'ECONNREFUSED' || tries === mostTries) throw error
      await sleep(Math.min(Math.max(error.retryAfter ?? 2 ** (tries - 2), 0), 30) * 1000, undefined, { signal })
    }
}

/** One operation's talk with one endpoint: it learns how to authorize itself and does so. Disposing hangs up. */
export class RegistrySession implements Disposable {
  readonly endpoint: RegistryEndpoint
  readonly signal: AbortSignal
  readonly #transport: RegistryTransport
  readonly #credentials: RegistryCredentials | undefined
  #challenges: Challenge[] = []
  /** A refresh token that came with a token, when one was asked for. */
  refreshToken = ''
  /** Whether to ask for one. */
  offline = false
  readonly #tokens = new Map<string, { token: string; until: number }>()

  private constructor(
    endpoint: RegistryEndpoint,
    transport: RegistryTransport,
    credentials: RegistryCredentials | undefined,
    signal: AbortSignal,
  ) {
    this.endpoint = endpoint
    this.#transport = transport
    this.#credentials = endpoint.mirror ? undefined : credentials
    this.signal = signal
  }

  /** Goes to the first endpoint that answers. @throws RegistryError of the last when none does */
  static async open(
    endpoints: readonly RegistryEndpoint[],
    settings: RegistrySettings,
    credentials: RegistryCredentials | undefined,
    signal: AbortSignal,
  ): Promise<RegistrySession> {
    let failure: unknown
    for (const endpoint of endpoints) {
      const session = await RegistrySession.unasked(endpoint, settings, credentials, signal)
      try {
        const answer = await session.#transport.send({ method: 'GET', url: session.url('/v2/'), signal })
        session.#learn(answer)
        forgo(answer)
        return session
      } catch (error) {
        session[Symbol.dispose]()
        signal.throwIfAborted()
        failure = error
      }
    }
    throw failure
  }

  /** Goes to an endpoint that may be no registry: how to authorize oneself is learnt from the first answer. */
  static async unasked(
    endpoint: RegistryEndpoint,
    settings: RegistrySettings,
    credentials: RegistryCredentials | undefined,
    signal: AbortSignal,
  ): Promise<RegistrySession> {
    const transport = await RegistryTransport.open(new URL(endpoint.base), settings, endpoint.unverified)
    return new RegistrySession(endpoint, transport, credentials, signal)
  }

  /** A path of the registry's API; what a registry answers as a location may be relative too. */
  url(path: string, base = this.endpoint.base): URL {
    return path.startsWith('/v2/') ? new URL(this.endpoint.base + path) : registryUrl(path, base)
  }

  /** Sends a request with what it takes to be authorized for a scope. A stream as body is not sent a second time. */
  async ask(scope: string, ask: Omit<Ask, 'signal'>, signal = this.signal): Promise<IncomingMessage> {
    for (let tries = 1; ; tries++) {
      // an upload's location may be elsewhere: there, or in clear, go no credentials
      const own = ask.url.origin === new URL(this.endpoint.base).origin
      const authorization = own ? await this.#authorization(scope, ask) : undefined
      const answer = await this.#transport.send({
        ...ask,
        headers: { ...ask.headers, authorization },
        signal,
      })
      const again = answer.statusCode === 401 && tries === 1 && (ask.body === undefined || Buffer.isBuffer(ask.body))
      if (!again) return answer
      this.#tokens.delete(scope)
      this.#learn(answer)
      if (this.#challenges.length === 0) return answer
      forgo(answer)
    }
  }

  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]()
  }

  #learn(answer: IncomingMessage): void {
    const header = answer.headers['www-authenticate']
    if (answer.statusCode === 401 && header !== undefined) this.#challenges = readChallenges(header)
  }

  async #authorization(scope: string, { method, url }: Omit<Ask, 'signal'>): Promise<string | undefined> {
    const bearer = this.#challenges.find(({ scheme }) => scheme === 'bearer')
    if (bearer) return `Bearer ${await this.#token(bearer, scope)}`
    if (!this.#challenges.some(({ scheme }) => scheme === 'basic')) return undefined
    if (this.#credentials) return basic(this.#credentials)
    const verb = method.slice(0, 1) + method.slice(1).toLowerCase()
    throw new RegistryError('NO_CREDENTIALS', 401, `${verb} "${url.href}": no basic auth credentials`)
  }

  /** Token authentication of the distribution project: GET with the password, or POST with a refresh token. */
  async #token({ parameters }: Challenge, scope: string): Promise<string> {
    const credentials = this.#credentials
    if (credentials?.registryToken) return credentials.registryToken
    const known = this.#tokens.get(scope)
    if (known && known.until > Date.now()) return known.token
    const { realm = '', service = '' } = parameters
    if (!URL.canParse(realm) || !/^https?:$/.test(new URL(realm).protocol))
      throw new EngineError('broken', `the registry names no place to get a token from: ${quoted(realm)}`)
    const url = new URL(realm)
    if (credentials && url.protocol === 'http:' && this.endpoint.base.startsWith('https:') && !this.endpoint.unverified)
      throw new EngineError('broken', `refusing to send credentials to ${url.origin} in clear`)
    const answer = await retrying(this.signal, async () =>
      expecting(await this.#transport.send(tokenRequest(url, service, scope, credentials, this)), 200),
    )
    const body = fieldsIn(await wholeBody(answer, 1 << 20, 'the token'))
    const token = body.token ?? body.access_token
    if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token))
      throw new EngineError('broken', 'authorization server did not include a token in the response')
    if (typeof body.refresh_token === 'string' && this.offline) this.refreshToken = body.refresh_token
    const seconds = typeof body.expires_in === 'number' ? body.expires_in : 60
    this.#tokens.set(scope, { token, until: Date.now() + Math.max(seconds - 5, 5) * 1000 })
    return token
  }
}

/** What a token server answers; nothing when that is no object. */
function fieldsIn(body: Buffer): Record<string, unknown> {
  try {
    return Object(JSON.parse(body.toString())) as Record<string, unknown>
  } catch {
    return {}
  }
}

const basic = ({ username, password }: RegistryCredentials): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`

function tokenRequest(
  realm: URL,
  service: string,
  scope: string,
  given: RegistryCredentials | undefined,
  { signal, offline }: RegistrySession,
): Ask {
  const scopes = scope === '' ? [] : scope.split(' ')
  if (given?.identityToken) {
    const form = {
      grant_type: 'refresh_token',
      refresh_token: given.identityToken,
      service,
      client_id: 'docker',
      scope,
    }
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    return { method: 'POST', url: realm, headers, body: Buffer.from(new URLSearchParams(form).toString()), signal }
  }
  const url = new URL(realm)
  if (service !== '') url.searchParams.set('service', service)
  for (const one of scopes) url.searchParams.append('scope', one)
  if (!given) return { method: 'GET', url, signal }
  url.searchParams.set('account', given.username)
  if (offline) {
    url.searchParams.set('client_id', 'docker')
    url.searchParams.set('offline_token', 'true')
  }
  return { method: 'GET', url, headers: { authorization: basic(given) }, signal }
}
