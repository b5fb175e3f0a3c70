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
export function createStrictServer(options: ServerOptions, listener: ServerHandlers): Server {
  const lines = new WeakMap<Socket, RequestQueue>()
  const lineOf = (socket: Socket): RequestQueue => {
    let line = lines.get(socket)
    if (!line) lines.set(socket, (line = { current: undefined, waiting: 0, closed: false }))
    return line
  }

  const begin = (
    request: IncomingMessage,
    response: ServerResponse,
    line: RequestQueue,
    expects?: 'continue' | 'other',
  ) => {
    if (line.closed) return
    line.current = { request, response }
    response.once('close', () => (line.current = undefined))
    if (request.httpVersion === '1.0') response.useChunkedEncodingByDefault = false // although its TE may say so
    const frame = frameOfRequest(request)
    if (typeof frame === 'string' || expects === 'other') {
      response.shouldKeepAlive = false
      listener.refuse(request, response, typeof frame === 'string' ? frame : 'no-such-expectation')
      return
    }
    if (hasBody(frame) && response.shouldKeepAlive) {
      response.shouldKeepAlive = false
      request.once('end', () => (response.shouldKeepAlive = true))
    }
    listener.serve({ request, response, frame, expectsContinue: expects === 'continue' && hasBody(frame) })
  }

  const receive = (request: IncomingMessage, response: ServerResponse, expects?: 'continue' | 'other') => {
    const line = lineOf(request.socket)
    if (response.socket) {
      begin(request, response, line, expects)
      return
    }
    line.waiting++
    if (line.waiting >= maxWaiting) request.socket.pause()
    response.once('socket', (socket: Socket) => {
      if (--line.waiting === 0) socket.resume()
      begin(request, response, line, expects)
    })
  }

  const server = createServer(
    { maxHeaderSize: 16 * 1024, keepAlive: true, ...options, insecureHTTPParser: false, requireHostHeader: false },
    (request, response) => receive(request, response),
  )
  // 0 is no limit: past one, Node frames by headers that it does not show; ours is `maxHeaderLines`
  server.maxHeadersCount = 0

  server.on('connection', (socket: Socket) => {
    // Node calls this after the last answer; closed with bytes unread, the kernel would take the answer back
    socket.destroySoon = () => {
      const line = lineOf(socket)
      line.closed = true
      const body = line.current?.request
      if (!body || body.complete || socket.destroyed) {
        Socket.prototype.destroySoon.call(socket)
        return
      }
      const late = setTimeout(() => socket.destroy(), lingerTime)
      socket.once('close', () => clearTimeout(late)).end()
      body.once('end', () => socket.destroy()).unpipe()
      body.resume()
    }
  })
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    receive(request, response, 'continue')
  })
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    receive(request, response, 'other')
  })
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    socket.on('error', () => socket.destroy())
    if (lineOf(socket).current) socket.destroy()
    else listener.refuseSocket(socket, 'no-such-method', request)
  })
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    const line = lineOf(socket)
    if (line.current || line.closed) {
      socket.destroy() // its answer would overtake the one before
      return
    }
    const frame = frameOfRequest(request)
    if (typeof frame === 'string') listener.refuseSocket(socket, frame, request)
    else if (request.headers.upgrade?.toLowerCase() !== 'websocket' || request.method !== 'GET')
      declineUpgrade(server, request, socket, head)
    else if (hasBody(frame)) listener.refuseSocket(socket, 'bad-request', request)
    else listener.upgrade(request, socket, head)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const line = lineOf(socket)
    const { current } = line
    if (error.code === 'ECONNRESET') socket.destroy()
    else if (line.closed)
      return // what still comes is let go by
    else if (current?.request.complete === true) {
      // the fault is in what follows: this one keeps its answer
      line.closed = true
      socket.pause()
      current.response.once('close', () => Socket.prototype.destroySoon.call(socket))
    } else if (current?.response.headersSent === true) socket.destroy()
    else {
      line.closed = true
      listener.refuseSocket(socket, parserRefusals[error.code ?? ''] ?? 'bad-request')
    }
  })
  return server
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
