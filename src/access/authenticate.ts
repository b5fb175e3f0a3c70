import { BerthError } from '../errors.js'
import type { Tokens } from '../store/tokens.js'
import { holderOf, type Caller } from './caller.js'

/** The token of an `Authorization: Bearer` header (RFC 6750 §2.1); null when it holds none. */
export const bearerOf = (header: string | undefined): string | null =>
  /^bearer +(\S{1,512})$/i.exec(header ?? '')?.[1] ?? null

/** The password of an `Authorization: Basic` header (RFC 7617), which git has for a token; null when it holds none. */
export function passwordOf(header: string | undefined): string | null {
  const [, encoded] = /^Basic +([A-Za-z0-9+/]+=*)$/i.exec(header ?? '') ?? []
  if (encoded === undefined) return null
  const credentials = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = credentials.indexOf(':')
  return colon === -1 ? null : credentials.slice(colon + 1)
}

/**
 * Who comes with a credential. A missing one costs the same work as a wrong one, and what is compared is a hash, so timing
 * tells nothing.
 * @throws BerthError `unauthenticated`
 */
export async function authenticate(tokens: Tokens, credential: string | null): Promise<Caller> {
  const known = await tokens.verify(credential ?? '')
  if (credential === null)
    throw new BerthError(
      'unauthenticated',
      'this needs a token',
      'send `Authorization: Bearer <token>`; `berth tokens:create` makes one where you are known, `bin/up` on the server',
    )
  if (known === null)
    throw new BerthError(
      'unauthenticated',
      'this Berth does not know the token: it was revoked, has expired, or belongs to another',
      'make one with `berth tokens:create` where you are known, or with `bin/up` on the server',
    )
  return holderOf(known)
}
