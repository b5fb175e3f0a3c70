import type { KeyObject } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { BerthError } from '../../errors.js'
import { bound, signed, thumbprint, type ExternalAccount } from './jws.js'
import { AcmeProblem, problemOf } from './problem.js'
import { checkUrl, listOf, object, text, timeOf } from './shape.js'
import { away, Transport, type Reply } from './transport.js'

/** A CA, and how it is spoken to. */
export interface Authority {
  /** https URL of its directory. */
  readonly directory: string
  /** PEM of those who vouch for its own certificate. */
  readonly ca?: string | undefined
  readonly email?: string | undefined
  /** What kind of certificate; unless given, the CA's usual one. */
  readonly profile?: string | undefined
  readonly external?: ExternalAccount | undefined
}

export interface Order {
  readonly status: string
  readonly authorizations: readonly string[]
  readonly finalize: string
  readonly certificate: string | null
  readonly problem: AcmeProblem | null
}

export interface Challenge {
  readonly type: string
  readonly url: string
  readonly status: string
  readonly token: string
  readonly problem: AcmeProblem | null
}

interface Authorization {
  readonly status: string
  readonly host: string
  readonly challenges: readonly Challenge[]
}

/** When to renew a certificate, as its CA would have it. ms. */
export interface RenewalWindow {
  readonly start: number
  readonly end: number
  /** When to ask again. */
  readonly again: number
}

/** So often a nonce may be refused in a row: with half of all refused, one request in 30 million fails. */
const mostNonces = 25

/** Nonces that are kept for the next requests. */
const keptNonces = 8

interface Directory {
  readonly newNonce: string
  readonly newAccount: string
  readonly newOrder: string
  readonly renewalInfo: string | null
  readonly profiles: readonly string[]
}

export interface ClientOptions {
  /** The account's key, P-256. */
  readonly key: KeyObject
  /** Its URL, where it is known. */
  readonly account: string | null
  readonly signal: AbortSignal
  /** ms between two looks, unless the CA says. */
  readonly pace?: number
}

/** An ACME client (RFC 8555, 9773) for one account of one CA. What a CA answers is checked: it may lie, stall, or be somebody else. */
export class AcmeClient implements Disposable {
  readonly #authority: Authority
  readonly #transport: Transport
  readonly #key: KeyObject
  readonly #signal: AbortSignal
  readonly #pace: number
  #account: string | null
  #directory: Directory | undefined
  readonly #nonces: string[] = []

  constructor(authority: Authority, { key, account, signal, pace = 1_000 }: ClientOptions) {
    this.#authority = authority
    this.#transport = new Transport(authority.ca)
    this.#key = key
    this.#account = account
    this.#signal = signal
    this.#pace = pace
  }

  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]()
  }

  /** What a challenge is answered with (RFC 8555 §8.1). */
  answerTo(token: string): string {
    return `${token}.${thumbprint(this.#key)}`
  }

  /** Makes the account of the key, or finds it: the CA has one a key. @returns its URL */
  async register(): Promise<string> {
    const { newAccount } = await this.#open()
    const { email, external } = this.#authority
    this.#account = null
    const { headers } = await this.#post(newAccount, {
      termsOfServiceAgreed: true,
      ...(email === undefined ? {} : { contact: [`mailto:${email}`] }),
      ...(external === undefined ? {} : { externalAccountBinding: bound(external, this.#key, newAccount) }),
    })
    this.#account = this.#url(headers.location)
    return this.#account
  }

  /** @param replaces what is renewed by it, where the CA is to know */
  async newOrder(names: readonly string[], replaces: string | null): Promise<string> {
    const { newOrder, renewalInfo } = await this.#open()
    const profile = await this.#profile()
    const { headers } = await this.#post(newOrder, {
      identifiers: names.map((value) => ({ type: 'dns', value })),
      ...(profile === undefined ? {} : { profile }),
      ...(replaces === null || renewalInfo === null ? {} : { replaces }),
    })
    return this.#url(headers.location)
  }

  async order(url: string): Promise<Order> {
    return this.#orderOf(await this.#post(url, null))
  }

  async authorization(url: string): Promise<Authorization> {
    const answer = this.#json(await this.#post(url, null))
    const challenges = listOf(answer.challenges, 50).map((one) => {
      const challenge = object(one)
      const problem = challenge.error === undefined ? null : problemOf(challenge.error)
      const token = typeof challenge.token === 'string' ? challenge.token : ''
      return {
        type: text(challenge.type),
        url: this.#url(challenge.url),
        status: text(challenge.status),
        token,
        problem,
      }
    })
    return { status: text(answer.status), host: text(object(answer.identifier).value), challenges }
  }

  /** Says that a challenge is answered from now on. */
  async ready(challenge: Challenge): Promise<void> {
    await this.#post(challenge.url, {})
  }

  async finalize(url: string, request: Buffer): Promise<void> {
    await this.#post(url, { csr: request.toString('base64url') })
  }

  /** PEM */
  async certificate(url: string): Promise<string> {
    return (await this.#post(url, null)).body
  }

  /** Null where the CA does not say. */
  async renewalWindow(id: string): Promise<RenewalWindow | null> {
    const { renewalInfo } = await this.#open()
    if (renewalInfo === null) return null
    const reply = await this.#transport.send('GET', `${renewalInfo.replace(/\/$/, '')}/${id}`, null, this.#signal)
    if (reply.status !== 200) throw this.#problem(reply)
    const { start, end } = object(this.#json(reply).suggestedWindow)
    return {
      start: timeOf(start),
      end: timeOf(end),
      again: Date.now() + Math.max(retryAfter(reply, 6 * 3_600_000), 600_000),
    }
  }

  /** Looks again and again until there is something to see. */
  async until<T>(look: () => Promise<T | null>): Promise<T> {
    for (;;) {
      const seen = await look()
      if (seen !== null) return seen
      await sleep(this.#pace, null, { signal: this.#signal })
    }
  }

  #orderOf(reply: Reply): Order {
    const { status, authorizations, finalize, certificate, error } = this.#json(reply)
    return {
      status: text(status),
      authorizations: listOf(authorizations, 200).map((url) => this.#url(url)),
      finalize: this.#url(finalize),
      certificate: certificate === undefined ? null : this.#url(certificate),
      problem: error === undefined ? null : problemOf(error),
    }
  }

  async #open(): Promise<Directory> {
    if (this.#directory) return this.#directory
    const reply = await this.#transport.send('GET', this.#authority.directory, null, this.#signal)
    if (reply.status !== 200) throw away(this.#host, `has no directory there (HTTP ${reply.status})`)
    const { newNonce, newAccount, newOrder, renewalInfo, meta = {} } = this.#json(reply)
    const { profiles = {} } = object(meta)
    this.#directory = {
      newNonce: this.#url(newNonce),
      newAccount: this.#url(newAccount),
      newOrder: this.#url(newOrder),
      renewalInfo: renewalInfo === undefined ? null : this.#url(renewalInfo),
      profiles: Object.keys(object(profiles)),
    }
    return this.#directory
  }

  /** Always one, where the CA has several: it might choose any. */
  async #profile(): Promise<string | undefined> {
    const { profiles } = await this.#open()
    const { profile } = this.#authority
    if (profile === undefined) return ['classic', 'default'].find((one) => profiles.includes(one)) ?? profiles[0]
    if (profiles.includes(profile)) return profile
    throw new BerthError(
      'invalid',
      `the CA has no certificates of profile "${profile}"`,
      `BERTH_ACME_PROFILE may be ${profiles.slice(0, 10).join(', ') || 'left out'}`,
    )
  }

  /** A signed request; a nonce that is refused is tried no more, another is. @throws AcmeProblem */
  async #post(url: string, payload: unknown): Promise<Reply> {
    for (let tries = 1; ; tries += 1) {
      const nonce = this.#nonces.pop() ?? (await this.#nonce())
      const message = JSON.stringify(signed({ key: this.#key, account: this.#account }, url, nonce, payload))
      const reply = await this.#transport.send('POST', url, message, this.#signal)
      this.#keep(reply)
      if (reply.status >= 200 && reply.status < 300) return reply
      const problem = this.#problem(reply)
      if (!(problem instanceof AcmeProblem) || problem.kind !== 'badNonce' || tries === mostNonces) throw problem
    }
  }

  async #nonce(): Promise<string> {
    const { newNonce } = await this.#open()
    this.#keep(await this.#transport.send('HEAD', newNonce, null, this.#signal))
    const nonce = this.#nonces.pop()
    if (nonce === undefined) throw away(this.#host, 'gives no nonces')
    return nonce
  }

  #keep({ headers }: Reply): void {
    const nonce = headers['replay-nonce']
    if (typeof nonce !== 'string' || !/^[\w-]{1,500}$/.test(nonce)) return
    this.#nonces.push(nonce)
    if (this.#nonces.length > keptNonces) this.#nonces.shift()
  }

  #problem(reply: Reply): AcmeProblem | BerthError {
    const wait = reply.headers['retry-after'] === undefined ? 0 : retryAfter(reply, 0)
    try {
      return problemOf(JSON.parse(reply.body), wait)
    } catch {
      return away(this.#host, `answers with HTTP ${reply.status} and no reason`)
    }
  }

  #json({ body }: Reply): Record<string, unknown> {
    try {
      return object(JSON.parse(body))
    } catch (error) {
      throw away(this.#host, 'answers with what is no answer', error)
    }
  }

  #url(value: unknown): string {
    return checkUrl(value, this.#host)
  }

  get #host(): string {
    return new URL(this.#authority.directory).host
  }
}

/** ms that an answer wants to be waited for, a day at most (RFC 9110 §10.2.3). */
function retryAfter({ headers }: Reply, otherwise: number): number {
  const said = headers['retry-after']
  const seconds =
    said === undefined ? NaN : /^\d{1,9}$/.test(said) ? Number(said) : (Date.parse(said) - Date.now()) / 1000
  return Number.isNaN(seconds) ? otherwise : Math.min(Math.max(seconds, 0), 86_400) * 1000
}
