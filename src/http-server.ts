import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { frameOfRequest, hasBody, type BodyFraming, type FrameFault } from './framing.js'

/** Why a request was not let in. */
export type Refusal = FrameFault | 'no-such-method' | 'no-such-expectation' | 'client-too-slow'

/** A request that has been let in, when it is its turn on its connection. */
export interface AdmittedRequest {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly frame: BodyFraming
  /** The client holds its body back until it is told `100 Continue` (RFC 9110 §10.1.1). */
  readonly expectsContinue: boolean
}

/** Who serves what a strict server lets in, and words what it does not. */
export interface ServerHandlers {
  readonly serve: (call: AdmittedRequest) => void
  /** A WebSocket handshake: a GET without a body, with no answer outstanding on its connection. */
  readonly upgrade: (request: IncomingMessage, socket: Socket, head: Buffer) => void
  /** Answers; the connection is closed after it. */
  readonly refuse: (request: IncomingMessage, response: ServerResponse, why: Refusal) => void
  /** Answers on a bare socket and closes it. */
  readonly refuseSocket: (socket: Socket, why: Refusal, request?: IncomingMessage) => void
}

/** Requests parsed on one connection before their turn; with more, nothing more is read from it for the moment. */
const maxWaiting = 32
/** ms a client may go on sending a body that nobody wants, so that it gets to read the answer. */
const lingerTime = 5000

/** One connection's requests. They are served one after the other (RFC 9112 §9.3.2), and none after a refused one. */
interface RequestQueue {
  current: { request: IncomingMessage; response: ServerResponse } | undefined
  waiting: number
  closed: boolean
}

const parserRefusals: Record<string, Refusal> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'client-too-slow',
}

/**
 * Node's HTTP server, so set that our code sees everything its parser frames by. What is doubtful is refused, with the
 * connection, before anybody acts on it; a request waits for its turn; and an answer that begins before the whole body
 * has been read is the last on its connection.
 */
export function createStrictServer(options: ServerOptions, handlers: ServerHandlers): Server {
  const connections = new Connections(handlers)
  const server = createServer(
    { maxHeaderSize: 16 * 1024, keepAlive: true, ...options, insecureHTTPParser: false, requireHostHeader: false },
    (request, response) => connections.receive(request, response),
  )
  // 0 is no limit: past one, Node frames by headers that it does not show; ours is `maxHeaderLines`
  server.maxHeadersCount = 0
  // the same functions for all sockets: closures for each would take memory for as long as a connection is kept
  function destroySoon(this: Socket): void {
    connections.destroySoon(this)
  }
  function resumed(this: Socket): void {
    connections.resumed(this)
  }
  server.on('connection', (socket: Socket) => {
    // Node calls this after the last answer; closed with bytes unread, the kernel would take the answer back
    socket.destroySoon = destroySoon
    // which Node does behind every request that it has parsed
    socket.on('resume', resumed)
  })
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    connections.receive(request, response, 'continue')
  })
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    connections.receive(request, response, 'other')
  })
  server.on('connect', (request: IncomingMessage, socket: Socket) => connections.connect(request, socket))
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    if (connections.upgrade(request, socket, head) === 'declined') declineUpgrade(server, request, socket, head)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => connections.fail(error, socket))
  return server
}

/** What comes over the connections of a server, a request at a time of each. */
class Connections {
  readonly #handlers: ServerHandlers
  readonly #queues = new WeakMap<Socket, RequestQueue>()

  constructor(handlers: ServerHandlers) {
    this.#handlers = handlers
  }

  receive(request: IncomingMessage, response: ServerResponse, expects?: 'continue' | 'other'): void {
    const queue = this.#queueOf(request.socket)
    if (response.socket) {
      this.#begin({ request, response }, queue, expects)
      return
    }
    queue.waiting++
    if (queue.waiting >= maxWaiting) request.socket.pause()
    response.once('socket', (socket: Socket) => {
      if (--queue.waiting === 0) socket.resume()
      this.#begin({ request, response }, queue, expects)
    })
  }

  /** Something reads from a connection on: not while too much of it waits. */
  resumed(socket: Socket): void {
    if (this.#queueOf(socket).waiting >= maxWaiting) socket.pause()
  }

  /** Closes a connection once its answer is out, letting go by what the client still sends. */
  destroySoon(socket: Socket): void {
    const queue = this.#queueOf(socket)
    queue.closed = true
    const body = queue.current?.request
    if (!body || body.complete || socket.destroyed) {
      Socket.prototype.destroySoon.call(socket)
      return
    }
    const late = setTimeout(() => socket.destroy(), lingerTime)
    socket.once('close', () => clearTimeout(late)).end()
    body.once('end', () => socket.destroy()).unpipe()
    body.resume()
  }

  connect(request: IncomingMessage, socket: Socket): void {
    socket.on('error', () => socket.destroy())
    if (this.#queueOf(socket).current) socket.destroy()
    else this.#handlers.refuseSocket(socket, 'no-such-method', request)
  }

  upgrade(request: IncomingMessage, socket: Socket, head: Buffer): 'declined' | undefined {
    socket.on('error', () => socket.destroy())
    const queue = this.#queueOf(socket)
    if (queue.current || queue.closed) {
      socket.destroy() // its answer would overtake the one before
      return
    }
    const frame = frameOfRequest(request)
    if (typeof frame === 'string') this.#handlers.refuseSocket(socket, frame, request)
    else if (request.headers.upgrade?.toLowerCase() !== 'websocket' || request.method !== 'GET') return 'declined'
    else if (hasBody(frame)) this.#handlers.refuseSocket(socket, 'bad-request', request)
    else this.#handlers.upgrade(request, socket, head)
    return
  }

  /** What came could not be parsed, or was too slow. */
  fail(error: NodeJS.ErrnoException, socket: Socket): void {
    const queue = this.#queueOf(socket)
    const { current } = queue
    if (error.code === 'ECONNRESET') socket.destroy()
    else if (queue.closed)
      return // what still comes is let go by
    else if (current?.request.complete === true) {
      // the fault is in what follows: this one keeps its answer
      queue.closed = true
      socket.pause()
      current.response.once('close', () => Socket.prototype.destroySoon.call(socket))
    } else if (current?.response.headersSent === true) socket.destroy()
    else {
      queue.closed = true
      this.#handlers.refuseSocket(socket, parserRefusals[error.code ?? ''] ?? 'bad-request')
    }
  }

  #begin(
    call: Pick<AdmittedRequest, 'request' | 'response'>,
    queue: RequestQueue,
    expects?: 'continue' | 'other',
  ): void {
    if (queue.closed) return
    const { request, response } = call
    queue.current = call
    response.once('close', () => (queue.current = undefined))
    if (request.httpVersion === '1.0') response.useChunkedEncodingByDefault = false // although its TE may say so
    const frame = frameOfRequest(request)
    if (typeof frame === 'string' || expects === 'other') {
      response.shouldKeepAlive = false
      this.#handlers.refuse(request, response, typeof frame === 'string' ? frame : 'no-such-expectation')
      return
    }
    if (hasBody(frame) && response.shouldKeepAlive) {
      response.shouldKeepAlive = false
      request.once('end', () => (response.shouldKeepAlive = true))
    }
    this.#handlers.serve({ request, response, frame, expectsContinue: expects === 'continue' && hasBody(frame) })
  }

  #queueOf(socket: Socket): RequestQueue {
    let queue = this.#queues.get(socket)
    if (!queue) this.#queues.set(socket, (queue = { current: undefined, waiting: 0, closed: false }))
    return queue
  }
}

/** An upgrade we do not serve (h2c, say) is to be ignored (RFC 9110 §7.8): the request is parsed again without it. */
function declineUpgrade(server: Server, request: IncomingMessage, socket: Socket, head: Buffer): void {
  const raw = request.rawHeaders
  let text = `${request.method ?? ''} ${request.url ?? ''} HTTP/${request.httpVersion}\r\n`
  for (let i = 0; i < raw.length; i += 2)
    if (!/^(?:upgrade|http2-settings)$/i.test(raw[i] ?? '')) text += `${raw[i] ?? ''}: ${raw[i + 1] ?? ''}\r\n`
  if (head.length > 0) socket.unshift(head)
  socket.unshift(Buffer.from(`${text}\r\n`, 'latin1'))
  // those that Node left behind, which it is about to add again
  for (const event of ['error', 'pause', 'resume']) socket.removeAllListeners(event)
  server.emit('connection', socket)
}
