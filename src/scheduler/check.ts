import { once } from 'node:events'
import { get } from 'node:http'
import { connect } from 'node:net'
import { messageOf } from '../errors.js'
import { deadline } from '../lib/deadline.js'

/** What a process answered to its check. */
export interface CheckAnswer {
  readonly status: number
  /** The first bytes of the body, in one line. */
  readonly excerpt: string
}

/** There was nobody to ask. */
export class Unheard extends Error {}

/** Characters of a failed check's body that are shown. */
const shown = 160

/**
 * Asks a process for `GET /` as the router will. Rejects when it does not answer at all, or not within 10 s.
 * @throws Unheard when it does not listen
 */
export async function ask(host: string, port: number, hostname: string, signal: AbortSignal): Promise<CheckAnswer> {
  using patience = deadline(10_000, signal)
  // a process that starts refuses dozens of times: a request is made for who listens
  const socket = connect({ host, port })
  try {
    await once(socket, 'connect', { signal: patience.signal })
  } catch (error) {
    socket.destroy()
    throw new Unheard(messageOf(error), { cause: error })
  }
  return await new Promise((resolve, reject) => {
    const headers = { host: hostname, 'user-agent': 'Berth-Check/1', accept: '*/*', connection: 'close' }
    const createConnection = () => socket
    const request = get({ path: '/', headers, createConnection, signal: patience.signal }, (response) => {
      const answer = (body: string) => {
        resolve({ status: response.statusCode ?? 0, excerpt: body.replace(/\s+/g, ' ').trim().slice(0, shown) })
        request.destroy()
      }
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        body += chunk
        if (body.length >= shown) answer(body)
      })
      response.on('end', () => answer(body))
      response.on('error', () => answer(body))
      if ((response.statusCode ?? 0) < 500) answer('')
    })
    request.on('error', reject)
  })
}
