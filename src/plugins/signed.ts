import { createHmac } from 'node:crypto'

/** What a body is signed with, hex: of its time, a dot, and the body, so that neither can be used again with another. */
export const signatureOf = (body: string, time: string, secret: string): string =>
  createHmac('sha256', secret).update(`${time}.${body}`).digest('hex')

/** The headers of a signed post: `berth-time` in seconds since the epoch, and `berth-signature`. */
export function signedHeaders(body: string, secret: string): Readonly<Record<string, string>> {
  const time = String(Math.floor(Date.now() / 1000))
  return { 'berth-time': time, 'berth-signature': `sha256=${signatureOf(body, time, secret)}` }
}
