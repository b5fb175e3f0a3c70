import { ssoLimits, type SsoRule } from '../sso-rule.js'

/** Who has signed in, as the issuer says. */
export interface Person {
  readonly sub: string
  readonly email?: string
  readonly name?: string
  readonly groups: readonly string[]
}

/** Claims as they come: of an ID token, or of the userinfo endpoint. */
export type Claims = Readonly<Record<string, unknown>>

/** Characters of all groups of a session: a cookie has 4,096 (RFC 6265 §6.1). */
const mostGroups = 1_500

// eslint-disable-next-line no-control-regex -- what must not be there
const unsound = /[\u0000-\u001f\u007f]/
const textOf = (value: unknown, most: number): string | undefined =>
  typeof value === 'string' && value !== '' && value.length <= most && !unsound.test(value) ? value : undefined

const listOf = (value: unknown): string[] =>
  (Array.isArray(value) ? value : [value]).flatMap((one) => textOf(one, ssoLimits.entry) ?? [])

/** An address that is one and no more, and that the issuer does not say is not checked. */
function emailOf({ email, email_verified: isVerified }: Claims): string | undefined {
  const text = textOf(email, ssoLimits.entry)
  if (text === undefined || isVerified === false || isVerified === 'false') return undefined
  return /^[^\s@,"]+@[^\s@,"]+$/.test(text) ? text.toLowerCase() : undefined
}

/** Those that the gate asks for come first: what does not fit is left out. */
function groupsOf(claims: Claims, { groupsClaim, groups: wanted = [] }: SsoRule): string[] {
  const all = [...new Set(listOf(claims[groupsClaim]))]
  let left: number = mostGroups
  return [...all.filter((one) => wanted.includes(one)), ...all.filter((one) => !wanted.includes(one))].filter(
    (one) => (left -= one.length + 3) >= 0,
  )
}

/** Who these claims are about; null where they do not say. */
export function personOf(claims: Claims, rule: SsoRule): Person | null {
  const sub = textOf(claims.sub, 255)
  if (sub === undefined) return null
  const email = emailOf(claims)
  const name = textOf(claims.name, 200)
  return {
    sub,
    ...(email === undefined ? {} : { email }),
    ...(name === undefined ? {} : { name }),
    groups: groupsOf(claims, rule),
  }
}

const isLike = (email: string, pattern: string): boolean => {
  const lower = pattern.toLowerCase()
  return lower.startsWith('*@') ? email.slice(email.indexOf('@')) === lower.slice(1) : email === lower
}

/** Whether who signs in gets in: of each list one has to fit, of claims all. */
export function isAllowed(
  claims: Claims,
  person: Person,
  { emails, groups, claims: wanted = {}, groupsClaim }: SsoRule,
): boolean {
  const { email } = person
  if (emails && (email === undefined || !emails.some((one) => isLike(email, one)))) return false
  if (groups && !listOf(claims[groupsClaim]).some((one) => groups.includes(one))) return false
  return Object.entries(wanted).every(([name, value]) => Object.hasOwn(claims, name) && holds(claims[name], value))
}

const holds = (claim: unknown, value: string): boolean =>
  (Array.isArray(claim) ? claim : [claim]).some(
    (one) => (typeof one === 'string' || typeof one === 'boolean' || typeof one === 'number') && String(one) === value,
  )
