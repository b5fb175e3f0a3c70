import type { Http2Server, Http2Session, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { maxHeaderLines } from '../framing.js'
import type { Clients } from './clients.js'

const idleSession = 75_000
/** The same where another router has taken over. */
const quietSession = 1000
/** Streams of one session at once. */
const concurrentStreams = 100

/** Who serves the streams of clients. */
export interface StreamHandlers {
  readonly clients: Clients
  /** @param socket that the stream came over */
  readonly stream: (stream: ServerHttp2Stream, raw: readonly string[], ended: boolean, socket: Socket) => void
}

/** The HTTP/2 sessions of clients. */
export class ClientSessions {
  readonly #http2: Http2Server
  readonly #handlers: StreamHandlers
  /** ms a session without a stream is kept. */
  #rest = idleSession
  readonly #sessions = new Map<Http2Session, { readonly socket: Socket; streams: number }>()

  constructor(handlers: StreamHandlers) {
    this.#handlers = handlers
    this.#http2 = http2Server()
    this.#http2.on('stream', (stream: ServerHttp2Stream, _headers, flags: number, raw: readonly string[]) => {
      stream.on('error', () => undefined) // its end follows
      const socket = stream.session && this.#sessions.get(stream.session)?.socket
      if (!socket) return // it has gone already
      this.#count(stream)
      handlers.stream(stream, raw, (flags & 1) !== 0, socket)
    })
  }

  /** Speaks HTTP/2 over a connection from here on. */
  begin(socket: Socket): void {
    this.#http2.once('session', (session: ServerHttp2Session) => this.#follow(session, socket))
    this.#http2.emit('connection', socket)
  }

  /**
   * Has sessions end when they are at rest for a moment. node:http2 ends one by ignoring what is on its way by then, which its
   * client may send again (RFC 9113 §6.8), and not every client does: so not while requests come.
   */
  leave(): void {
    this.#rest = quietSession
    for (const session of this.#sessions.keys()) session.setTimeout(this.#rest)
  }

  /** Ends sessions that are at rest at once, and those with streams after these. */
  close(): void {
    for (const session of this.#sessions.keys()) session.close()
  }

  cut(): void {
    for (const session of this.#sessions.keys()) session.destroy()
  }

  #follow(session: ServerHttp2Session, socket: Socket): void {
    this.#sessions.set(session, { socket, streams: 0 })
    session.once('close', () => this.#sessions.delete(session))
    session.on('error', () => undefined) // its end follows
    session.setTimeout(this.#rest)
    session.on('timeout', () => {
      if (this.#sessions.get(session)?.streams === 0) session.close()
    })
  }

  /** A session is at work while it has a stream. */
  #count(stream: ServerHttp2Stream): void {
    const session = stream.session && this.#sessions.get(stream.session)
    if (!session) return
    const { clients } = this.#handlers
    session.streams++
    clients.works(session.socket)
    stream.once('close', () => {
      if (--session.streams === 0) clients.rests(session.socket)
    })
  }
}

/** Loaded when it is needed, as TLS is. */
const http2Server = (): Http2Server =>
  process.getBuiltinModule('node:http2').createServer({
    maxHeaderListPairs: maxHeaderLines + 4,
    maxSessionInvalidFrames: 100,
    // rapid reset: so many at once and a second, then the session ends
    streamResetBurst: 200,
    streamResetRate: 50,
    settings: {
      maxConcurrentStreams: concurrentStreams,
      maxHeaderListSize: 16 * 1024,
      initialWindowSize: 256 * 1024,
      enablePush: false,
      enableConnectProtocol: false,
    },
  })
