import type { PageName, RoutingRules } from '../../routing-rules.js'
import type { Route } from '../../store/routes.js'
import { valueOf } from '../headers.js'
import { Gate, readBasic, type Asking, type Refused } from './gate.js'
import { Held } from './held.js'
import { Sticky } from './sticky.js'

/** Finds a page by its digest; undefined for one that is not here. */
export type PageSource = (digest: string) => string | undefined

/** Why a request does not get in, or with which headers it goes on. */
export type Verdict = Refused | { readonly headers: readonly string[] }

/** An app's rules, ready to be followed. */
export class AppRules {
  /** As they are in the route. */
  readonly given: RoutingRules
  readonly #gate: Gate
  /** Requests that wait for others to take the place of these. */
  readonly held = new Held()
  /** ms until the first byte of an answer, where it is not as for all. */
  readonly firstByte: number | undefined
  /** Bytes of a request's body. */
  readonly mostBody: number
  readonly sticky: Sticky | undefined
  readonly #pages: PageSource

  constructor(given: RoutingRules, { app, name }: Pick<Route, 'app' | 'name'>, pages: PageSource) {
    this.given = given
    this.sticky = given.sticky && new Sticky(app)
    this.#gate = new Gate(given, name)
    this.firstByte = given.timeout === undefined ? undefined : given.timeout * 1000
    this.mostBody = given.body ?? Infinity
    this.#pages = pages
  }

  /**
   * Why a request does not get in, or the headers with which it goes on; a promise only where a password has to be checked. The password
   * is not the app's: it gets the name alone, in `X-Forwarded-User`.
   * @param headers to be sent on, `[name, value, …]`
   */
  judge(headers: readonly string[], asking: Omit<Asking, 'authorization'>): Verdict | Promise<Verdict> {
    const authorization = valueOf(headers, 'authorization')
    const refused = this.#gate.refuses({ ...asking, authorization })
    const passed = () => (this.given.users ? asUser(headers, readBasic(authorization ?? '')?.[0] ?? '') : { headers })
    return refused instanceof Promise ? refused.then((why) => why ?? passed()) : (refused ?? passed())
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

function asUser(headers: readonly string[], user: string): { headers: readonly string[] } {
  const kept = headers.filter((_, i) => headers[i - (i % 2)] !== 'authorization')
  // a header is of Latin-1
  return { headers: [...kept, 'x-forwarded-user', /^[\x20-\x7e]*$/.test(user) ? user : encodeURIComponent(user)] }
}
