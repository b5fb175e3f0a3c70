import type { ChildProcess } from 'node:child_process'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { Readable } from 'node:stream'
import type { Git as GitType } from 'node-git-server'
import type { Config } from '../config.js'
import { BerthError, messageOf } from '../errors.js'
import type { Logger } from '../log.js'
import { Advertisement } from './advertisement.js'
import { PushAnswer } from './answer.js'
import { discard } from './body.js'
import type { Head } from './commands.js'
import { repositoryOf } from './repository.js'

const { Git } = createRequire(import.meta.url)('node-git-server') as { Git: typeof GitType }

/** node-git-server's view of a request it has looked into. */
interface Action {
  readonly req: unknown
  accept(): void
  on(event: 'service', listener: (child: ChildProcess) => void): void
  on(event: 'error' | 'exit', listener: (error?: unknown) => void): void
}

export interface GitExchange {
  readonly app: string
  readonly request: IncomingMessage
  /** The request's body, decoded, from its beginning. Ends early when the client goes away. */
  readonly body: AsyncIterable<Buffer>
  readonly response: ServerResponse
  /** Of a push; null for a fetch. */
  readonly head: Head | null
  /** The git process has started. */
  readonly started?: (pid: number) => void
  /** The git process has ended. */
  readonly ended?: (pid: number) => void
}

interface RunningService extends GitExchange {
  readonly answer: PushAnswer
}

/**
 * node-git-server, given nothing but requests that the guard has let in, under names of the guard's making. What it leaves out
 * is done here: its children's pipes are drained and their errors heard, and they end when they should.
 */
export class GitService {
  readonly #git: GitType
  readonly #log: Logger
  readonly #config: Config
  readonly #patienceMs: number
  readonly #advertisement = new Advertisement()
  readonly #exchanges = new WeakMap<object, RunningService>()

  /** @param patienceMs who does not read for so long is hung up on */
  constructor(config: Config, log: Logger, patienceMs: number) {
    this.#patienceMs = patienceMs
    this.#config = config
    this.#log = log
    this.#git = new Git((app = '') => repositoryOf(config, app), { autoCreate: false })
    const accept = (action: unknown): void => this.#accept(action as Action)
    this.#git.on('push', accept).on('tag', accept).on('fetch', accept)
    this.#git.on('error', (error: unknown) => log.error({ error: messageOf(error) }, 'node-git-server'))
  }

  /** Answers `GET info/refs`. */
  async advertise(app: string, service: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const known = service === 'git-receive-pack' && (await this.#advertisement.of(repositoryOf(this.#config, app)))
    if (known) {
      response.writeHead(200, {
        'Content-Type': 'application/x-git-receive-pack-advertisement',
        'Cache-Control': 'no-cache, max-age=0, must-revalidate',
        'Content-Length': known.length,
      })
      response.end(known)
      return
    }
    const asked = Object.assign(Readable.from([]), {
      method: 'GET',
      url: `/${app}/info/refs?service=${service}`,
      headers: { host: request.headers.host },
    })
    this.#git.handle(
      asked as unknown as IncomingMessage,
      new PushAnswer(response, null, this.#patienceMs) as unknown as ServerResponse,
    )
  }

  /** Runs git-upload-pack or git-receive-pack on a body whose first piece is its head. */
  serve(exchange: GitExchange): void {
    const { app, head, body, response, request } = exchange
    const service = head ? 'git-receive-pack' : 'git-upload-pack'
    const answer = new PushAnswer(response, head && { ...head, limits: this.#config.push }, this.#patienceMs)
    // whoever is still sending would not read the answer if its connection were closed
    answer.beforeEnd(() => discard(request))
    const source = Object.assign(Readable.from(this.#heed(body, answer), { objectMode: false }), {
      method: 'POST',
      url: `/${app}/${service}`,
      headers: {},
    })
    this.#exchanges.set(source, { ...exchange, answer })
    this.#git.handle(source as unknown as IncomingMessage, answer as unknown as ServerResponse)
  }

  /** Ends the body where it breaks a limit, and tells the pusher. */
  async *#heed(body: AsyncIterable<Buffer>, answer: PushAnswer): AsyncGenerator<Buffer> {
    try {
      yield* body
    } catch (error) {
      if (!(error instanceof BerthError)) this.#log.error({ error: messageOf(error) }, 'body of a git request')
      await answer.refuse(
        error instanceof BerthError ? error : { message: 'this push could not be read', hint: 'push again' },
      )
    }
  }

  #accept(action: Action): void {
    const exchange = this.#exchanges.get(action.req as object)
    if (!exchange) return
    this.#exchanges.delete(action.req as object) // there is an event for each ref
    action.on('error', (error) => {
      this.#log.error({ error: messageOf(error) }, 'git')
      exchange.response.destroy()
    })
    action.on('service', (child) => this.#tend(child, exchange))
    action.accept()
  }

  #tend(child: ChildProcess, { head, response, started, ended }: RunningService): void {
    const { pid } = child
    if (pid === undefined) return
    child.stdin?.on('error', () => undefined) // git may refuse a pack before it has read it
    let said = ''
    child.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2000)))
    response.once('close', () => {
      // a fetch has lost its reader; a push has lost its pusher, and goes on
      if (!response.writableFinished && !head) child.kill('SIGTERM')
    })
    child.once('exit', (code, signal) => {
      if (said !== '' || code !== 0) this.#log.info({ push: head !== null, code, signal, said: said.trim() }, 'git')
      ended?.(pid)
    })
    started?.(pid)
  }
}
