import { BerthError } from '../errors.js'
import type { Token, Tokens } from '../store/tokens.js'

/**
 * Whose token an `Authorization: Bearer` header holds (RFC 6750 §2.1). A missing one costs the same work as a wrong one,
 * and what is compared is a hash, so timing tells nothing.
 * @throws BerthError `unauthenticated`
 */
export async function authenticate(tokens: Tokens, header: string | undefined): Promise<Token> {
  const token = /^bearer +(\S{1,512})$/i.exec(header ?? '')?.[1]
  const known = await tokens.verify(token ?? '')
  if (token === undefined)
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
  return known
}
