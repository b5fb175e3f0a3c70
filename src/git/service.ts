import type { ChildProcess } from 'node:child_process'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { Readable } from 'node:stream'
import type { Git as GitType } from 'node-git-server'
import type { Config } from '../config.js'
import { messageOf } from '../errors.js'
import type { Logger } from '../log.js'
import { repositoryOf } from './repository.js'

const { Git } = createRequire(import.meta.url)('node-git-server') as { Git: typeof GitType }

/** node-git-server's view of a request it has looked into. */
interface Action {
  readonly req: unknown
  accept(): void
  on(event: 'service', listener: (child: ChildProcess) => void): void
  on(event: 'error' | 'exit', listener: (error?: unknown) => void): void
}

export interface Exchange {
  readonly app: string
  readonly service: 'git-upload-pack' | 'git-receive-pack'
  /** The request's body, decoded. Ends early when the client goes away; never errors. */
  readonly body: AsyncIterable<Buffer>
  readonly response: ServerResponse
  /** The git process has started. */
  readonly started?: (pid: number) => void
  /** The git process has ended. */
  readonly ended?: (pid: number) => void
}

/**
 * node-git-server, given nothing but requests that the guard has let in, under names of the guard's making. What it leaves out
 * is done here: its children's pipes are drained and their errors heard, and they end when they should.
 */
export class GitService {
  readonly #git: GitType
  readonly #log: Logger
  readonly #exchanges = new WeakMap<object, Exchange>()

  constructor(config: Config, log: Logger) {
    this.#log = log
    this.#git = new Git((app = '') => repositoryOf(config, app), { autoCreate: false })
    const accept = (action: unknown): void => this.#accept(action as Action)
    this.#git.on('push', accept).on('tag', accept).on('fetch', accept)
    this.#git.on('error', (error: unknown) => log.error({ error: messageOf(error) }, 'node-git-server'))
  }

  /** Answers `GET info/refs`. */
  advertise(app: string, service: string, request: IncomingMessage, response: ServerResponse): void {
    const asked = Object.assign(Readable.from([]), {
      method: 'GET',
      url: `/${app}/info/refs?service=${service}`,
      headers: { host: request.headers.host },
    })
    this.#git.handle(asked as unknown as IncomingMessage, response)
  }

  /** Runs git-upload-pack or git-receive-pack on a body whose first piece is its head. */
  serve(exchange: Exchange): void {
    const { app, service, body, response } = exchange
    const request = Object.assign(Readable.from(body, { objectMode: false }), {
      method: 'POST',
      url: `/${app}/${service}`,
      headers: {},
    })
    this.#exchanges.set(request, exchange)
    response.on('error', () => undefined) // its `close` is heeded
    this.#git.handle(request as unknown as IncomingMessage, response)
  }

  #accept(action: Action): void {
    const exchange = this.#exchanges.get(action.req as object)
    if (!exchange) return
    this.#exchanges.delete(action.req as object) // there is an event for each ref
    action.on('error', (error) => {
      this.#log.error({ error: messageOf(error) }, exchange.service)
      exchange.response.destroy()
    })
    action.on('service', (child) => this.#tend(child, exchange))
    action.accept()
  }

  #tend(child: ChildProcess, { service, response, started, ended }: Exchange): void {
    const { pid } = child
    if (pid === undefined) return
    child.stdin?.on('error', () => undefined) // git may refuse a pack before it has read it
    let said = ''
    child.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2000)))
    response.once('close', () => {
      if (response.writableFinished) return
      // A fetch has lost its reader. A push has lost its pusher, and goes on: git must not choke on what it has to say.
      if (service === 'git-upload-pack') child.kill('SIGTERM')
      child.stdout?.unpipe()
      child.stdout?.resume()
    })
    child.once('exit', (code, signal) => {
      if (said !== '' || code !== 0) this.#log.info({ service, code, signal, said: said.trim() }, 'git')
      ended?.(pid)
    })
    started?.(pid)
  }
}
