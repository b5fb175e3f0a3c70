import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { BerthError, messageOf } from '../errors.js'
import { deadline } from './deadline.js'
import { isPrivate, pinned } from './private-address.js'
import { version } from '../version.js'
import { readWithin } from './read-within.js'

/** Bytes of an answer: a set of keys is some kB. */
const longest = 256 * 1024
/** ms that an answer may take, from the look-up of the name to its last byte. */
const longestWait = 10_000

/** What may be asked of whom. */
export interface AskWalls {
  /** Hosts that may have private addresses, and be asked by plain HTTP; with ports or without. */
  readonly trusted: readonly string[]
  /** ms that an answer may take; default 10 s. */
  readonly limit?: number
  /** Bytes that it may have; default 256 KiB. */
  readonly longest?: number
  /** Who is asked, where it is no issuer of sign-ins, and what to do where that has a private address. */
  readonly asked?: { readonly name: string; readonly privately: string }
}

/** A question to a server elsewhere. */
export interface Question {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/** What it answers. */
export interface Answer {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

const away = (url: URL, { asked }: AskWalls, why: string, cause?: unknown): BerthError => {
  const name = asked?.name ?? 'issuer'
  return new BerthError('unavailable', `the ${name} at ${url.host} ${why}`, `look at the ${name}, and try again`, cause)
}

/** Whether the server's administrator trusts a host, and the way to it. */
export const isTrusted = ({ hostname, host }: URL, { trusted }: AskWalls): boolean =>
  trusted.some((one) => one === hostname || one === host || `[${one}]` === hostname)

/** The addresses of a host, looked up once: whoever asks it connects there and nowhere else. @throws BerthError `denied`, `unavailable` */
async function addressesOf(url: URL, walls: AskWalls): Promise<readonly string[]> {
  const name = url.hostname.replace(/^\[|\]$/g, '')
  const found =
    isIP(name) === 0
      ? await lookup(name, { all: true }).catch((error: unknown) => {
          throw away(url, walls, 'is not found', error)
        })
      : [{ address: name }]
  const addresses = found.map(({ address }) => address)
  if (!isTrusted(url, walls) && addresses.some(isPrivate))
    throw new BerthError(
      'denied',
      `${url.host} has a private address, which apps may not make this server ask`,
      walls.asked?.privately ??
        `if it is meant, the server's administrator names it: BERTH_SSO_PRIVATE_HOSTS=${url.host}`,
    )
  return addresses
}

/**
 * Asks a server that somebody named, within time and size, following no redirect.
 * @throws BerthError `invalid` for plain HTTP, `denied` for a private address, `unavailable` where there is no answer
 */
export async function askServer(walls: AskWalls, url: URL, question: Question): Promise<Answer> {
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isTrusted(url, walls)))
    throw new BerthError(
      'invalid',
      `${url.origin} is not https`,
      `an ${walls.asked?.name ?? 'issuer'} is asked by https alone`,
    )
  using late = deadline(walls.limit ?? longestWait)
  try {
    const addresses = await within(addressesOf(url, walls), late.signal)
    return await send(url, question, { addresses, signal: late.signal, longest: walls.longest ?? longest })
  } catch (error) {
    if (error instanceof BerthError) throw error
    throw away(
      url,
      walls,
      late.signal.aborted ? 'does not answer in time' : `cannot be asked: ${messageOf(error)}`,
      error,
    )
  }
}

/** A look-up cannot be called off: it is left to itself. */
async function within<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  return Promise.race([promise, late])
}

/** Where an answer comes from, and within what. */
interface Way {
  readonly addresses: readonly string[]
  readonly signal: AbortSignal
  /** Bytes. */
  readonly longest: number
}

async function send(
  url: URL,
  { method, headers, body }: Question,
  { addresses, signal, longest: most }: Way,
): Promise<Answer> {
  // TLS takes two MiB of a process: not before an issuer is asked
  const { request } = process.getBuiltinModule(url.protocol === 'https:' ? 'node:https' : 'node:http')
  const own = { 'user-agent': `Berth/${version} (OIDC)`, 'accept-encoding': 'identity' }
  const options = { method, agent: false, signal, lookup: pinned(addresses), headers: { ...own, ...headers } } as const
  const outgoing = request(url, options)
  outgoing.end(body)
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
  const pairs = Object.entries(answer.headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, [value].flat().join(', ')] as const],
  )
  return {
    status: answer.statusCode ?? 0,
    headers: pairs,
    body: await readWithin(answer as AsyncIterable<Buffer>, most),
  }
}
