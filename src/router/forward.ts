import type { Agent, ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import httpProxy from 'http-proxy'
import type { Backend } from './backend.js'
import type { Exchange } from './exchange.js'
import { prepareResponse } from './headers.js'
import { sendPage, type Trouble } from './pages.js'

/** ms a client may leave an answer unread before it is let go. */
const stalledReader = 300_000
const maxSent = 3

type Server = ReturnType<typeof httpProxy.createProxyServer<IncomingMessage, ServerResponse>>

/**
 * An http-proxy with what it lacks. Paths are set by us (`toProxy`, `path`): its own joining folds `//` and its
 * url.parse rewrites or throws. Without `deleteLength`, which drops the frame of a chunked DELETE's body and so makes a
 * second request of it.
 */
export function createProxy(): Server {
  const proxy = httpProxy.createProxyServer({ xfwd: false, toProxy: true })
  const passes = proxy as unknown as { webPasses: ((...args: never[]) => unknown)[] }
  passes.webPasses = passes.webPasses.filter((pass) => pass.name !== 'deleteLength')
  return proxy
}

/** http-proxy takes what `http.request` takes; where to connect is the agent's business. */
export const target = { protocol: 'http:', host: 'app', port: 80 } as unknown as string

/**
 * Sends exchanges to processes. A repeatable request (idempotent, no body) goes over a kept-alive connection and is
 * repeated when that breaks before the answer begins; any other goes over a connection that was opened first, so that a
 * refused one has cost nothing and the next process is tried. Bodies are streamed both ways, never held.
 */
export class Forwarder {
  readonly #proxy = createProxy()
  readonly #exchanges = new WeakMap<IncomingMessage, Exchange>()

  constructor() {
    this.#proxy.on('proxyReq', (outgoing, request) => this.#onOutgoing(outgoing, request))
    this.#proxy.on('proxyRes', (answer, request, response) => this.#onAnswer(answer, request, response))
    this.#proxy.on('econnreset', () => undefined)
  }

  /** Carries the exchange out; its response is ended or destroyed in every case. */
  forward(exchange: Exchange): void {
    this.#exchanges.set(exchange.request, exchange)
    exchange.response.once('close', () => exchange.end())
    const entry = exchange.origin.find()
    exchange.name = entry?.name
    const backend = exchange.repeatable ? entry?.pick() : undefined
    if (backend) this.#send(exchange, backend, backend.pool)
    else void this.#dial(exchange)
  }

  /** Opens a connection to a process not yet tried, and sends the request over it. */
  async #dial(exchange: Exchange, failure?: Trouble): Promise<void> {
    for (;;) {
      const backend = exchange.origin.find()?.pick(exchange.tried)
      if (!backend) {
        this.#fail(exchange, failure ?? exchange.origin.away)
        return
      }
      exchange.hold(backend)
      const agent = await backend.dial().catch(() => undefined)
      if (exchange.over) {
        agent?.destroy()
        return
      }
      if (agent) {
        this.#send(exchange, backend, agent)
        return
      }
      exchange.tried.add(backend)
    }
  }

  #send(exchange: Exchange, backend: Backend, agent: Agent): void {
    const { request, response, origin } = exchange
    let live = true
    exchange.sent++
    exchange.abandon = () => (live = false)
    exchange.hold(backend)
    if (exchange.expectsContinue) response.writeContinue()
    exchange.expectsContinue = false
    clearTimeout(exchange.timer)
    if (origin.firstByte > 0) exchange.timer = setTimeout(() => this.#late(exchange), origin.firstByte)
    const onError = (error: NodeJS.ErrnoException) => {
      if (!live || exchange.over) return
      live = false
      if (exchange.answered) {
        response.destroy()
        return
      }
      const refused = error.syscall === 'connect'
      const nonsense = error.code?.startsWith('HPE_') === true
      if (nonsense || !exchange.repeatable || exchange.sent >= maxSent) {
        this.#fail(exchange, 'hung-up')
        return
      }
      if (refused) backend.fail()
      // A kept-alive connection may just have been closed by a healthy app; a new one that breaks was the app's doing.
      if (refused || agent !== backend.pool) exchange.tried.add(backend)
      void this.#dial(exchange, refused ? undefined : 'hung-up')
    }
    try {
      this.#proxy.web(request, response, { target, agent }, onError)
    } catch {
      // Node refuses to write what the client sent, e.g. a header folded over two lines.
      this.#fail(exchange, 'bad-request')
    }
  }

  #onOutgoing(outgoing: ClientRequest, request: IncomingMessage): void {
    const exchange = this.#exchanges.get(request)
    if (!exchange || exchange.over) {
      outgoing.destroy()
      return
    }
    exchange.outgoing = outgoing
    outgoing.path = exchange.address.path
    // Unheard, a 101 that nobody asked for would leave the client waiting for ever.
    outgoing.once('upgrade', (_answer, socket: Socket) => {
      socket.destroy()
      this.#fail(exchange, 'hung-up')
    })
    if (exchange.hasBody) request.on('data', () => exchange.timer?.refresh())
  }

  #onAnswer(answer: IncomingMessage, request: IncomingMessage, response: ServerResponse): void {
    const exchange = this.#exchanges.get(request)
    if (!exchange || exchange.over) {
      answer.destroy()
      return
    }
    exchange.answered = true
    clearTimeout(exchange.timer)
    const cut = () => response.destroy()
    answer.once('aborted', cut).once('error', cut)
    const status = answer.statusCode ?? 0
    if (status < 200 || status > 999) {
      // Node would throw on writing it; the client gets a page in its place.
      this.#fail(exchange, 'hung-up')
      return
    }
    prepareResponse(answer, response.shouldKeepAlive && response.getHeader('connection') !== 'close', exchange.id)
    answer.once('end', () => {
      if (answer.rawTrailers.length > 0) response.addTrailers(answer.trailers)
    })
    answer.on('pause', () => (exchange.timer = setTimeout(cut, stalledReader)))
    response.on('drain', () => clearTimeout(exchange.timer))
    // Headers wait for the first byte of a body, to travel in one packet; a stream's must not.
    setImmediate(() => {
      if (!response.headersSent && !exchange.over) response.flushHeaders()
    })
  }

  #late(exchange: Exchange): void {
    if (exchange.answered || exchange.over) return
    const waiting = !exchange.request.complete && exchange.outgoing?.writableNeedDrain !== true
    this.#fail(exchange, waiting ? 'client-too-slow' : 'too-slow')
  }

  #fail(exchange: Exchange, trouble: Trouble): void {
    const { request, response, address, id, name } = exchange
    exchange.abandon()
    exchange.outgoing?.destroy()
    if (response.headersSent) response.destroy()
    else sendPage(request, response, trouble, { host: address.host, id, ...(name === undefined ? {} : { app: name }) })
  }
}
