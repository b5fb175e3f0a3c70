import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { framingHeaders, isSound, setFrame, type BodyFraming } from '../framing.js'
import type { Scheme } from './proxies.js'

/**
 * Meant for the next hop alone (RFC 9110 §7.6.1); `transfer-encoding` is written from the frame. `trailer` only
 * announces, and Node throws on it when the message turns out not to be chunked.
 */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'upgrade',
  'http2-settings',
])

/** What the router alone may say. */
const ours = /^(?:forwarded|x-real-ip|x-request-id|x-forwarded(?:-.*)?)$/

const goodRequestId = /^[A-Za-z0-9][A-Za-z0-9._:-]{7,127}$/

/** The names that `Connection` lists, without those that must not go. */
function named({ connection }: NodeJS.Dict<string | string[]>): ReadonlySet<string> | undefined {
  if (typeof connection !== 'string' || connection === 'keep-alive' || connection === 'close') return undefined
  return new Set(connection.split(',').map((option) => option.trim().toLowerCase()))
}

/** Whether a header or trailer may travel on past this hop, as far as its name goes. */
export function isPassable(name: string): boolean {
  const lower = name.toLowerCase()
  return !hopByHop.has(lower) && !framingHeaders.has(lower)
}

/** The client's request id when it is harmless to log and echo, else undefined. */
export function requestIdOf(headers: IncomingHttpHeaders): string | undefined {
  const given = headers['x-request-id']
  return typeof given === 'string' && goodRequestId.test(given) ? given : undefined
}

/** What the router tells an app about a request. */
export interface Forwarded {
  readonly client: string
  /** `Host`. */
  readonly authority: string
  /** The authority that the client asked for, where a trusted proxy says another than `Host`. */
  readonly asked?: string
  readonly port: number
  readonly proto: Scheme
  readonly id: string
}

/**
 * Makes a request's headers fit to send on: hop-by-hop ones out, forged ones out, our own in, its frame as it was read.
 * Names are compared as CGI-like servers read them, to whom `X_Forwarded_For` is the same variable, and `Proxy` that of
 * the process's own proxy (CVE-2016-5385).
 */
export function prepareRequest(headers: IncomingHttpHeaders, frame: BodyFraming, forwarded: Forwarded): void {
  const listed = named(headers)
  for (const name of Object.keys(headers)) {
    const canonical = name.includes('_') ? name.replaceAll('_', '-') : name
    if (
      hopByHop.has(canonical) ||
      canonical === 'proxy' ||
      canonical === 'expect' ||
      ours.test(canonical) ||
      (canonical !== name && framingHeaders.has(canonical)) ||
      (listed?.has(name) === true && !framingHeaders.has(name))
    )
      Reflect.deleteProperty(headers, name)
  }
  setFrame(headers, frame)
  headers.host = forwarded.authority
  headers['x-forwarded-for'] = forwarded.client
  headers['x-forwarded-host'] = forwarded.asked ?? forwarded.authority
  headers['x-forwarded-port'] = String(forwarded.port)
  headers['x-forwarded-proto'] = forwarded.proto
  headers['x-request-id'] = forwarded.id
}

function scrub(headers: IncomingHttpHeaders): void {
  const listed = named(headers)
  for (const name of Object.keys(headers))
    if (hopByHop.has(name) || (listed?.has(name) === true && !framingHeaders.has(name)))
      Reflect.deleteProperty(headers, name)
}

/**
 * The headers of an app's response, fit to send back in this frame. An app may write any reason phrase; one that Node
 * would refuse to write, and throw, is dropped.
 */
export function prepareResponse(
  response: IncomingMessage,
  frame: BodyFraming,
  { keepAlive, id }: { readonly keepAlive: boolean; readonly id: string },
): OutgoingHttpHeaders {
  const { headers } = response
  scrub(headers)
  // what a body would have had, in answer to HEAD or to a condition (RFC 9110 §8.6); 204 has none
  const size = frame.kind === 'none' && response.statusCode !== 204 ? headers['content-length'] : undefined
  setFrame(headers, frame)
  if (size !== undefined) headers['content-length'] = size
  // the length is Node's to leave out or chunk: said here, it would be said twice
  delete headers['transfer-encoding']
  headers.connection = keepAlive ? 'keep-alive' : 'close'
  headers['x-request-id'] ??= id
  if (!/^[\t\x20-\x7e]*$/.test(response.statusMessage ?? '')) response.statusMessage = ''
  return headers
}

/** An interim answer, as Node's `information` event has it. */
export interface Information {
  readonly statusCode: number
  readonly statusMessage: string
  readonly rawHeaders: readonly string[]
}

/** Its head as it is sent on; null when it makes no sense. */
export function informationOf({ statusCode, statusMessage, rawHeaders }: Information): string | null {
  if (!isSound(rawHeaders) || !/^[\t\x20-\x7e]*$/.test(statusMessage)) return null
  let head = `HTTP/1.1 ${statusCode} ${statusMessage}\r\n`
  for (let i = 0; i < rawHeaders.length; i += 2)
    if (isPassable(rawHeaders[i] ?? '')) head += `${rawHeaders[i] ?? ''}: ${rawHeaders[i + 1] ?? ''}\r\n`
  return `${head}\r\n`
}

/** The client's address, IPv4 as IPv4 although the socket is IPv6. */
export const clientOf = ({ socket }: Pick<IncomingMessage, 'socket'>): string =>
  (socket.remoteAddress ?? '').replace(/^::ffff:/, '')
