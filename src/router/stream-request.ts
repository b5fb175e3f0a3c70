import { METHODS, type IncomingHttpHeaders } from 'node:http'
import { isSound, maxHeaderLines, type BodyFraming } from '../framing.js'
import type { Refusal } from '../http-server.js'
import { normaliseHost, type RequestAddress } from './host.js'

/** A request that came as an HTTP/2 stream, in the words of HTTP/1. */
export interface StreamRequest {
  readonly method: string
  readonly address: RequestAddress
  readonly headers: IncomingHttpHeaders
  readonly frame: BodyFraming
}

const methods = new Set(METHODS)
const token = /^[a-z0-9!#$%&'*+\-.^_`|~]+$/
/** Of these HTTP/2 has none (RFC 9113 §8.2.2). */
const ofConnections = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'])
const pseudo = new Set([':method', ':scheme', ':path', ':authority'])
/** Said twice, these are joined (RFC 9110 §5.3, RFC 9113 §8.2.3); any other is a list, too. */
const joint = (name: string): string => (name === 'cookie' ? '; ' : ', ')
/** Said twice, these leave two readers with different things. */
const single = new Set(['host', 'content-length', 'content-type', 'authorization', 'x-request-id', ...pseudo])

/** The lines of a stream's head by name; null when they are none that HTTP/1 could say. */
function readLines(raw: readonly string[]): Map<string, string> | null {
  const lines = new Map<string, string>()
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? ''
    const value = raw[i + 1] ?? ''
    const sound = name.startsWith(':') ? pseudo.has(name) : token.test(name) && !ofConnections.has(name)
    if (!sound || (name === 'te' && value.toLowerCase() !== 'trailers')) return null
    const before = lines.get(name)
    if (before !== undefined && single.has(name)) return null
    lines.set(name, before === undefined ? value : before + joint(name) + value)
  }
  return lines
}

/** The frame of the body; null when its length makes no sense. */
function frameOf(length: string | undefined, ended: boolean): BodyFraming | null {
  if (length === undefined) return ended ? { kind: 'none' } : { kind: 'chunked' }
  if (!/^\d{1,15}$/.test(length)) return null
  const bytes = Number(length)
  if (ended) return bytes === 0 ? { kind: 'length', bytes } : null
  return { kind: 'length', bytes }
}

/** `Host` and `:authority` say the same, where both are there (RFC 9113 §8.3.1); null when there is none, or two. */
function addressOf(lines: ReadonlyMap<string, string>): RequestAddress | null {
  const authority = lines.get(':authority') ?? lines.get('host')
  const path = lines.get(':path') ?? ''
  if (authority === undefined || (lines.get('host') ?? authority) !== authority) return null
  if (!path.startsWith('/') && !(path === '*' && lines.get(':method') === 'OPTIONS')) return null
  const host = normaliseHost(authority)
  return host === null ? null : { host, authority, path }
}

/**
 * Reads the head of an HTTP/2 stream. Its lines are of no use to HTTP/1 until they have been looked at: a line break in a value
 * is two lines there, a method with a space another request (RFC 9113 §10.3). nghttp2 refuses most of it; this is what we go by.
 * @param raw as they came, `[name, value, …]`
 * @param ended no body follows
 */
export function readStreamRequest(raw: readonly string[], ended: boolean): StreamRequest | Refusal {
  if (raw.length > 2 * (maxHeaderLines + pseudo.size)) return 'headers-too-large'
  const lines =
    isSound(raw.slice(0, 2 * maxHeaderLines)) && isSound(raw.slice(2 * maxHeaderLines)) ? readLines(raw) : null
  if (lines === null) return 'bad-request'
  const method = lines.get(':method') ?? ''
  if (method === 'CONNECT' || method === 'TRACE') return 'no-such-method'
  const scheme = lines.get(':scheme')
  const frame = frameOf(lines.get('content-length'), ended)
  const address = addressOf(lines)
  if (!methods.has(method) || (scheme !== 'https' && scheme !== 'http') || !frame || !address) return 'bad-request'
  const expect = lines.get('expect')
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') return 'no-such-expectation'
  const headers = Object.fromEntries([...lines].filter(([name]) => !name.startsWith(':')))
  return { method, address, headers, frame }
}
