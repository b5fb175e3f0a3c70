import { isNetwork } from './lib/networks.js'
import { isSsoRule, type SsoRule } from './sso-rule.js'

/** So many requests in so many seconds; as many may come at once. */
export interface Rate {
  readonly requests: number
  readonly seconds: number
}

/** The pages that an app may have of its own: of answers that the router gives in its stead, by their status. */
export const pageNames = ['maintenance', '502', '503', '504'] as const
export type PageName = (typeof pageNames)[number]

/** What the router does with the requests to an app, besides passing them on. */
export interface RoutingRules {
  /** Everybody is told to come again later. */
  readonly maintenance?: true
  /** Seconds for which requests are held in maintenance, before they are told so. */
  readonly hold?: number
  /** Addresses and CIDR networks that get in; everybody where none are named. */
  readonly allow?: readonly string[]
  /** Who gets in (Basic authentication, RFC 7617): name -> what the password is checked by. Everybody where none are named. */
  readonly users?: Readonly<Record<string, string>>
  /** Who gets in by signing in elsewhere; everybody where there is none. */
  readonly sso?: SsoRule
  /** Of all clients together. */
  readonly rate?: Rate
  /** Of each client address. */
  readonly clientRate?: Rate
  /** Headers of its answers, lower case: set to this, or taken away where it is ''. */
  readonly headers?: Readonly<Record<string, string>>
  /** Its answers are compressed, where that makes them smaller and their clients take it. */
  readonly compress?: true
  /** Clients come back to the process that has answered them before. */
  readonly sticky?: true
  /** It is asked by HTTP/2 without TLS, which gRPC wants. */
  readonly protocol?: 'h2c'
  /** Paths below which files of earlier releases are kept: `/static`, in whole segments. */
  readonly assets?: readonly string[]
  /** Bytes that a request's body may have. */
  readonly body?: number
  /** Seconds until the first byte of an answer. */
  readonly timeout?: number
  /** Digests of its own pages. */
  readonly pages?: Readonly<Partial<Record<PageName, string>>>
}

/** What rules may hold. */
export const rulesLimits = {
  networks: 200,
  users: 50,
  headers: 50,
  /** Paths of assets. */
  assets: 20,
  /** Characters of a header's value. */
  header: 2_000,
  requests: 1_000_000,
  /** A day. */
  seconds: 86_400,
  /** Seconds; a browser gives up after as many. */
  hold: 300,
  /** An hour. */
  timeout: 3_600,
  /** Bytes of a page. */
  page: 65_536,
} as const

/** RFC 9110 §5.1 */
const headerName = /^[a-z0-9!#$%&'*+.^_`|~-]{1,64}$/
// eslint-disable-next-line no-control-regex -- what a value may not hold
const unsound = /[\u0000-\u0008\u000a-\u001f\u007f]|[^\u0000-\u00ff]/

/** What frames an answer, or is the router's own to say. */
const reserved =
  /^(?:connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|content-length|content-encoding|upgrade|date|host|x-request-id|x-berth-error|x-forwarded-.*)$/

/** Whether rules may set, or take away, a header of answers. */
export const isSettable = (name: string): boolean => headerName.test(name) && !reserved.test(name)

/** Whether a text may be a header's value. */
export const isHeaderValue = (value: string): boolean => value.length <= rulesLimits.header && !unsound.test(value)

/** Whether a text may be a path below which assets are. */
export const isAssetPath = (text: string): boolean => text.length <= 200 && /^(?:\/[A-Za-z0-9._~-]+)+$/.test(text)

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isCount = (value: unknown, most: number): boolean =>
  Number.isSafeInteger(value) && (value as number) > 0 && (value as number) <= most

const isRate = (value: unknown): boolean =>
  isObject(value) && isCount(value.requests, rulesLimits.requests) && isCount(value.seconds, rulesLimits.seconds)

const isTexts = (value: unknown, isOne: (key: string, text: string) => boolean): boolean =>
  isObject(value) && Object.entries(value).every(([key, text]) => typeof text === 'string' && isOne(key, text))

const readers: { readonly [Name in keyof Required<RoutingRules>]: (value: unknown) => boolean } = {
  maintenance: (value) => value === true,
  hold: (value) => isCount(value, rulesLimits.hold),
  allow: (value) => Array.isArray(value) && value.every((one) => typeof one === 'string' && isNetwork(one)),
  users: (value) => isTexts(value, () => true),
  sso: isSsoRule,
  rate: isRate,
  clientRate: isRate,
  headers: (value) => isTexts(value, (name, text) => isSettable(name) && isHeaderValue(text)),
  compress: (value) => value === true,
  sticky: (value) => value === true,
  protocol: (value) => value === 'h2c',
  assets: (value) => Array.isArray(value) && value.every((one) => typeof one === 'string' && isAssetPath(one)),
  body: (value) => isCount(value, Number.MAX_SAFE_INTEGER),
  timeout: (value) => isCount(value, rulesLimits.timeout),
  pages: (value) => isTexts(value, (_, digest) => /^[0-9a-f]{64}$/.test(digest)),
}

/** Whether a value is rules in every field: one that is not understood might be what keeps somebody out. */
export const isRules = (value: unknown): value is RoutingRules =>
  isObject(value) &&
  Object.entries(value).every(([name, one]) => Object.hasOwn(readers, name) && readers[name as keyof RoutingRules](one))
