import { BerthError } from '../errors.js'
import type { Tokens } from '../store/tokens.js'

/**
 * Whose token an `Authorization: Bearer` header holds (RFC 6750 §2.1). A missing one costs the same work as a wrong one,
 * and what is compared is a hash, so timing tells nothing.
 * @throws BerthError `unauthenticated`
 */
export async function authenticate(tokens: Tokens, header: string | undefined): Promise<string> {
  const token = /^bearer +(\S{1,512})$/i.exec(header ?? '')?.[1]
  const name = await tokens.verify(token ?? '')
  if (token === undefined)
    throw new BerthError(
      'unauthenticated',
      'this needs a token',
      'send `Authorization: Bearer <token>`; `bin/up` made one and keeps it in ~/.config/berth/credentials.json',
    )
  if (name === null)
    throw new BerthError('unauthenticated', 'this Berth does not know the token', 'run `bin/up` again for a good one')
  return name
}
