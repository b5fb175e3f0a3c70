import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

const derive = promisify<string, Buffer, number, Buffer>(scrypt)
const keyBytes = 32

/** What a password can be checked by, and not be learnt from: `scrypt:SALT:KEY` (RFC 7914, N 16,384, r 8, p 1), in base64url. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  const key = await derive(password, salt, keyBytes)
  return `scrypt:${salt.toString('base64url')}:${key.toString('base64url')}`
}

/** Takes 16 MiB, and some hundredths of a second of another thread. */
export async function isPassword(password: string, hash: string): Promise<boolean> {
  const [, salt = '', key = ''] = /^scrypt:([\w-]+):([\w-]+)$/.exec(hash) ?? []
  const expected = Buffer.from(key, 'base64url')
  if (expected.length !== keyBytes) return false
  return timingSafeEqual(await derive(password, Buffer.from(salt, 'base64url'), keyBytes), expected)
}
