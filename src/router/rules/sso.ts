import { messageOf, is } from '../../errors.js'
import { RateLimit } from '../../lib/rate.js'
import type { Logger } from '../../log.js'
import type { AskWalls } from '../../lib/ask.js'
import { cookiesOf, mostAttempts, SsoCookies } from '../../sso/cookies.js'
import { identityHeaders, identitySeconds, publicKeys, signIdentity } from '../../sso/identity.js'
import { Issuer } from '../../sso/issuer.js'
import type { SsoKeys } from '../../sso/keys.js'
import { isAllowed, personOf } from '../../sso/person.js'
import { open, seal } from '../../sso/seal.js'
import { attemptTime, mostPlace, UsedStates, type Attempt, type Session } from '../../sso/session.js'
import type { SsoRule } from '../../sso-rule.js'
import type { Route } from '../../store/routes.js'
import { valueOf } from '../headers.js'
import { normaliseHost } from '../host.js'
import type { Scheme } from '../proxies.js'
import { urlAt } from '../redirect.js'
import type { Refused } from './gate.js'

/** Where a hostname's gate answers; nothing below it gets to an app that has one. */
export const reservedPath = '/.berth/sso'
/** Sessions that are remembered with what their app is told. */
const mostRemembered = 500
/** Codes of one app that are changed for tokens at once. */
const mostFinishing = 50

/** What gates of all apps have in common. */
export interface SsoDeps {
  readonly keys: SsoKeys
  readonly walls: AskWalls
  readonly log: Logger
  /** ms since the epoch. */
  readonly now?: () => number
}

/** A request as a gate sees it. */
export interface Visit {
  readonly method: string
  /** To be sent on, `[name, value, …]`. */
  readonly headers: readonly string[]
  /** What its client asked for. */
  readonly target: string
  /** Path of the hostname below which the app is; empty for all of it. */
  readonly base: string
  readonly isUpgrade?: boolean
}

/** What a gate says itself. */
export interface Answered {
  readonly kind: 'answer'
  readonly status: 200 | 302 | 303
  /** `[name, value, …]` */
  readonly headers: readonly string[]
  readonly body: string
}

/** Who gets on, with what its app is told, and until when (ms since the epoch). */
export interface Admitted {
  readonly headers: readonly string[]
  readonly until?: number
}

type Verdict = Refused | Answered | Admitted

/** Where a visit is, in the eyes of its browser. */
interface Place {
  readonly scheme: Scheme
  readonly host: string
  readonly authority: string
  readonly cookies: SsoCookies
  readonly sent: readonly (readonly [name: string, value: string])[]
  /** Of whatever is sealed here: of this app, this gate, this hostname. */
  readonly use: string
}

/** Lets in who has signed in at an issuer, and sends everybody else there. */
export class SsoGate {
  readonly #rule: SsoRule
  readonly #app: string
  readonly #name: string
  readonly #deps: SsoDeps
  readonly #now: () => number
  readonly #issuer: Issuer
  readonly #used = new UsedStates()
  /** By cookie: opening and signing cost more than all else that is done with a request. */
  readonly #remembered = new Map<string, { readonly session: Session; signed: string; fresh: number }>()
  readonly #warnings = new RateLimit(10, 1 / 10, () => performance.now())
  #finishing = 0

  constructor(rule: SsoRule, { app, name }: Pick<Route, 'app' | 'name'>, deps: SsoDeps) {
    this.#rule = rule
    this.#app = app
    this.#name = name
    this.#deps = deps
    this.#now = deps.now ?? Date.now
    this.#issuer = new Issuer(rule, deps.walls)
  }

  /** RFC 9110 §15.5.2 wants to be told how. */
  get #wanted(): Refused {
    return { kind: 'sign-in', headers: { 'www-authenticate': `Cookie realm="${this.#name}"` } }
  }

  /** What everybody may have: the keys that identities are checked by. */
  publicAnswer({ method, target, base, isUpgrade }: Visit): Answered | undefined {
    if (method !== 'GET' || isUpgrade === true || pathOf(target) !== `${base}${reservedPath}/jwks.json`)
      return undefined
    const headers = ['content-type', 'application/json', 'cache-control', 'public, max-age=300']
    return { kind: 'answer', status: 200, headers, body: JSON.stringify(publicKeys(this.#deps.keys)) }
  }

  judge(visit: Visit): Verdict | Promise<Verdict> {
    try {
      const verdict = this.#judge(visit, this.#placeOf(visit))
      return verdict instanceof Promise ? verdict.catch(this.#broken) : verdict
    } catch (error) {
      return this.#broken(error)
    }
  }

  /** Visitors are not to fill the log. */
  #warn(text: string): void {
    if (this.#warnings.take('')) this.#deps.log.warn({ app: this.#name }, text)
  }

  /** Whoever cannot be judged does not get in. */
  readonly #broken = (error: unknown): Refused => {
    const why = messageOf(error)
    this.#warn(`nobody can sign in now: ${why}`)
    return { kind: 'issuer-away' }
  }

  #judge(visit: Visit, place: Place): Verdict | Promise<Verdict> {
    const own = `${visit.base}${reservedPath}`
    const path = pathOf(visit.target)
    if (path === own || path.startsWith(`${own}/`))
      return visit.isUpgrade === true ? this.#wanted : this.#serve(path.slice(own.length + 1), visit, place)
    const sessions = this.#sessionsOf(place)
    const [first] = sessions
    // a sibling of the hostname may have put its own session before ours, where there is no HTTPS
    if (sessions.some(({ session }) => session.person.sub !== first?.session.person.sub))
      return { kind: 'sign-in-failed' }
    if (first) return { headers: this.#headersFor(visit, first), until: first.session.until * 1000 }
    return isNavigation(visit) ? this.#begin(visit, place) : this.#wanted
  }

  #serve(what: string, visit: Visit, place: Place): Verdict | Promise<Verdict> {
    const { cookies } = place
    if (what === 'sign-out' && /^(?:GET|POST)$/.test(visit.method))
      return { kind: 'signed-out', headers: { 'set-cookie': cookies.set(cookies.session, '', 0) } }
    return what === 'callback' && visit.method === 'GET' ? this.#finish(visit, place) : { kind: 'no-such-place' }
  }

  #placeOf({ headers }: Visit): Place {
    const scheme = valueOf(headers, 'x-forwarded-proto') === 'https' ? 'https' : 'http'
    const authority = valueOf(headers, 'x-forwarded-host') ?? ''
    const host = normaliseHost(authority) ?? ''
    return {
      ...{ scheme, host, authority },
      cookies: new SsoCookies(this.#app, scheme === 'https'),
      sent: cookiesOf(valueOf(headers, 'cookie')),
      use: `${this.#app} ${this.#rule.id} ${scheme} ${host}`,
    }
  }

  #urlOf({ host, scheme, authority }: Place, path: string): string {
    return urlAt(host, scheme, { authority, path })
  }

  /** All that its client has of this app. */
  #sessionsOf({ cookies, sent, use }: Place): { readonly session: Session; signed: string; fresh: number }[] {
    const now = this.#now() / 1000
    return sent
      .filter(([name]) => name === cookies.session)
      .flatMap(([, value]) => {
        const key = `${use} ${value}`
        const known = this.#remembered.get(key) ?? this.#opened(key, use, value)
        return known && known.session.until > now ? [known] : []
      })
  }

  #opened(key: string, use: string, value: string): { session: Session; signed: string; fresh: number } | undefined {
    const text = open(this.#deps.keys, `session ${use}`, value)
    if (text === null) return undefined
    const known = { session: JSON.parse(text) as Session, signed: '', fresh: 0 }
    this.#remembered.set(key, known)
    if (this.#remembered.size > mostRemembered) this.#remembered.delete(this.#remembered.keys().next().value ?? '')
    return known
  }

  #headersFor({ headers }: Visit, known: { readonly session: Session; signed: string; fresh: number }): string[] {
    const { person, since } = known.session
    const now = Math.floor(this.#now() / 1000)
    if (Math.abs(now - known.fresh) >= identitySeconds / 2) {
      const { issuer } = this.#rule
      known.signed = signIdentity(this.#deps.keys, { person, issuer, since }, this.#name, now)
      known.fresh = now
    }
    const kept = headers.filter((_, i) => headers[i - (i % 2)] !== 'x-forwarded-user')
    return [...kept, ...identityHeaders(person, known.signed)]
  }

  /** Sends somebody to the issuer. */
  async #begin(visit: Visit, place: Place): Promise<Verdict> {
    const { cookies, sent } = place
    const redirectUri = this.#urlOf(place, `${visit.base}${reservedPath}/callback`)
    const { url, signIn } = await this.#issuer.begin(redirectUri)
    const { state, nonce, verifier } = signIn
    const wanted = visit.target.length > mostPlace ? `${visit.base}/` : visit.target
    const until = Math.floor((this.#now() + attemptTime) / 1000)
    const attempt: Attempt = { state, nonce, verifier, place: wanted, until }
    const old = cookies.attemptsAmong(sent)
    const gone = old.slice(0, Math.max(0, old.length + 1 - mostAttempts)).map((name) => cookies.set(name, '', 0))
    const sealed = seal(this.#deps.keys, `attempt ${place.use}`, JSON.stringify(attempt))
    return sentTo(302, url.href, [...gone, cookies.set(cookies.attempt(state), sealed, attemptTime / 1000)])
  }

  /** Lets in, or keeps out, somebody whom the issuer has sent back. */
  async #finish({ target, base }: Visit, place: Place): Promise<Verdict> {
    const { cookies, use } = place
    const url = new URL(this.#urlOf(place, target))
    const state = url.searchParams.get('state') ?? ''
    const attempt = this.#attemptOf(state, place)
    if (!attempt || this.#finishing >= mostFinishing || !this.#used.take(state)) return { kind: 'sign-in-failed' }
    const over = cookies.set(cookies.attempt(state), '', 0)
    const refused = (kind: Refused['kind']): Refused => ({ kind, headers: { 'set-cookie': over } })
    const redirectUri = this.#urlOf(place, `${base}${reservedPath}/callback`)
    this.#finishing += 1
    try {
      const claims = await this.#issuer.finish(url, { ...attempt, redirectUri })
      const person = personOf(claims, this.#rule)
      if (!person || !isAllowed(claims, person, this.#rule)) return refused('not-allowed')
      const since = Math.floor(this.#now() / 1000)
      const session: Session = { person, since, until: since + this.#rule.session }
      const sealed = seal(this.#deps.keys, `session ${use}`, JSON.stringify(session))
      const cookie = cookies.set(cookies.session, sealed, this.#rule.session)
      return sentTo(303, this.#urlOf(place, attempt.place), [over, cookie])
    } catch (error) {
      this.#warn(`a sign-in has failed: ${messageOf(error)}`)
      return refused(is(error, 'unavailable') || is(error, 'denied') ? 'issuer-away' : 'sign-in-failed')
    } finally {
      this.#finishing -= 1
    }
  }

  /** What the browser that comes back has begun with, if it has. */
  #attemptOf(state: string, { cookies, sent, use }: Place): Attempt | undefined {
    const name = cookies.attempt(state)
    for (const [, value] of sent.filter((one) => one[0] === name)) {
      const text = open(this.#deps.keys, `attempt ${use}`, value)
      const attempt = text === null ? undefined : (JSON.parse(text) as Attempt)
      if (attempt?.state === state && attempt.until * 1000 > this.#now()) return attempt
    }
    return undefined
  }
}

const pathOf = (target: string): string => target.replace(/[?#].*/s, '')

/** Whether a browser opens a page: scripts and programs are told, and not led elsewhere. */
function isNavigation({ method, headers, isUpgrade }: Visit): boolean {
  const mode = valueOf(headers, 'sec-fetch-mode')
  if (method !== 'GET' || isUpgrade === true || (mode !== undefined && mode !== 'navigate')) return false
  return /\btext\/html\b/i.test(valueOf(headers, 'accept') ?? '')
}

function sentTo(status: 302 | 303, location: string, cookies: readonly string[]): Answered {
  const headers = ['location', location, 'cache-control', 'no-store', 'referrer-policy', 'no-referrer']
  return { kind: 'answer', status, headers: [...headers, ...cookies.flatMap((one) => ['set-cookie', one])], body: '' }
}
