import { request as requestHttp, type IncomingMessage } from 'node:http'
import { request as requestHttps } from 'node:https'
import { BerthError, messageOf } from '../../errors.js'
import { pinned } from '../../lib/private-address.js'
import { findHost, type Lookup } from './hosts.js'

/** How often an answer may lead elsewhere. */
const maxMoves = 3
/** How long a server may be silent. Milliseconds. */
const silenceMs = 30_000

/** Whom the server may ask. */
export interface Walls {
  /** Hosts that may have private addresses. */
  readonly trusted: readonly string[]
  readonly lookup?: Lookup
}

/** What is asked. */
export interface Question {
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/**
 * Asks a server elsewhere, and of a GET where it says that the answer is; every place is looked at before anybody connects, and
 * another one is not told what was to be told to the first.
 * @param path what a message about it begins with
 * @throws BerthError `denied` for private addresses and for what would leave https, `unavailable` when nobody answers
 */
export async function askElsewhere(
  walls: Walls,
  path: string,
  url: URL,
  question: Question,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  let [at, headers] = [url, question.headers]
  for (let moves = 0; ; moves += 1) {
    const { addresses } = await findHost(at, path, walls.trusted, walls.lookup)
    const answer = await ask(at, path, { ...question, headers }, { addresses, signal })
    const { location } = answer.headers
    const moved = question.method === 'GET' && /^30[12378]$/.test(String(answer.statusCode)) && moves < maxMoves
    if (!moved || location === undefined || !URL.canParse(location, at.href)) return answer
    answer.destroy()
    const to = new URL(location, at.href)
    checkScheme(to, at, path)
    if (to.origin !== at.origin) headers = {}
    at = to
  }
}

/** @throws BerthError `denied` */
export function checkScheme(to: URL, from: URL, path: string): void {
  if (to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:')) return
  throw new BerthError(
    'denied',
    `${path}: ${from.origin} leads to ${to.origin}, which is not encrypted as it is itself`,
  )
}

function ask(
  url: URL,
  path: string,
  { method, headers, body }: Question,
  { addresses, signal }: { readonly addresses: readonly string[]; readonly signal: AbortSignal },
): Promise<IncomingMessage> {
  const send = url.protocol === 'https:' ? requestHttps : requestHttp
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      const hint = 'try again; if that fails too, look at the server'
      const words = signal.aborted ? 'it took too long' : messageOf(error)
      reject(new BerthError('unavailable', `${path}: ${url.origin} cannot be reached: ${words}`, hint, error))
    }
    const own = { 'User-Agent': 'git/berth', 'Accept-Encoding': 'identity', ...headers }
    const request = send(url, { method, lookup: pinned(addresses), agent: false, signal, headers: own })
    request.setTimeout(silenceMs, () => request.destroy(new Error(`nothing came for ${String(silenceMs / 1000)} s`)))
    request.once('response', resolve).on('error', fail).end(body)
  })
}
