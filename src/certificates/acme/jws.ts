import { createHash, createHmac, createPublicKey, sign, type KeyObject } from 'node:crypto'

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A public key as JSON, its members in the order that its thumbprint is made of. */
function jwkOf(key: KeyObject): Readonly<Record<string, string>> {
  const { crv = '', kty = '', x = '', y = '' } = createPublicKey(key).export({ format: 'jwk' })
  return { crv, kty, x, y }
}

/** What a key is known by (RFC 7638). */
export const thumbprint = (key: KeyObject): string =>
  createHash('sha256')
    .update(JSON.stringify(jwkOf(key)))
    .digest('base64url')

interface Signed {
  readonly protected: string
  readonly payload: string
  readonly signature: string
}

/** Who signs: with an account's URL, or before there is one with the key itself. */
export interface Signer {
  /** P-256 */
  readonly key: KeyObject
  readonly account: string | null
}

/** A message as ACME wants it (RFC 8555 §6.2). @param payload null is none: a POST as GET */
export function signed({ key, account }: Signer, url: string, nonce: string, payload: unknown): Signed {
  const head = encode({ alg: 'ES256', nonce, url, ...(account === null ? { jwk: jwkOf(key) } : { kid: account }) })
  const body = payload === null ? '' : encode(payload)
  const signature = sign('sha256', Buffer.from(`${head}.${body}`), { key, dsaEncoding: 'ieee-p1363' })
  return { protected: head, payload: body, signature: signature.toString('base64url') }
}

/** What binds a new account to one that the CA knows from elsewhere (RFC 8555 §7.3.4). */
export interface ExternalAccount {
  readonly kid: string
  /** base64url, from the CA. */
  readonly hmac: string
}

/** @param url the CA's for new accounts */
export function bound({ kid, hmac }: ExternalAccount, key: KeyObject, url: string): Signed {
  const head = encode({ alg: 'HS256', kid, url })
  const body = encode(jwkOf(key))
  const signature = createHmac('sha256', Buffer.from(hmac, 'base64url')).update(`${head}.${body}`).digest('base64url')
  return { protected: head, payload: body, signature }
}
