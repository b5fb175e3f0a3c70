import type { IncomingMessage, ServerResponse } from 'node:http'
import { authenticate, passwordOf } from '../access/authenticate.js'
import { askerOf, demand, type Caller, type Permission } from '../access/caller.js'
import { BerthError, is, messageOf, statusOf } from '../errors.js'
import type { App } from '../store/apps.js'
import { requestBody, checkEncoding, discard, type BodyLimits } from './body.js'
import { readHead } from './commands.js'
import { Disk } from './disk.js'
import { inMebibytes } from './explain.js'
import { scrubEnvironment } from './git.js'
import { answerHook, hookRoutes } from './hook-requests.js'
import { installHooks } from './hooks.js'
import { serveLfs } from './lfs/server.js'
import { gitPrograms, installLimits } from './limits.js'
import { checkedPack } from './pack.js'
import { pushIdOf } from './pushes.js'
import { Receiving, type Receiver } from './receiving.js'
import { readPushOptions } from './push-options.js'
import { refusal, spoken } from './report.js'
import { ensureRepository, repositoryOf } from './repository.js'
import { GitService } from './service.js'
import type { Syncing } from './sync/syncing.js'
import { WebhookReceiver, webhookRoute } from './webhook/receive.js'

const route = /^\/([a-z0-9-]{1,63})\.git\/(info\/refs|git-upload-pack|git-receive-pack|info\/lfs\/[a-z0-9/]+)$/
/** Where the requests of git-lfs begin. */
const lfs = 'info/lfs/'
const services = ['git-upload-pack', 'git-receive-pack'] as const
/** A client may be silent for so long in all, since git thinks before it sends a large pack, or read nothing. Milliseconds. */
const patienceMs = 300_000
/** Of what a fetch has and wants; a large one takes a tenth of it. Bytes, inflated. */
const maxFetch = 16 * 1024 * 1024

/** A request that was let in. */
interface Admitted {
  readonly app: App
  readonly caller: Caller
}

export interface GitOptions extends Receiver {
  /** Directories of control groups for git, which this account may move its processes to. */
  readonly groups?: readonly string[]
  /** Replaces how long a client may be silent, or read nothing; for tests. */
  readonly patienceMs?: number
  /** Pulls what apps are kept from; without it no webhook is heard. */
  readonly syncing?: Syncing
}

/**
 * The git half of the api process, to be asked before anything else about each request. It takes `/<app>.git/…`, webhooks and
 * the hooks' own requests and answers true; every other request it leaves untouched and answers false.
 */
export function createGitHandler(options: GitOptions): (request: IncomingMessage, response: ServerResponse) => boolean {
  const { config, log } = options
  scrubEnvironment(gitPrograms(config))
  const disk = new Disk(config.root, config.diskReserve)
  const receiving = new Receiving(options, disk)
  const front = new GitFront(options, receiving, disk)
  const webhooks = options.syncing && new WebhookReceiver({ ...options, syncing: options.syncing })
  front.ready().catch((error: unknown) => log.error({ error: messageOf(error) }, 'git is not ready'))

  return (request, response) => {
    const url = parse(request.url)
    if (url === null) return false
    const [, webhook] = webhookRoute.exec(url.pathname) ?? []
    if (webhooks && webhook !== undefined) {
      webhooks.serve(request, response, webhook).catch((error: unknown) => refuse(request, response, error, log))
      return true
    }
    const isHook = hookRoutes.some((one) => one === url.pathname)
    if (!isHook && !route.test(url.pathname)) return false
    const answered = isHook
      ? front.ready().then((secret) => answerHook(options, receiving, secret, { request, response }))
      : front.serve(request, response, url)
    answered.catch((error: unknown) => refuse(request, response, error, log))
    return true
  }
}

/** What git clients ask: who may ask it, within which limits, and git's answer. */
class GitFront {
  readonly #options: GitOptions
  readonly #receiving: Receiving
  readonly #disk: Disk
  readonly #service: GitService
  readonly #patienceMs: number
  #prepared: Promise<string> | null = null

  constructor(options: GitOptions, receiving: Receiving, disk: Disk) {
    this.#options = options
    this.#receiving = receiving
    this.#disk = disk
    this.#patienceMs = options.patienceMs ?? patienceMs
    this.#service = new GitService(options.config, options.log, this.#patienceMs)
  }

  /** Resolves with the hooks' secret; what failed once is tried again at the next request. */
  ready(): Promise<string> {
    return (this.#prepared ??= this.#prepare().catch((error: unknown) => {
      this.#prepared = null
      throw error
    }))
  }

  async serve(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const [, name = '', action = ''] = route.exec(url.pathname) ?? []
    if (action.startsWith(lfs)) return this.#serveLfs(request, response, name, action.slice(lfs.length))
    if (request.method !== (action === 'info/refs' ? 'GET' : 'POST'))
      throw new BerthError('invalid', 'git clients only: clone or push this address')
    checkEncoding(request)
    await this.ready()
    const asked = services.find((one) => one === (action === 'info/refs' ? url.searchParams.get('service') : action))
    const admitted = await this.#admit(request, name, asked === 'git-receive-pack' ? 'deploy' : 'view')
    if (action === 'git-receive-pack') return this.#push(admitted, request, response)
    if (action === 'git-upload-pack') return this.#fetch(admitted, request, response)
    if (!asked) throw new BerthError('invalid', 'git clients of before 2010 are not understood', 'use a newer git')
    await this.#service.advertise(admitted.app.id, asked, request, response)
  }

  async #prepare(): Promise<string> {
    const { config, groups = [] } = this.#options
    await installLimits(config, groups)
    const secret = await installHooks(config)
    await this.#receiving.settleAll()
    await this.#options.syncing?.resume()
    return secret
  }

  /** Lets in who may, to an app that exists, on every request: git asks on the first only. */
  async #admit(request: IncomingMessage, name: string, needs: Permission): Promise<Admitted> {
    const { config, store } = this.#options
    const caller = await callerOf(store, request)
    const app = await store.apps.get(name)
    demand(caller, needs, app)
    await ensureRepository(config, app)
    return { app, caller }
  }

  async #push(admitted: Admitted, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = requestBody(request, await this.#pushLimits())
    const head = await readHead(body)
    answerType(response, 'git-receive-pack-result')
    if (!head) {
      response.end()
      return
    }
    if (!head.commands.some(({ ref }) => /^refs\/(heads|tags)\//.test(ref))) {
      // node-git-server would wait for ever
      await body.return()
      await discard(request)
      response.end(refusal(head.commands, 'only branches are taken', head.capabilities))
      return
    }
    try {
      readPushOptions(head.options)
    } catch (error) {
      if (!(error instanceof BerthError)) throw error
      await body.return()
      await discard(request)
      const words = head.capabilities.has('side-band-64k') ? spoken(error.message, error.hint) : Buffer.alloc(0)
      response.end(Buffer.concat([words, refusal(head.commands, error.message, head.capabilities)]))
      return
    }
    const pack = checkedPack(chain([head.rest], body), this.#options.config.push.memory)
    const { named, started, ended } = this.#receivePack(admitted)
    this.#service.serve({
      app: admitted.app.id,
      head,
      request,
      body: chain([head.bytes], after(named, pack)),
      response,
      started,
      ended,
    })
  }

  /** What is done when a receive-pack starts and ends. `named` resolves when it is known whose push it is. */
  #receivePack({ app, caller }: Admitted) {
    const { store, log } = this.#options
    let id: Promise<string | null> = Promise.resolve(null)
    const named = Promise.withResolvers<unknown>()
    const asker = askerOf(caller)
    return {
      named: named.promise,
      started: (pid: number): void => {
        id = pushIdOf(pid)
        id.then((push) => (push !== null && asker ? store.pushers.put(push, asker) : undefined)).then(
          named.resolve,
          named.reject,
        )
      },
      ended: (): void => {
        id.then((push) => (push === null ? undefined : this.#receiving.settle(app.id, push))).catch((error: unknown) =>
          log.error({ error: messageOf(error), app: app.name }, 'push not settled'),
        )
      },
    }
  }

  /** What a push may send: no more than there is room for beside the reserve of the disk. */
  async #pushLimits(): Promise<BodyLimits> {
    const [room, { size }] = [await this.#disk.room(), this.#options.config.push]
    const tooLarge =
      room < size
        ? {
            message: `the push is larger than what the server's disk has beside its reserve (${inMebibytes(room)})`,
            hint: 'free space on the server, then push again',
          }
        : {
            message: `the push is larger than ${inMebibytes(size)}`,
            hint: 'take large files out of the history, or raise BERTH_PUSH_SIZE on the server',
          }
    return { bytes: Math.min(room, size), patienceMs: this.#patienceMs, tooLarge }
  }

  async #fetch({ app }: Admitted, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const tooLarge = { message: 'the request names too many commits', hint: 'clone it anew' }
    const body = requestBody(request, { bytes: maxFetch, patienceMs: this.#patienceMs, tooLarge })
    const first = await body.next()
    if (first.done === true || !/^[0-9a-f]{4}want /.test(first.value.toString('latin1', 0, 9))) {
      answerType(response, 'git-upload-pack-result')
      response.end()
      return
    }
    this.#service.serve({ app: app.id, head: null, request, body: chain([first.value], body), response })
  }

  /** git-lfs sends its objects before git pushes. */
  async #serveLfs(request: IncomingMessage, response: ServerResponse, name: string, action: string): Promise<void> {
    const { config, log, store, meter } = this.#options
    const demandRoom = async (of: string, bytes: number): Promise<void> => {
      await meter?.demandRoom(await store.apps.get(of), bytes)
    }
    const admit = async (asked: IncomingMessage, of: string, needs: Permission): Promise<string> => {
      checkEncoding(asked)
      return repositoryOf(config, (await this.#admit(asked, of, needs)).app.id)
    }
    const common = { admit, demandRoom, disk: this.#disk, log }
    const deps = { ...common, maxObject: config.push.tree, patienceMs: this.#patienceMs }
    await serveLfs(deps, { request, response, name, action })
  }
}

function parse(url: string | undefined): URL | null {
  // an absolute URL or `//host` in the request line is a proxy's business
  if (!url?.startsWith('/') || url.startsWith('//')) return null
  return URL.canParse(url, 'http://berth') ? new URL(url, 'http://berth') : null
}

/** @throws BerthError `unauthenticated`, in words for who uses git */
async function callerOf(store: Receiver['store'], { headers }: IncomingMessage): Promise<Caller> {
  try {
    return await authenticate(store.tokens, passwordOf(headers.authorization))
  } catch (error) {
    if (!is(error, 'unauthenticated')) throw error
    throw new BerthError(
      'unauthenticated',
      'a token is needed: it is the password, whatever the user name',
      '`berth git:remote -a APP`, in the repository, gives git the token that `bin/up` made',
    )
  }
}

function answerType(response: ServerResponse, type: string): void {
  response.setHeader('Content-Type', `application/x-${type}`)
  response.setHeader('Cache-Control', 'no-cache')
}

/** git shows the text of a refusal to its user when it is plain text. */
function refuse(request: IncomingMessage, response: ServerResponse, error: unknown, log: Receiver['log']): void {
  const known = error instanceof BerthError
  if (!known) log.error({ error: messageOf(error) }, 'git request failed')
  if (response.headersSent) {
    response.destroy()
    return
  }
  const status = known ? statusOf[error.fault] : 503
  const words = known ? [error.message, error.hint] : ['Berth cannot look this up just now', 'try again in a moment']
  const text = `${words.filter((line) => line !== undefined).join('\n')}\n`
  response
    .writeHead(status, {
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': Buffer.byteLength(text),
      Connection: 'close',
      ...(status === 401 && { 'WWW-Authenticate': 'Basic realm="Berth", charset="UTF-8"' }),
    })
    .write(text)
  // a client that is still sending would not read the answer if its connection were closed
  const end = (): void => void response.end()
  discard(request).then(end, end)
}

async function* chain(first: readonly Buffer[], rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for (const piece of first) if (piece.length > 0) yield piece
  yield* rest
}

/** Pieces that are held back until something has happened. */
async function* after(event: Promise<unknown>, pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  await event
  yield* pieces
}
