import { once } from 'node:events'
import { get as getPlain } from 'node:http'
import { get as getSecure } from 'node:https'
import { connect, type Socket } from 'node:net'
import { connect as secure } from 'node:tls'
import { stripVTControlCharacters } from 'node:util'
import { messageOf } from '../errors.js'
import { deadline } from '../lib/deadline.js'
import { harmless } from '../lib/terminal.js'
import { searchedBytes } from '../store/checks.js'

/** What a process is asked. */
export interface CheckQuestion {
  readonly host: string
  readonly port: number
  /** The app's own hostname, unless `headers` has another. */
  readonly hostname: string
  readonly path?: string
  readonly scheme?: 'http' | 'https'
  readonly headers?: Readonly<Record<string, string>>
  /** Milliseconds. */
  readonly timeout?: number
  /** Must be in the body of an answer whose status passes; '' is in all. */
  readonly content?: string
  /** Whether a status passes; of one that does not the first of the body is read. */
  readonly passes?: (status: number) => boolean
}

/** What a process answered to its check. */
export interface CheckAnswer {
  readonly status: number
  /** The first bytes of the body, in one line; '' when there was no need to read it. */
  readonly excerpt: string
  /** What it should contain is in it, as far as it was read. */
  readonly found: boolean
}

/** There was nobody to ask. */
export class Unheard extends Error {}

/** Who was asked did not answer in time. */
export class Unanswered extends Error {}

const late = 'nobody accepted the connection in time'

/** Characters of a failed check's body that are shown. */
const shown = 160

const excerptOf = (text: string): string =>
  stripVTControlCharacters(harmless(text)).replace(/\s+/g, ' ').trim().slice(0, shown)

/**
 * Asks a process for a page as the router will. Rejects when it does not answer at all.
 * @throws Unheard when it does not listen; Unanswered when it does not answer in time
 */
export async function ask(question: CheckQuestion, signal: AbortSignal): Promise<CheckAnswer> {
  const { host, port, timeout = 10_000 } = question
  using patience = deadline(timeout, signal)
  const socket = await connectTo(host, port, patience.signal)
  try {
    return await answerOf(question, socket, patience.signal)
  } catch (error) {
    if (patience.signal.aborted && !signal.aborted)
      throw new Unanswered(`did not answer within ${timeout / 1000} s`, { cause: error })
    throw error
  } finally {
    socket.destroy()
  }
}

/** A connection to a process. @throws Unheard when nobody listens */
export async function connectTo(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  // a process that starts refuses dozens of times: a request is made for who listens
  const socket = connect({ host, port })
  try {
    await once(socket, 'connect', { signal })
    return socket
  } catch (error) {
    socket.destroy()
    const refused = (error as NodeJS.ErrnoException).code === 'ECONNREFUSED'
    throw new Unheard(refused ? 'the connection was refused' : signal.aborted ? late : messageOf(error), {
      cause: error,
    })
  }
}

function answerOf(question: CheckQuestion, socket: Socket, signal: AbortSignal): Promise<CheckAnswer> {
  const { hostname, path = '/', scheme, content = '', passes = (status) => status < 500 } = question
  const headers = headersOf(question)
  // a process has no certificate that anybody has signed
  const own = (): Socket =>
    scheme === 'https' ? secure({ socket, servername: hostname, rejectUnauthorized: false }) : socket
  const get = scheme === 'https' ? getSecure : getPlain
  return new Promise((resolve, reject) => {
    const request = get({ path, headers, createConnection: own, signal }, (response) => {
      const status = response.statusCode ?? 0
      const wanted = content !== '' && passes(status)
      const body = Buffer.alloc(wanted ? searchedBytes : 4 * shown)
      let size = 0
      let found = content === ''
      const answer = () => {
        resolve({ status, excerpt: excerptOf(body.toString('utf8', 0, Math.min(size, 4 * shown))), found })
        request.destroy()
      }
      response.on('data', (chunk: Buffer) => {
        const before = Math.max(size - Buffer.byteLength(content), 0)
        size += chunk.copy(body, size)
        found ||= wanted && body.subarray(before, size).includes(content)
        if ((wanted && found) || size === body.length) answer()
      })
      response.on('end', answer)
      // cut off: what came of it counts, but not when it is awaited no longer
      response.on('error', (error) => (wanted && signal.aborted ? reject(error) : answer()))
      if (passes(status) && content === '') answer()
    })
    request.on('error', reject)
  })
}

/** Names in any case: a header that is given twice takes the place of Berth's own. */
function headersOf({ hostname, headers = {} }: CheckQuestion): Record<string, string> {
  const all = new Map(Object.entries({ host: hostname, 'user-agent': 'Berth-Check/1', accept: '*/*' }))
  for (const [name, value] of Object.entries(headers)) all.set(name.toLowerCase(), value)
  return { ...Object.fromEntries(all), connection: 'close' }
}
