import type { PageName, RoutingRules } from '../../routing-rules.js'
import type { Route } from '../../store/routes.js'
import { withoutSsoCookies } from '../../sso/cookies.js'
import { valueOf } from '../headers.js'
import { Gate, readBasic, type Asking, type Refused } from './gate.js'
import type { AssetShelf } from './asset-reply.js'
import type { Assets } from './assets.js'
import { Held } from './held.js'
import { SsoGate, type Admitted, type Answered, type SsoDeps, type Visit } from './sso.js'
import { Sticky } from './sticky.js'

/** Finds a page by its digest; undefined for one that is not here. */
export type PageSource = (digest: string) => string | undefined

/** Why a request does not get in, what a gate says to it, or with which headers it goes on. */
export type Verdict = Refused | Answered | Admitted

/** What rules need of the router. */
export interface RulesDeps {
  readonly pages: PageSource
  /** Keeps the files of apps. */
  readonly assets?: Assets
  /** Without it, whoever would have to sign in does not get in. */
  readonly sso?: SsoDeps
}

/** An app's rules, ready to be followed. */
export class AppRules {
  /** As they are in the route. */
  readonly given: RoutingRules
  readonly #gate: Gate
  readonly #sso: SsoGate | undefined
  /** Requests that wait for others to take the place of these. */
  readonly held = new Held()
  /** ms until the first byte of an answer, where it is not as for all. */
  readonly firstByte: number | undefined
  /** Bytes of a request's body. */
  readonly mostBody: number
  readonly sticky: Sticky | undefined
  /** Where its assets are kept, if they are. */
  readonly shelf: AssetShelf | undefined
  readonly #pages: PageSource

  constructor(given: RoutingRules, { app, name }: Pick<Route, 'app' | 'name'>, { pages, assets, sso }: RulesDeps) {
    this.given = given
    this.shelf = assets && given.assets && { assets, app, applyTo: (headers) => this.applyTo(headers) }
    this.sticky = given.sticky && new Sticky(app)
    this.#gate = new Gate(given, name)
    this.#sso = given.sso && sso && new SsoGate(given.sso, { app, name }, sso)
    this.firstByte = given.timeout === undefined ? undefined : given.timeout * 1000
    this.mostBody = given.body ?? Infinity
    this.#pages = pages
  }

  /**
   * Why a request does not get in, or the headers with which it goes on; a promise only where a password has to be checked, or an issuer
   * asked. The password is not the app's: it gets the name alone, in `X-Forwarded-User`. Nor are the cookies of gates.
   */
  judge(visit: Visit, asking: Omit<Asking, 'authorization'>): Verdict | Promise<Verdict> {
    const said = this.#sso?.publicAnswer(visit)
    if (said) return said
    const authorization = valueOf(visit.headers, 'authorization')
    const refused = this.#gate.refuses({ ...asking, authorization })
    const next = (why: Refused | undefined) => this.#enter(visit, why)
    return refused instanceof Promise ? refused.then(next) : next(refused)
  }

  /** What comes after networks, rates and passwords. @param why that has been refused, of which maintenance comes last */
  #enter(visit: Visit, why: Refused | undefined): Verdict | Promise<Verdict> {
    if (why && why.kind !== 'maintenance') return why
    const { users, sso } = this.given
    const user = users && (readBasic(valueOf(visit.headers, 'authorization') ?? '')?.[0] ?? '')
    const headers = user === undefined ? visit.headers : asUser(visit.headers, user)
    const last = (verdict: Verdict): Verdict =>
      'kind' in verdict ? verdict : (why ?? { ...verdict, headers: withoutSsoCookies(verdict.headers) })
    if (!sso) return last({ headers })
    const verdict = this.#sso?.judge({ ...visit, headers }) ?? { kind: 'issuer-away' }
    return verdict instanceof Promise ? verdict.then(last) : last(verdict)
  }

  /** Whether a connection to a port of the app gets in: of networks, rates and maintenance alone, as nothing else is asked of it. */
  admits(client: string): boolean {
    return this.#gate.admits(client)
  }

  /** It is asked by HTTP/2. */
  get isHttp2(): boolean {
    return this.given.protocol === 'h2c'
  }

  /** Its own page, if it has one. */
  page(name: PageName): string | undefined {
    const digest = this.given.pages?.[name]
    return digest === undefined ? undefined : this.#pages(digest)
  }

  /** Sets and takes away headers of an answer, `[name, value, …]`. */
  applyTo(headers: string[]): void {
    for (const [name, value] of Object.entries(this.given.headers ?? {})) {
      for (let i = headers.length - 2; i >= 0; i -= 2) if (headers[i] === name) headers.splice(i, 2)
      if (value !== '') headers.push(name, value)
    }
  }
}

function asUser(headers: readonly string[], user: string): readonly string[] {
  const kept = headers.filter((_, i) => headers[i - (i % 2)] !== 'authorization')
  // a header is of Latin-1
  return [...kept, 'x-forwarded-user', /^[\x20-\x7e]*$/.test(user) ? user : encodeURIComponent(user)]
}
