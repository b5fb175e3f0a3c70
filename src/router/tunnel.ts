import {
  Agent,
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import type { Socket } from 'node:net'
import './extend.js' // before http-proxy
import httpProxy from 'http-proxy'
import { frameOfAnswer, framingHeaders, isSound } from '../framing.js'
import type { Backend } from './backend.js'
import { isOwnError } from './descriptors.js'
import { withoutSsoCookies } from '../sso/cookies.js'
import { cookiesFor, type AskedTarget, type Origin } from './exchange.js'
import { subjectOf } from './forward.js'
import { prepareAnswer } from './headers.js'
import type { RequestAddress } from './host.js'
import { sendRawPage, type ErrorKind } from './pages.js'
import { relay } from './relay.js'

/** Paths are set by us (`toProxy`, `path`): http-proxy's own joining folds `//`, and its url.parse rewrites or throws. */
export const createProxy = (): ReturnType<typeof httpProxy.createProxyServer<IncomingMessage, ServerResponse>> =>
  httpProxy.createProxyServer({ xfwd: false, toProxy: true })

/** http-proxy takes what `http.request` takes; where to connect is the agent's business. */
const target = { protocol: 'http:', host: 'app', port: 80 } as unknown as string

/** Gives one request a connection that is there, and lets it be prepared before any of it is written. */
class OneConnection extends Agent {
  readonly #socket: Socket
  readonly #prepare: (outgoing: ClientRequest) => void

  constructor(socket: Socket, prepare: (outgoing: ClientRequest) => void) {
    super({ keepAlive: true })
    this.#socket = socket
    this.#prepare = prepare
  }

  /** What `http.request` calls for a connection. */
  addRequest(outgoing: ClientRequest): void {
    outgoing.maxHeadersCount = 0 // to see all that its parser frames by; more than `maxHeaderLines` are refused
    this.#prepare(outgoing)
    outgoing.onSocket(this.#socket)
  }
}

/** Headers as Node has them. */
function asObject(list: readonly string[]): IncomingHttpHeaders {
  const headers: Record<string, string | string[]> = {}
  for (let i = 0; i < list.length; i += 2) {
    const [name = '', value = ''] = list.slice(i, i + 2)
    const before = headers[name]
    headers[name] = before === undefined ? value : [before, value].flat()
  }
  return headers
}

/** A request to switch to WebSocket. */
export interface Upgrade {
  readonly request: IncomingMessage
  /** To be sent on, `[name, value, …]`. */
  readonly headers: readonly string[]
  readonly socket: Socket
  readonly head: Buffer
  readonly address: RequestAddress
  readonly asked: AskedTarget
  readonly origin: Origin
  /** Its client's address, as far as the proxies before us are believed. */
  readonly client: string
  readonly id: string
}

/** One that is sent to a process. */
interface Sent extends Upgrade {
  readonly backend: Backend
}

/** WebSockets. Each counts as a request of its process until both sides have closed. */
export class Tunnels {
  readonly #proxy = createProxy()
  readonly #open = new Set<Socket>()
  /** The client of a connection to a process that has switched. */
  readonly #clients = new WeakMap<Socket, Socket>()

  constructor() {
    this.#proxy.on('open', (upstream) => {
      const client = this.#clients.get(upstream)
      if (client) relay(client, upstream.removeAllListeners('end')) // its own for its `close`, which nobody hears
    })
  }

  /** Forwards an upgrade, if its app's rules let it in; its socket is closed in every case. */
  async upgrade(upgrade: Upgrade): Promise<void> {
    const { request, socket, origin } = upgrade
    socket.on('error', () => undefined)
    const rules = origin.find()?.rules
    const visit = { method: 'GET', isUpgrade: true, headers: upgrade.headers, ...upgrade.asked }
    const verdict = (await rules?.judge(visit, upgrade)) ?? { headers: withoutSsoCookies(upgrade.headers) }
    if ('kind' in verdict) {
      if (verdict.kind === 'answer') this.#refuse(upgrade, 'sign-in')
      else this.#refuse(upgrade, verdict.kind, verdict.headers)
      return
    }
    if (rules?.isHttp2 === true) {
      this.#refuse(upgrade, 'no-web-socket')
      return
    }
    if (verdict.until !== undefined) endAt(socket, verdict.until)
    request.headers = asObject([...verdict.headers, 'connection', 'Upgrade', 'upgrade', 'websocket'])
    const tried = new Set<Backend>()
    for (;;) {
      const backend = origin.find()?.pick(tried, upgrade)
      if (!backend) {
        this.#refuse(upgrade, origin.away())
        return
      }
      const release = backend.hold()
      const connection = await backend.dial(false).catch((error: unknown) => {
        if (isOwnError(error)) this.#refuse(upgrade, 'overloaded')
        return undefined
      })
      if (connection && !socket.destroyed) {
        this.#connect({ ...upgrade, backend }, connection.detach(), release)
        return
      }
      connection?.destroy()
      release()
      if (connection || !socket.writable) return
      tried.add(backend)
    }
  }

  /** Passes the request on over a connection to a process. @param release to be called when it is over */
  #connect(upgrade: Sent, connection: Socket, release: () => void): void {
    const { request, socket, head, origin, backend } = upgrade
    let answered = false
    const forget = () => clearTimeout(late)
    const settle = (isError: boolean) => {
      if (!answered) origin.find()?.canary?.count(backend, isError)
      answered = true
      forget()
      socket.off('close', forget)
    }
    const late = setTimeout(() => {
      settle(true)
      this.#refuse(upgrade, 'too-slow')
    }, origin.firstByte || 30_000)
    socket.once('close', forget)
    this.#hold(socket, connection, release)
    const agent = new OneConnection(connection, (outgoing) => this.#onOutgoing(upgrade, settle, outgoing))
    try {
      this.#proxy.ws(request, socket, head, { target, agent }, () => {
        if (answered) return
        settle(true)
        this.#refuse(upgrade, 'hung-up')
      })
    } catch {
      this.#refuse(upgrade, 'bad-request')
    }
  }

  /** Apart, as what listens here stays as long as the WebSocket, and holds what its scope does. */
  #hold(socket: Socket, connection: Socket, release: () => void): void {
    this.#open.add(socket)
    socket.once('close', () => {
      this.#open.delete(socket)
      connection.destroy()
      release()
    })
  }

  /** Cuts them all: they may stay for days, and their clients connect anew. */
  close(): void {
    for (const socket of this.#open) socket.destroy()
  }

  #onOutgoing(upgrade: Sent, settle: (isError: boolean) => void, outgoing: ClientRequest): void {
    const { socket, address, id, backend } = upgrade
    outgoing.path = address.path
    // Nobody reads the socket yet, so nobody would see the client leave: readable with nothing to read is its end.
    const leave = () => {
      if (socket.readableLength === 0) socket.destroy()
    }
    socket.on('readable', leave)
    // Registered before http-proxy's own listeners, which write what we leave in the headers.
    outgoing.once('response', (answer: IncomingMessage) => {
      const { statusCode = 502, statusMessage = '', httpVersion } = answer
      const frame = frameOfAnswer(answer, 'GET')
      settle(frame === null || statusCode >= 500)
      if (frame === null) {
        this.#refuse(upgrade, 'hung-up')
        outgoing.destroy()
        return
      }
      const rawHeaders = answer.rawHeaders.map((text, i) => (i % 2 === 0 ? text.toLowerCase() : text))
      const prepared = prepareAnswer({ httpVersion, statusCode, statusMessage, rawHeaders }, frame, id)
      answer.statusMessage = prepared.statusMessage
      answer.headers = asObject([...prepared.headers, 'connection', 'close'])
      answer.once('error', () => socket.destroy())
    })
    outgoing.once('upgrade', (answer: IncomingMessage, upstream: Socket) => {
      settle(false)
      const cookies = cookiesFor(upgrade, backend)
      for (const name of framingHeaders) Reflect.deleteProperty(answer.headers, name)
      if (!isSound(answer.rawHeaders)) {
        answer.headers = {}
        upstream.destroy()
      } else if (cookies.length > 0)
        answer.headers['set-cookie'] = [...(answer.headers['set-cookie'] ?? []), ...cookies]
      socket.off('readable', leave)
      this.#clients.set(upstream, socket)
    })
  }

  #refuse(upgrade: Upgrade, kind: ErrorKind, headers?: Readonly<Record<string, string>>): void {
    const { socket, request } = upgrade
    sendRawPage(socket, kind, { ...subjectOf(upgrade), headers }, request.headers.accept)
  }
}

/** Ends a connection with the session that has let it in. @param until ms since the epoch */
function endAt(socket: Socket, until: number): void {
  const timer = setTimeout(() => socket.destroy(), Math.max(0, until - Date.now()))
  socket.once('close', () => clearTimeout(timer))
}
