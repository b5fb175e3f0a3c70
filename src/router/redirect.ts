import { STATUS_CODES } from 'node:http'
import type { Reply } from './reply.js'
import type { Scheme } from './proxies.js'

/** Bytes that a target may have and a header had better not. */
const odd = /[^\x21-\x7e]/g

/** The URL of the same request at another host: scheme and port are those that the client came by. */
export function urlAt(host: string, scheme: Scheme, { authority, path }: { authority: string; path: string }): string {
  const port = /:\d{1,5}$/.exec(authority)?.[0] ?? ''
  const plain = path.replace(odd, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
  return `${scheme}://${host}${port}${plain.startsWith('/') ? plain : '/'}`
}

/** Sends what a gate says. */
export function sendAnswer(
  reply: Reply,
  { status, headers, body }: { readonly status: number; readonly headers: readonly string[]; readonly body: string },
  { method, id }: { readonly method: string; readonly id: string },
): void {
  const bytes = Buffer.from(method === 'HEAD' ? '' : body)
  const all = [...headers, 'content-length', String(bytes.length), 'x-request-id', id]
  const frame = bytes.length > 0 ? ({ kind: 'length', bytes: bytes.length } as const) : ({ kind: 'none' } as const)
  reply.begin({ statusCode: status, statusMessage: STATUS_CODES[status] ?? '', headers: all }, frame)
  reply.end(bytes.length > 0 ? bytes : undefined, [])
}

/** Sends a client on for good, with the method that it came with (RFC 9110 §15.4.9; 301 is what old readers of pages know). */
export function sendRedirect(reply: Reply, method: string, { redirect, id }: { redirect: string; id: string }): void {
  const isRead = method === 'GET' || method === 'HEAD'
  const body = Buffer.from(isRead && method === 'GET' ? `Moved to ${redirect}\n` : '')
  const headers = [
    ...['location', redirect, 'content-type', 'text/plain; charset=utf-8', 'content-length', String(body.length)],
    ...['cache-control', 'max-age=3600', 'x-request-id', id],
  ]
  const [statusCode, statusMessage] = isRead ? [301, 'Moved Permanently'] : [308, 'Permanent Redirect']
  reply.begin(
    { statusCode, statusMessage, headers },
    body.length > 0 ? { kind: 'length', bytes: body.length } : { kind: 'none' },
  )
  reply.end(body.length > 0 ? body : undefined, [])
}
