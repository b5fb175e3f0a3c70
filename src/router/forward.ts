import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Stream } from 'node:stream'
import './extend.js' // before http-proxy
import httpProxy from 'http-proxy'
import { frameOfAnswer, isSound } from '../framing.js'
import type { Backend } from './backend.js'
import { passBody } from './body.js'
import type { Connection } from './connection.js'
import { isOwnError } from './descriptors.js'
import type { Exchange } from './exchange.js'
import { informationOf, isPassable, prepareResponse, type Information } from './headers.js'
import { sendPage, type ErrorKind } from './pages.js'

/** ms a client may leave an answer unread before it is let go. */
const stalledReader = 300_000

type Server = ReturnType<typeof httpProxy.createProxyServer<IncomingMessage, ServerResponse>>

/**
 * An http-proxy with what it lacks. Paths are set by us (`toProxy`, `path`): its own joining folds `//` and its
 * url.parse rewrites or throws. Without `deleteLength`, which drops the frame of a chunked DELETE's body and so makes a
 * second request of it.
 */
export function createProxy(): Server {
  const proxy = httpProxy.createProxyServer({ xfwd: false, toProxy: true, selfHandleResponse: true })
  const passes = proxy as unknown as { webPasses: ((...args: never[]) => unknown)[] }
  passes.webPasses = passes.webPasses.filter((pass) => pass.name !== 'deleteLength')
  return proxy
}

/** http-proxy takes what `http.request` takes; where to connect is the agent's business. */
export const target = { protocol: 'http:', host: 'app', port: 80 } as unknown as string

/** What http-proxy pipes: nothing where a request has no body, so that no byte can follow its head. */
const bodyOf = ({ request, hasBody }: Exchange): Stream =>
  ({ pipe: (into: ClientRequest) => (hasBody ? passBody(request, into) : into.end()) }) as unknown as Stream

/**
 * Sends exchanges to processes. A repeatable request (idempotent, no body) goes over a connection at rest where there is
 * one; any other goes over a connection that is opened for it, so that a refused one has cost nothing and the next
 * process is tried. A request is sent a second time only when the first cannot have been read. Bodies are streamed both
 * ways, never held.
 */
export class Forwarder {
  readonly #proxy = createProxy()

  constructor() {
    this.#proxy.on('econnreset', () => undefined)
  }

  /** Carries the exchange out; its response is ended or destroyed in every case. */
  forward(exchange: Exchange): void {
    exchange.response.once('close', () => exchange.end())
    const destination = exchange.origin.find()
    exchange.name = destination?.name
    const backend = exchange.repeatable ? destination?.pick() : undefined
    const connection = backend?.reuse()
    if (backend && connection) this.#send(exchange, backend, connection)
    else void this.#dial(exchange, backend)
  }

  /** Opens a connection to a process not yet tried, and sends the request over it. */
  async #dial(exchange: Exchange, first?: Backend): Promise<void> {
    let next = first
    for (;;) {
      const backend = next ?? exchange.origin.find()?.pick(exchange.tried)
      next = undefined
      if (!backend) {
        const worthwhile = await exchange.wait()
        if (exchange.over) return
        if (worthwhile) continue
        this.#fail(exchange, exchange.origin.away())
        return
      }
      exchange.hold(backend)
      const connection = await backend.dial(exchange.repeatable).catch((error: unknown) => {
        if (isOwnError(error)) this.#fail(exchange, 'overloaded')
        return undefined
      })
      if (exchange.over) {
        connection?.destroy()
        return
      }
      if (connection) {
        this.#send(exchange, backend, connection)
        return
      }
      exchange.tried.add(backend)
    }
  }

  #send(exchange: Exchange, backend: Backend, connection: Connection): void {
    const { request, response, origin } = exchange
    let live = true
    exchange.abandon = () => (live = false)
    exchange.hold(backend)
    clearTimeout(exchange.timer)
    if (origin.firstByte > 0) exchange.timer = setTimeout(() => this.#late(exchange), origin.firstByte)
    const onError = (error: NodeJS.ErrnoException) => {
      if (!live || exchange.over) return
      live = false
      if (exchange.answer) {
        // what follows a whole answer is not part of it
        if (!exchange.answer.complete) response.destroy()
        return
      }
      void this.#onBroken(exchange, connection, error)
    }
    connection.onRequest = (outgoing) => this.#onOutgoing(exchange, outgoing)
    try {
      this.#proxy.web(request, response, { target, agent: connection, buffer: bodyOf(exchange) }, onError)
      // The head waits for the first byte of a body, to travel in one packet; a client may be slow, or wait for an answer.
      if (exchange.hasBody)
        setImmediate(() => {
          // Node flushes a head that has left by a write of nothing, which fails where an answer and its end are there
          if (live && !exchange.over && exchange.outgoing?.headersSent === false) exchange.outgoing.flushHeaders()
        })
    } catch {
      // Node refuses to write what the client sent
      connection.destroy()
      this.#fail(exchange, 'bad-request')
    }
  }

  /** The connection broke before an answer. Only a request that nobody has read is sent once more, on a new one. */
  async #onBroken(exchange: Exchange, connection: Connection, error: NodeJS.ErrnoException): Promise<void> {
    const again = exchange.repeatable && !exchange.repeated && (await connection.unread(error))
    if (exchange.over) return
    if (!again) {
      this.#fail(exchange, 'hung-up')
      return
    }
    exchange.repeated = true
    void this.#dial(exchange)
  }

  /** The last moment before anything is written. */
  #onOutgoing(exchange: Exchange, outgoing: ClientRequest): void {
    exchange.outgoing = outgoing
    outgoing.path = exchange.address.path
    // http-proxy would not tell us of a request that has one from the start
    if (exchange.expectsContinue) outgoing.setHeader('expect', '100-continue')
    outgoing.on('information', (information: Information) => this.#inform(exchange, information))
    // Unheard, a 101 that nobody asked for would leave the client waiting for ever.
    outgoing.once('upgrade', (_answer, socket: Socket) => {
      socket.destroy()
      this.#fail(exchange, 'hung-up')
    })
    outgoing.once('response', (answer: IncomingMessage) => this.#onAnswer(exchange, answer))
    if (exchange.hasBody) exchange.request.on('data', () => exchange.timer?.refresh())
  }

  /** Hands on an interim answer (RFC 9110 §15.2); HTTP/1.0 knows none, and a client that does not read gets none. */
  #inform(exchange: Exchange, information: Information): void {
    const { request, response } = exchange
    const { socket } = response
    if (request.httpVersion !== '1.1' || response.headersSent || !socket || socket.writableNeedDrain) return
    if (information.statusCode === 100) {
      exchange.expectsContinue = false
      response.writeContinue()
      return
    }
    const head = informationOf(information)
    if (head !== null) socket.write(head, 'latin1')
  }

  #onAnswer(exchange: Exchange, answer: IncomingMessage): void {
    const { request, response, id } = exchange
    if (exchange.over) {
      answer.destroy()
      return
    }
    exchange.answer = answer
    clearTimeout(exchange.timer)
    const frame = frameOfAnswer(answer, request.method)
    if (frame === null) {
      this.#fail(exchange, 'hung-up')
      return
    }
    const cut = () => response.destroy()
    answer.once('aborted', cut).once('error', cut)
    // to HTTP/1.0 nothing is chunked: the end of a body of unknown length is the end of its connection
    const endless = request.httpVersion === '1.0' && (frame.kind === 'chunked' || frame.kind === 'close')
    const keepAlive = response.shouldKeepAlive && !endless && response.getHeader('connection') !== 'close'
    const headers = prepareResponse(answer, frame, { keepAlive, id })
    try {
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage, headers)
    } catch {
      this.#fail(exchange, 'hung-up')
      return
    }
    if (frame.kind === 'chunked') answer.once('end', () => passTrailers(answer, response))
    response.on('drain', () => clearTimeout(exchange.timer))
    passBody(answer, response, () => (exchange.timer = setTimeout(cut, stalledReader)))
    // Headers wait for the first byte of a body, to travel in one packet; a stream's must not.
    setImmediate(() => {
      if (!exchange.over) response.flushHeaders()
    })
  }

  #late(exchange: Exchange): void {
    if (exchange.answer || exchange.over) return
    const { request, outgoing, expectsContinue } = exchange
    const waiting = !request.complete && !expectsContinue && outgoing?.writableNeedDrain !== true
    this.#fail(exchange, waiting ? 'client-too-slow' : 'too-slow')
  }

  #fail(exchange: Exchange, kind: ErrorKind): void {
    const { response, address, id, name } = exchange
    exchange.abandon()
    exchange.outgoing?.destroy()
    if (response.headersSent) response.destroy()
    else sendPage(exchange, kind, { host: address.host, id, ...(name === undefined ? {} : { app: name }) })
  }
}

/** What may follow a chunked body, without what would frame it anew (RFC 9110 §6.5.1). */
function passTrailers({ rawTrailers }: IncomingMessage, response: ServerResponse): void {
  const trailers: [string, string][] = []
  for (let i = 0; i < rawTrailers.length; i += 2) {
    const [name = '', value = ''] = rawTrailers.slice(i, i + 2)
    if (isPassable(name) && isSound(['', value])) trailers.push([name, value])
  }
  if (trailers.length > 0) response.addTrailers(trailers)
}
