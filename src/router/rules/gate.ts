import { createHash, timingSafeEqual } from 'node:crypto'
import { keyOf } from '../clients.js'
import { isPassword } from '../../lib/password-hash.js'
import { Networks } from '../../lib/networks.js'
import { RateLimit } from '../../lib/rate.js'
import { Semaphore } from '../../lib/semaphore.js'
import type { SsoPageKind } from '../sso-pages.js'
import type { Rate, RoutingRules } from '../../routing-rules.js'

/** Wrong passwords that one client may try: so many at once, and then as many in a minute. */
const tries = { burst: 10, perSecond: 10 / 60 }
/** Passwords that wait to be checked, of all apps; more are turned away. */
const mostWaiting = 100

/** Why a request does not get in, and what the answer says beside its page. */
export interface Refused {
  readonly kind: 'no-access' | 'login' | 'maintenance' | 'too-many-requests' | SsoPageKind
  readonly headers?: Readonly<Record<string, string>>
}

/** A request as rules see it. */
export interface Asking {
  /** Its address, as far as the proxies before us are believed. */
  readonly client: string
  readonly authorization: string | undefined
  /** It has been counted. */
  readonly isKnown?: boolean
}

type Verdict = Refused | undefined

/** One password at a time is checked: each takes 16 MiB. */
const checking = new Semaphore(1)
let waiting = 0

/** Who gets in to an app. Addresses are looked at first, then how often they ask, then passwords; what costs most comes last. */
export class Gate {
  readonly #rules: RoutingRules
  readonly #realm: string
  readonly #allowed: Networks | undefined
  readonly #limits: readonly (readonly [limit: RateLimit, key: (client: string) => string, rate: Rate])[]
  readonly #tries: RateLimit
  /** Digests of what was right before, by name: a password is checked once. */
  readonly #right = new Map<string, Buffer>()

  /**
   * @param realm what a browser names when it asks for a password
   * @param now ms of a clock that is never set back
   */
  constructor(rules: RoutingRules, realm: string, now: () => number = () => performance.now()) {
    this.#rules = rules
    this.#realm = realm
    this.#tries = new RateLimit(tries.burst, tries.perSecond, now)
    this.#allowed = rules.allow && new Networks(rules.allow)
    const limit = (rate: Rate | undefined, key: (client: string) => string) =>
      rate ? [[new RateLimit(rate.requests, rate.requests / rate.seconds, now), key, rate] as const] : []
    this.#limits = [...limit(rules.clientRate, keyOf), ...limit(rules.rate, () => '')]
  }

  /**
   * Why not, or undefined; a promise only where a password has to be checked.
   */
  refuses({ client, authorization, isKnown }: Asking): Verdict | Promise<Verdict> {
    const refused = this.#refusesAddress(client, isKnown === true)
    if (refused) return refused
    const late = this.#rules.maintenance ? ({ kind: 'maintenance' } as const) : undefined
    if (!this.#rules.users) return late
    const login = this.#login(this.#rules.users, client, authorization)
    return login instanceof Promise ? login.then((refused) => refused ?? late) : (login ?? late)
  }

  /** Whether a connection gets in that is no request: it counts as one. */
  admits(client: string): boolean {
    return this.#refusesAddress(client, false) === undefined && this.#rules.maintenance !== true
  }

  #refusesAddress(client: string, isKnown: boolean): Verdict {
    if (this.#allowed?.has(client) === false) return { kind: 'no-access' }
    for (const [limit, key, { requests, seconds }] of this.#limits)
      if (!isKnown && !limit.take(key(client))) return tooMany(seconds / requests)
    return undefined
  }

  #login(users: Readonly<Record<string, string>>, client: string, authorization = ''): Verdict | Promise<Verdict> {
    const login = {
      kind: 'login',
      headers: { 'www-authenticate': `Basic realm="${this.#realm}", charset="UTF-8"` },
    } as const
    const [name, password] = readBasic(authorization) ?? []
    if (name === undefined || password === undefined) return login
    const given = createHash('sha256').update(password).digest()
    const right = this.#right.get(name)
    if (right && timingSafeEqual(right, given)) return undefined
    if (!this.#tries.take(keyOf(client))) return tooMany(1 / tries.perSecond)
    if (waiting >= mostWaiting) return tooMany(1)
    // a name that nobody has takes as long
    const hash = Object.hasOwn(users, name) ? users[name] : Object.values(users)[0]
    waiting += 1
    return checking
      .run(() => isPassword(password, hash ?? ''))
      .then((isRight) => {
        if (!isRight || !Object.hasOwn(users, name)) return login
        this.#right.set(name, given)
        return undefined
      })
      .catch(() => tooMany(1)) // it fails for want of memory alone
      .finally(() => (waiting -= 1))
  }
}

const tooMany = (seconds: number): Refused => ({
  kind: 'too-many-requests',
  headers: { 'retry-after': String(Math.max(1, Math.ceil(seconds))) },
})

/** A name and a password (RFC 7617 §2); null for anything else. */
export function readBasic(authorization: string): [name: string, password: string] | null {
  const [, encoded] = /^basic +([a-z0-9+/]+=*) *$/i.exec(authorization) ?? []
  if (encoded === undefined) return null
  const text = Buffer.from(encoded, 'base64').toString()
  const colon = text.indexOf(':')
  return colon < 0 ? null : [text.slice(0, colon), text.slice(colon + 1)]
}
