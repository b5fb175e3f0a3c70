import type { IncomingMessage } from 'node:http'
import { pipeline, type Readable } from 'node:stream'
import type { RequestOptions } from 'node:https'
import { isIP } from 'node:net'
import { BerthError, statusOf, type Fault } from '../../errors.js'
import { versionHeader } from '../routes.js'
import type { Access } from './access.js'
import { distrust, trusting, type Trust } from './trust.js'

/** How long the server may stay silent: before it answers, and between two beats of a stream of lines. */
const silenceMs = 60_000

/**
 * Where to connect for a URL. Names under `localhost` are this machine (RFC 6761 §6.3), but not every libc's resolver
 * knows it; the name itself still goes into the Host header.
 */
export const connectOptions = (
  url: URL,
): { host: string; port: number; headers: { host: string }; servername?: string } => ({
  host: /(^|\.)localhost$/.test(url.hostname) ? '127.0.0.1' : url.hostname.replace(/^\[|\]$/g, ''),
  port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
  headers: { host: url.host },
  // RFC 6066 §3: an address is no server name
  ...(isIP(url.hostname.replace(/^\[|\]$/g, '')) === 0 ? { servername: url.hostname } : {}),
})

/** What could not be reached, in words. */
export function unreachable(url: string, cause: unknown): BerthError {
  if (cause instanceof BerthError) return cause
  const untrusted = distrust(url, cause)
  if (untrusted) return untrusted
  const code = (cause as NodeJS.ErrnoException).code ?? ''
  if (code === 'ECONNREFUSED')
    return new BerthError('unavailable', `Berth is not running at ${url}`, '`bin/up` starts it', cause)
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return new BerthError('unavailable', `the name of ${url} does not resolve`, 'check BERTH_URL and the DNS', cause)
  const why = code === 'ETIMEDOUT' ? 'it does not answer' : (cause as Error).message
  return new BerthError(
    'unavailable',
    `the connection to ${url} failed: ${why}`,
    '`bin/up` starts Berth; its logs say more',
    cause,
  )
}

/** What is asked for. */
export interface ApiCall {
  readonly method: string
  readonly path: string
  /** Sent as JSON; nothing when undefined. */
  readonly body: unknown
  /** Sent as it is read. */
  readonly archive?: Readable | undefined
}

/** Sends one request and waits for the head of the answer. @throws BerthError what the server said, or `unavailable` */
export async function sendRequest(access: Access, call: ApiCall, signal?: AbortSignal): Promise<IncomingMessage> {
  const response = await exchange(access, call, signal)
  const { statusCode = 0 } = response
  if (statusCode < 400 && response.headers[versionHeader] === undefined) {
    response.destroy()
    throw foreign(access.url, statusCode)
  }
  if (statusCode < 200 || statusCode > 299)
    throw faultOf(access.url, statusCode, await readAll(response).catch(() => ''))
  return response
}

const exchange = (access: Access, call: ApiCall, signal: AbortSignal | undefined): Promise<IncomingMessage> =>
  trusting(access, (trust) => ask(access, call, signal, trust)).catch((cause: unknown) => {
    throw signal?.aborted === true ? signal.reason : unreachable(access.url, cause)
  })

async function ask(
  access: Access,
  { method, path, body, archive }: ApiCall,
  signal: AbortSignal | undefined,
  trust: Trust,
): Promise<IncomingMessage> {
  const url = new URL(access.url)
  const { request } = url.protocol === 'https:' ? await import('node:https') : await import('node:http')
  const { headers, ...where } = connectOptions(url)
  const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
  const options: RequestOptions = {
    ...where,
    method,
    path: `/api${path}`,
    timeout: silenceMs,
    headers: {
      ...headers,
      authorization: `Bearer ${access.token}`,
      ...(archive === undefined ? {} : { 'content-type': 'application/x-tar' }),
      ...(payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': payload.length }),
    },
    ...(signal === undefined ? {} : { signal }),
    ...trust,
  }
  return new Promise((resolve, reject) => {
    const sent = request(options, resolve)
    sent.on('timeout', () => sent.destroy(Object.assign(new Error('it does not answer'), { code: 'ETIMEDOUT' })))
    sent.on('error', reject)
    if (archive === undefined) sent.end(payload)
    else {
      sent.setTimeout(0)
      // what the server says of one that it does not take counts more than that it could not be sent
      pipeline(archive, sent, (error) => {
        if (error && archive.errored) reject(archive.errored)
      })
    }
  })
}

/** No whole reply is longer, in UTF-16 units. */
const longestReply = 64 * 1024 * 1024

/** The text of a whole reply. @throws BerthError `unavailable` when it was cut off */
export async function readAll(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk as string
    if (text.length > longestReply) throw new BerthError('broken', 'an answer without an end', 'check BERTH_URL')
  }
  if (!response.complete) throw new BerthError('unavailable', 'the connection to Berth was lost', 'try again')
  return text
}

const foreign = (url: string, status: number): BerthError =>
  new BerthError(
    'broken',
    `${url} answered ${status}, and not as Berth does`,
    'check that BERTH_URL is the address of a Berth',
  )

/** The error a reply holds. */
export function faultOf(url: string, status: number, text: string): BerthError {
  try {
    return toError(JSON.parse(text))
  } catch {
    return status === 502 || status === 503 || status === 504
      ? new BerthError(
          'unavailable',
          `Berth's API at ${url} is not answering`,
          'try again in a moment, or start Berth with `bin/up`',
        )
      : foreign(url, status)
  }
}

/** A `{fault, message, hint}` as the error it was. @throws when it is something else */
export function toError(body: unknown): BerthError {
  const { fault, message, hint } = body as Record<string, unknown>
  if (typeof fault !== 'string' || typeof message !== 'string') throw new TypeError('not a fault')
  return new BerthError(
    Object.hasOwn(statusOf, fault) ? (fault as Fault) : 'broken',
    message,
    typeof hint === 'string' ? hint : undefined,
  )
}
