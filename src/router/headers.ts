import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { framingHeaders, isSound, type BodyFraming } from '../framing.js'
import type { AnswerHead } from './answer.js'
import { introductionOf } from './introductions.js'
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
const ours = /^(?:forwarded|x-real-ip|x-request-id|x-berth-identity|x-forwarded(?:-.*)?)$/

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
  /** Of the path, where the app is asked without it. */
  readonly prefix?: string
}

/** What CGI-like servers make `_` of, as of `-`: the one everywhere, the others here and there. */
const odd = /[^a-z0-9-]/
const allOdd = /[^a-z0-9-]/g

/** Whether a client's header is for the app. @param listed what its `Connection` names */
function isForApp(name: string, listed: ReadonlySet<string> | undefined): boolean {
  const canonical = odd.test(name) ? name.replace(allOdd, '-') : name
  return !(
    hopByHop.has(canonical) ||
    framingHeaders.has(canonical) ||
    canonical === 'proxy' ||
    canonical === 'expect' ||
    ours.test(canonical) ||
    listed?.has(name) === true
  )
}

/**
 * The headers that a request is sent on with, as `[name, value, …]`: hop-by-hop ones out, forged ones out, our own in, its
 * frame as it was read. Names are compared as CGI-like servers read them, to whom `X_Forwarded_For` is the same variable, and
 * `Proxy` that of the process's own proxy (CVE-2016-5385).
 */
export function requestHeaders(headers: IncomingHttpHeaders, frame: BodyFraming, forwarded: Forwarded): string[] {
  const list = ['host', forwarded.authority]
  const listed = named(headers)
  for (const name of Object.keys(headers)) {
    if (!isForApp(name, listed)) continue
    const value = headers[name]
    if (typeof value === 'string') list.push(name, value)
    else if (value !== undefined) for (const one of value) list.push(name, one)
  }
  if (frame.kind === 'length') list.push('content-length', String(frame.bytes))
  else if (frame.kind === 'chunked') list.push('transfer-encoding', 'chunked')
  list.push('x-forwarded-for', forwarded.client, 'x-forwarded-host', forwarded.asked ?? forwarded.authority)
  list.push('x-forwarded-port', String(forwarded.port), 'x-forwarded-proto', forwarded.proto)
  if (forwarded.prefix !== undefined) list.push('x-forwarded-prefix', forwarded.prefix)
  list.push('x-request-id', forwarded.id)
  return list
}

/** What a request target may not hold, although Node has read it. */
const unfitTarget = /[^\x21-\x7e\x80-\xff]/

/** Whether a request target can be written so that every reader sees the same. */
export const isFitTarget = (path: string): boolean => !unfitTarget.test(path)

/**
 * The head of a request as it is written.
 * @returns null when it cannot be written so that every reader sees the same
 */
export function requestHead(method: string, path: string, headers: readonly string[]): string | null {
  if (!isFitTarget(path)) return null
  let head = `${method} ${path} HTTP/1.1\r\n`
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i] ?? ''}: ${headers[i + 1] ?? ''}\r\n`
  // kept alive or not: an app that is told to close resets what it has not read, and takes its early answer with it
  return `${head}connection: keep-alive\r\n\r\n`
}

/** A phrase that can be written: an app may write any, and Node would throw at it. */
const fitPhrase = (phrase: string): string => (/^[\t\x20-\x7e]*$/.test(phrase) ? phrase : '')

/** An answer of an app, as it is sent on. */
export interface PreparedAnswer {
  readonly statusCode: number
  readonly statusMessage: string
  /** `[name, value, …]`, names in lower case. */
  readonly headers: string[]
}

/** An answer of an app, fit to send back in this frame; `connection` and `transfer-encoding` are its writer's to say. */
export function prepareAnswer(answer: AnswerHead, frame: BodyFraming, id: string): PreparedAnswer {
  const { statusCode, rawHeaders } = answer
  const headers: string[] = []
  const listed = named({ connection: valueOf(rawHeaders, 'connection') })
  let [size, hasId]: [string | undefined, boolean] = [undefined, false]
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    const value = rawHeaders[i + 1] ?? ''
    if (name === 'content-length') size = value
    if (hopByHop.has(name) || name === 'content-length' || name === 'transfer-encoding') continue
    if (listed?.has(name) === true && !framingHeaders.has(name)) continue
    if (name === 'x-request-id') hasId = true
    headers.push(name, value)
  }
  if (frame.kind === 'length') headers.push('content-length', String(frame.bytes))
  // what a body would have had, in answer to HEAD or to a condition (RFC 9110 §8.6); 204 has none
  else if (frame.kind === 'none' && size !== undefined && statusCode !== 204) headers.push('content-length', size)
  if (!hasId) headers.push('x-request-id', id)
  return { statusCode, statusMessage: fitPhrase(answer.statusMessage), headers }
}

/** All values of a header, by commas. */
export function valueOf(lines: readonly string[], name: string): string | undefined {
  let all: string | undefined
  for (let i = 0; i < lines.length; i += 2)
    if (lines[i] === name) all = all === undefined ? lines[i + 1] : `${all}, ${lines[i + 1] ?? ''}`
  return all
}

/** An interim answer as it is sent on, `[name, value, …]`; null when it makes no sense. */
export function prepareInformation({ statusMessage, rawHeaders }: AnswerHead): string[] | null {
  if (!isSound(rawHeaders) || fitPhrase(statusMessage) !== statusMessage) return null
  const headers: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2)
    if (isPassable(rawHeaders[i] ?? '')) headers.push(rawHeaders[i] ?? '', rawHeaders[i + 1] ?? '')
  return headers
}

/** What may follow a chunked body, without what would frame it anew (RFC 9110 §6.5.1). */
export function passableTrailers(lines: readonly string[]): [string, string][] {
  const trailers: [string, string][] = []
  for (let i = 0; i < lines.length; i += 2) {
    const [name = '', value = ''] = lines.slice(i, i + 2)
    if (isPassable(name) && isSound(['', value])) trailers.push([name, value])
  }
  return trailers
}

/** ms an app says it keeps a connection for (`Keep-Alive: timeout=`); 0 when it does not keep it. */
export function keptFor({ httpVersion, rawHeaders }: AnswerHead): number | undefined {
  const connection = valueOf(rawHeaders, 'connection')?.toLowerCase() ?? ''
  if (connection === 'close' || /(?:^|[,\s])close(?:$|[,\s])/.test(connection)) return 0
  if (httpVersion === '1.0' && !/keep-alive/.test(connection)) return 0
  const [, seconds] = /(?:^|[,\s])timeout=(\d{1,6})/i.exec(valueOf(rawHeaders, 'keep-alive') ?? '') ?? []
  return seconds === undefined ? undefined : Number(seconds) * 1000
}

/** The client's address, as a proxy has introduced it or as the kernel has it; IPv4 as IPv4 although the socket is IPv6. */
export const clientOf = ({ socket }: Pick<IncomingMessage, 'socket'>): string =>
  introductionOf(socket)?.address ?? (socket.remoteAddress ?? '').replace(/^::ffff:/, '')
