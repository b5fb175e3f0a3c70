import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import type { SsoKeys } from './keys.js'

const cipher = 'aes-256-gcm'
const [nonceBytes, tagBytes] = [12, 16]

/** Of each use its own: what was sealed for one is nothing to another (RFC 5869). */
const keyFor = (seal: Buffer, use: string): Buffer => Buffer.from(hkdfSync('sha256', seal, '', `berth sso ${use}`, 32))

/** A text that nobody can read or change who has not the keys, and that is worthless for any other use. Fit for a cookie. */
export function seal(keys: SsoKeys, use: string, text: string): string {
  const { period, seal: secret } = keys.current()
  const nonce = randomBytes(nonceBytes)
  const writer = createCipheriv(cipher, keyFor(secret, use), nonce)
  const sealed = Buffer.concat([nonce, writer.update(text, 'utf8'), writer.final(), writer.getAuthTag()])
  return `${String(period)}.${sealed.toString('base64url')}`
}

/** What was sealed for a use; null for anything else. */
export function open(keys: SsoKeys, use: string, sealed: string): string | null {
  const [, period = '', text = ''] = /^(\d{1,9})\.([\w-]+)$/.exec(sealed) ?? []
  const secret = period === '' ? undefined : keys.of(Number(period))?.seal
  const bytes = Buffer.from(text, 'base64url')
  if (!secret || bytes.length < nonceBytes + tagBytes) return null
  const reader = createDecipheriv(cipher, keyFor(secret, use), bytes.subarray(0, nonceBytes), {
    authTagLength: tagBytes,
  }).setAuthTag(bytes.subarray(-tagBytes))
  try {
    return Buffer.concat([reader.update(bytes.subarray(nonceBytes, -tagBytes)), reader.final()]).toString()
  } catch {
    return null // GCM says nothing more
  }
}
