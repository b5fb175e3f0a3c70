import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'

/**
 * Meant for the next hop alone (RFC 9110 §7.6.1); `transfer-encoding` is handled by the parser on either side. `trailer`
 * only announces, and Node throws on it when the message turns out not to be chunked.
 */
const hopByHop = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'upgrade',
  'http2-settings',
]

/** Never dropped because Connection names them: without these a body would lose its frame and become a next request. */
const framing = new Set(['content-length', 'transfer-encoding', 'host'])

/** What the router alone may say, also as CGI-like servers read it (`X_Forwarded_For` is the same variable to them). */
const ours = /^(?:forwarded|x[-_]real[-_]ip|x[-_]request[-_]id|x[-_]forwarded[-_].*)$/

const goodRequestId = /^[A-Za-z0-9][A-Za-z0-9._:-]{7,127}$/

function scrub(headers: IncomingHttpHeaders): void {
  const named = headers.connection
  if (named !== undefined && named !== 'keep-alive' && named !== 'close')
    for (const option of named.split(',')) {
      const name = option.trim().toLowerCase()
      if (name !== '' && !framing.has(name)) Reflect.deleteProperty(headers, name)
    }
  for (const name of hopByHop) if (name in headers) Reflect.deleteProperty(headers, name)
}

/** The client's request id when it is harmless to log and echo, else undefined. */
export function requestIdOf(headers: IncomingHttpHeaders): string | undefined {
  const given = headers['x-request-id']
  return typeof given === 'string' && goodRequestId.test(given) ? given : undefined
}

/** What the router tells an app about a request. */
export interface Forwarded {
  readonly client: string
  readonly authority: string
  readonly port: number
  readonly id: string
}

/** Makes a request's headers fit to send on: hop-by-hop ones out, forged ones out, our own in. */
export function prepareRequest(headers: IncomingHttpHeaders, forwarded: Forwarded): void {
  scrub(headers)
  delete headers.expect
  for (const name of Object.keys(headers)) if (ours.test(name)) Reflect.deleteProperty(headers, name)
  headers.host = forwarded.authority
  headers['x-forwarded-for'] = forwarded.client
  headers['x-forwarded-host'] = forwarded.authority
  headers['x-forwarded-port'] = String(forwarded.port)
  headers['x-forwarded-proto'] = 'http'
  headers['x-request-id'] = forwarded.id
}

/**
 * Makes an app's response headers fit to send back. An app may write any reason phrase; one that Node would refuse to
 * write, and throw, is dropped.
 */
export function prepareResponse(response: IncomingMessage, keepAlive: boolean, id: string): void {
  scrub(response.headers)
  delete response.headers['transfer-encoding']
  response.headers.connection = keepAlive ? 'keep-alive' : 'close'
  response.headers['x-request-id'] ??= id
  if (!/^[\t\x20-\x7e]*$/.test(response.statusMessage ?? '')) response.statusMessage = ''
}

/** The client's address, IPv4 as IPv4 although the socket is IPv6. */
export const clientOf = (request: IncomingMessage): string =>
  (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '')
