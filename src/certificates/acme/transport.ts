import { once } from 'node:events'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Agent } from 'node:https'
import { BerthError, messageOf } from '../../errors.js'
import { deadline } from '../../lib/deadline.js'
import { version } from '../../version.js'
import { readWithin } from '../../lib/read-within.js'

/** Bytes of an answer: a chain is 10 kB. */
const longest = 256 * 1024

/** TLS takes two MiB of a process: not before a CA is asked. */
const https = () => process.getBuiltinModule('node:https')

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A CA that cannot be asked now, or answers with what is no answer. */
export const away = (host: string, why: string, cause?: unknown): BerthError =>
  new BerthError('unavailable', `the CA at ${host} ${why}`, 'it is asked again later', cause)

/** Speaks HTTPS with a CA: within time and size, following no redirect. */
export class Transport implements Disposable {
  readonly #agent: Agent
  readonly #limit: number

  /** @param ca PEM of those who vouch for the CA's own certificate; the system's unless given */
  constructor(ca: string | undefined, limit = 20_000) {
    this.#agent = new (https().Agent)({ keepAlive: true, maxSockets: 4, ...(ca === undefined ? {} : { ca }) })
    this.#limit = limit
  }

  /** @throws BerthError `unavailable` when there is no answer within the limit, or none that can be one */
  async send(method: 'GET' | 'HEAD' | 'POST', url: string, body: string | null, signal: AbortSignal): Promise<Reply> {
    const { host } = new URL(url)
    using late = deadline(this.#limit, signal)
    try {
      const headers = {
        'User-Agent': `Berth/${version} (ACME)`,
        ...(body === null
          ? {}
          : { 'Content-Type': 'application/jose+json', 'Content-Length': Buffer.byteLength(body) }),
      }
      const outgoing = https().request(url, { method, headers, agent: this.#agent, signal: late.signal })
      outgoing.end(body ?? undefined)
      const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
      return {
        status: answer.statusCode ?? 0,
        headers: answer.headers,
        body: await readWithin(answer as AsyncIterable<Buffer>, longest),
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason
      throw away(host, late.signal.aborted ? 'does not answer' : `cannot be asked: ${messageOf(error)}`, error)
    }
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }
}
