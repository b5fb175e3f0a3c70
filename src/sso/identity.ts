import { createHash, createPublicKey, sign } from 'node:crypto'
import type { PeriodKeys, SsoKeys } from './keys.js'
import type { Person } from './person.js'

/** Seconds that a signed identity is good for: as long as a request may be on its way. */
export const identitySeconds = 60

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

type Jwk = Readonly<Record<string, string>>
const made = new WeakMap<PeriodKeys, Jwk>()

/** The public half of a period's keys (RFC 7517), called by its thumbprint (RFC 7638). */
function publicJwk(keys: PeriodKeys): Jwk {
  const known = made.get(keys) ?? exported(keys)
  made.set(keys, known)
  return known
}

function exported({ sign: key }: PeriodKeys): Jwk {
  const {
    crv = '',
    kty = '',
    x = '',
    y = '',
  } = createPublicKey(key).export({ format: 'jwk' }) as Record<string, string>
  const kid = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
  return { kty, crv, x, y, kid, alg: 'ES256', use: 'sig' }
}

/** What apps check identities by. */
export const publicKeys = (keys: SsoKeys): { readonly keys: readonly Jwk[] } => ({
  keys: keys.all().map(publicJwk),
})

/**
 * Who has signed in, in a form that an app can check (RFC 7519).
 * @param audience the app's name
 * @param now seconds since the epoch
 */
export function signIdentity(
  keys: SsoKeys,
  { person, issuer, since }: { readonly person: Person; readonly issuer: string; readonly since: number },
  audience: string,
  now: number,
): string {
  const current = keys.current()
  const { kid } = publicJwk(current)
  const claims = {
    ...{ iss: 'berth', aud: audience, iat: now, exp: now + identitySeconds, auth_time: since, idp: issuer },
    ...person,
  }
  const text = `${encode({ alg: 'ES256', typ: 'JWT', kid })}.${encode(claims)}`
  const signature = sign('sha256', Buffer.from(text), { key: current.sign, dsaEncoding: 'ieee-p1363' })
  return `${text}.${signature.toString('base64url')}`
}

/** A header is of Latin-1, and a comma would make two of one. */
const fit = (text: string): string => (/^[\x20-\x2b\x2d-\x7e]*$/.test(text) ? text : encodeURIComponent(text))

/** What an app is told of who has signed in, `[name, value, …]`. */
export const identityHeaders = ({ sub, email, groups }: Person, signed: string): string[] => [
  ...['x-forwarded-user', fit(sub)],
  ...(email === undefined ? [] : ['x-forwarded-email', fit(email)]),
  ...(groups.length === 0 ? [] : ['x-forwarded-groups', groups.map(fit).join(',')]),
  ...['x-berth-identity', signed],
]
