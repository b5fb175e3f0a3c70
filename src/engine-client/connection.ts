import { Agent, type IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { inspect } from 'node:util'
import Docker from 'dockerode'
import { BerthError } from '../errors.js'
import { isAway, translated } from './errors.js'

/** Answers later than this, in milliseconds, count as none: a killed engine may leave half an answer behind. */
export const answerMs = 30_000

/** A connection that is kept may be one to an engine that has ended since: each request has its own. */
const agent = Object.assign(new Agent({ keepAlive: false }), {
  // docker-modem writes out each request for its debug log, read or not, and with it every connection there is: 9 ms a request
  [inspect.custom]: () => 'Agent',
})

/** dockerode at a socket; `headers` go with every request. */
export const dockerAt = (socketPath: string, headers: Readonly<Record<string, string>> = {}): Docker =>
  new Docker({ socketPath, headers: { ...headers }, agent } as Docker.DockerOptions)

/** A request whose answer is read as it comes. */
export interface StreamRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly query: Readonly<Record<string, string | number>>
  readonly signal?: AbortSignal | undefined
}

/**
 * One way to an engine. What is asked may be repeated, and is, while the engine is away: a restarted engine goes on where
 * the killed one was.
 */
export class EngineConnection {
  readonly socketPath: string
  readonly docker: Docker
  readonly #awayMs: number

  /** @param awayMs how long an engine that is away is waited for, in milliseconds */
  constructor(socketPath: string, awayMs = 0, docker: Docker = dockerAt(socketPath)) {
    this.socketPath = socketPath
    this.docker = docker
    this.#awayMs = awayMs
  }

  /** The same way, with another patience. */
  waiting(awayMs: number): EngineConnection {
    return new EngineConnection(this.socketPath, awayMs, this.docker)
  }

  /**
   * @throws EngineRefusal when the engine says no; BerthError `unavailable` when it stays away
   */
  async ask<T>(question: (docker: Docker) => Promise<T>, ms = answerMs): Promise<T> {
    const until = Date.now() + this.#awayMs
    for (let pause = 50; ; pause = Math.min(pause * 2, 1000)) {
      try {
        return await within(ms, question(this.docker))
      } catch (error) {
        if (!isAway(error)) throw translated(error)
        if (Date.now() + pause > until)
          throw new BerthError(
            'unavailable',
            'the container engine does not answer',
            'see the log of the engine under the root directory of Berth',
            error,
          )
        await delay(pause)
      }
    }
  }

  /**
   * Sends a request once; resolves with the answer when it begins. dockerode's own methods for such keep a whole log in
   * memory, and do not notice an answer that stops half-way.
   */
  stream({ method, path, query, signal }: StreamRequest): Promise<IncomingMessage> {
    const words = new URLSearchParams(
      Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]),
    )
    const request = {
      // dockerode takes the last character off a path with a query
      path: `${path}?${words.toString()}&`,
      method,
      isStream: true,
      ...(signal ? { abortSignal: signal } : {}),
      statusCodes: { 200: true },
      options: undefined,
    }
    return new Promise((resolve, reject) => {
      this.docker.modem.dial(request, (error: unknown, answer: unknown) => {
        if (error) reject(translated(error))
        else resolve(answer as IncomingMessage)
      })
    })
  }
}

async function within<T>(ms: number, answer: Promise<T>): Promise<T> {
  const late = new AbortController()
  const timeout = delay(ms, undefined, { signal: late.signal }).then(() => {
    throw Object.assign(new Error(`the engine did not answer within ${ms / 1000} s`), { code: 'ETIMEDOUT' })
  })
  try {
    return await Promise.race([answer, timeout])
  } finally {
    late.abort()
    timeout.catch(() => undefined)
  }
}
