/** Who gets in to an app by signing in elsewhere (OpenID Connect). Of each list that is there, one has to fit; of claims, all. */
export interface SsoRule {
  /** Of this gate: sessions are of it, and a gate that takes its place has others. */
  readonly id: string
  /** URL, as the issuer itself says it. */
  readonly issuer: string
  readonly clientId: string
  /** None for a client that is public: PKCE alone holds it then. */
  readonly secret?: string
  readonly scopes: readonly string[]
  /** Claim that names the groups of who signs in. */
  readonly groupsClaim: string
  /** `me@example.com`, `*@example.com` */
  readonly emails?: readonly string[]
  readonly groups?: readonly string[]
  /** Claim -> the value that it must have, or hold. */
  readonly claims?: Readonly<Record<string, string>>
  /** Seconds from one sign-in to the next. */
  readonly session: number
}

/** What a gate may hold. */
export const ssoLimits = {
  /** Characters of a URL, a client's id or secret. */
  text: 2_000,
  /** Of e-mail patterns, groups, claims, scopes: each. */
  entries: 100,
  /** Characters of one. */
  entry: 254,
  /** Seconds of a session: two weeks. */
  session: 14 * 86_400,
  /** Seconds. */
  leastSession: 60,
} as const

/** What a gate has unless it is told otherwise. */
export const ssoDefaults = {
  scopes: ['openid', 'email', 'profile'],
  groupsClaim: 'groups',
  session: 8 * 3_600,
} as const

// eslint-disable-next-line no-control-regex -- what a text may not hold
const unsound = /[\u0000-\u001f\u007f]/

/** Whether a text may be in a gate. @param most characters */
export const isSsoText = (value: unknown, most: number = ssoLimits.text): value is string =>
  typeof value === 'string' && value !== '' && value.length <= most && !unsound.test(value)

/** Whether a text says which e-mail addresses get in. */
export const isEmailPattern = (value: string): boolean =>
  value.length <= ssoLimits.entry && /^(?:\*|[^\s@*,"]+)@[a-z0-9.-]+$/i.test(value)

/** Whether a text is a scope (RFC 6749 §3.3). */
export const isScope = (value: string): boolean => /^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/.test(value)

/** Whether a text may be an issuer: a URL without what it may not have (OpenID Connect Core §2). */
export function isIssuer(value: string): boolean {
  if (!isSsoText(value) || !URL.canParse(value)) return false
  const { protocol, username, password, search, hash } = new URL(value)
  return (
    /^https?:$/.test(protocol) && [username, password, search, hash].every((one) => one === '') && !/[?#]/.test(value)
  )
}

const isList = (value: unknown, isOne: (one: string) => boolean): boolean =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.length <= ssoLimits.entries &&
  value.every((one) => isSsoText(one, ssoLimits.entry) && isOne(one))

const readers: { readonly [Name in keyof Required<SsoRule>]: (value: unknown) => boolean } = {
  id: (value) => typeof value === 'string' && /^[\w-]{16,64}$/.test(value),
  issuer: (value) => typeof value === 'string' && isIssuer(value),
  clientId: (value) => isSsoText(value),
  secret: (value) => value === undefined || isSsoText(value),
  scopes: (value) => isList(value, isScope),
  groupsClaim: (value) => isSsoText(value, ssoLimits.entry),
  emails: (value) => value === undefined || isList(value, isEmailPattern),
  groups: (value) => value === undefined || isList(value, () => true),
  claims: (value) =>
    value === undefined ||
    (typeof value === 'object' &&
      value !== null &&
      !Array.isArray(value) &&
      Object.entries(value).every(
        ([name, one]) => isSsoText(name, ssoLimits.entry) && isSsoText(one, ssoLimits.entry),
      )),
  session: (value) =>
    Number.isSafeInteger(value) &&
    (value as number) >= ssoLimits.leastSession &&
    (value as number) <= ssoLimits.session,
}

/** Whether a value is a gate in every field, and has no other. */
export const isSsoRule = (value: unknown): value is SsoRule =>
  typeof value === 'object' &&
  value !== null &&
  Object.keys(value).every((name) => Object.hasOwn(readers, name)) &&
  Object.entries(readers).every(([name, isSound]) => isSound((value as Record<string, unknown>)[name]))
