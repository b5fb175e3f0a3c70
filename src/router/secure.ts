import type { Server as HttpServer } from 'node:http'
import type { Http2Server, Http2Session, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { Server as TlsServer, TLSSocket } from 'node:tls'
import { maxHeaderLines } from '../framing.js'
import type { Clients } from './clients.js'
import { clientOf } from './headers.js'
import { introduceAs } from './introductions.js'
import type { KeyPair } from './self-signed.js'
import { tlsProtocol } from '../store/acme.js'
import { tlsDefaults, type ShownCertificates } from './shown.js'
import type { TlsChallenges } from './tls-challenges.js'

/** To be chosen in this order. */
const spoken = ['h2', 'http/1.1'] as const
/** ms for a handshake. */
const handshakeTimeout = 10_000
const idleSession = 75_000
/** The same where another router has taken over. */
const quietSession = 1000
/** Streams of one session at once. */
const concurrentStreams = 100

/** What TLS is spoken with. */
export interface Secrets {
  readonly certificates: ShownCertificates
  /** What CAs are shown that look at handshakes; nothing unless given. */
  readonly challenges?: TlsChallenges
  /** Shown where there is none for a name. */
  readonly fallback: KeyPair
  /** Keys of session tickets, 48 bytes: routers that share them take up each other's sessions. */
  readonly tickets: Buffer
}

/** Who serves what comes in. */
export interface SecureHandlers {
  readonly http1: HttpServer
  readonly clients: Clients
  /** @param socket that the stream came over */
  readonly stream: (stream: ServerHttp2Stream, raw: readonly string[], ended: boolean, socket: Socket) => void
}

/** A listener for HTTPS: it shakes hands, and gives a connection to HTTP/1 or HTTP/2 by what the client chose (ALPN). */
export class SecureListener {
  readonly server: TlsServer
  readonly #http2: Http2Server
  readonly #handlers: SecureHandlers
  /** ms a session without a stream is kept. */
  #rest = idleSession
  readonly #sessions = new Map<Http2Session, { readonly socket: TLSSocket; streams: number }>()
  /** Those whose handshake is under way, by the address and port of their client. */
  readonly #raw = new Map<string, Socket>()

  constructor({ certificates, challenges, fallback, tickets }: Secrets, handlers: SecureHandlers) {
    this.#handlers = handlers
    this.#http2 = http2Server()
    this.server = process.getBuiltinModule('node:tls').createServer({
      cert: fallback.chain,
      key: fallback.key,
      ...tlsDefaults,
      ALPNCallback: protocolFor(challenges),
      SNICallback: (name, done) => done(null, certificates.contextFor(name)),
      handshakeTimeout,
      ticketKeys: tickets,
      sessionTimeout: 12 * 3600,
      noDelay: true,
    })
    this.server.on('connection', (socket: Socket) => this.#admit(socket))
    this.server.on('tlsClientError', (_error, socket) => socket.destroy())
    this.server.on('secureConnection', (socket: TLSSocket) => this.#hand(socket))
    this.#http2.on('stream', (stream: ServerHttp2Stream, _headers, flags: number, raw: readonly string[]) => {
      stream.on('error', () => undefined) // its end follows
      const socket = stream.session && this.#sessions.get(stream.session)?.socket
      if (!socket) return // it has gone already
      this.#count(stream)
      handlers.stream(stream, raw, (flags & 1) !== 0, socket)
    })
    // Node's server looks for clients that are too slow from when it listens, which this one does through another
    handlers.http1.emit('listening')
    this.server.once('close', () => handlers.http1.close())
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
    for (const socket of this.#raw.values()) socket.destroy()
  }

  #admit(socket: Socket): void {
    if (!this.#handlers.clients.admit(socket, clientOf({ socket }))) {
      socket.destroy()
      return
    }
    const peer = peerOf(socket)
    this.#raw.set(peer, socket)
    socket.once('close', () => {
      if (this.#raw.get(peer) === socket) this.#raw.delete(peer)
    })
  }

  #hand(socket: TLSSocket): void {
    const raw = this.#raw.get(peerOf(socket))
    if (!raw) {
      socket.destroy() // it has gone already
      return
    }
    this.#raw.delete(peerOf(socket))
    this.#handlers.clients.wraps(socket, raw)
    introduceAs(socket, raw)
    if (socket.alpnProtocol === tlsProtocol) {
      socket.on('error', () => undefined).destroySoon() // the handshake was all (RFC 8737 §3)
      return
    }
    if (socket.alpnProtocol !== 'h2') {
      this.#handlers.http1.emit('connection', socket)
      return
    }
    this.#http2.once('session', (session: ServerHttp2Session) => this.#follow(session, socket))
    this.#http2.emit('connection', socket)
  }

  #follow(session: ServerHttp2Session, socket: TLSSocket): void {
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

/**
 * Chooses what is spoken. A CA that speaks nothing but its own protocol is shown what it looks for in place of the certificate; where there
 * is nothing to prove, the handshake ends, as RFC 7301 §3.2 has it where nothing is in common.
 */
const protocolFor = (challenges: TlsChallenges | undefined) =>
  function (this: TLSSocket, { servername, protocols }: { servername: string; protocols: string[] }) {
    if (protocols.length !== 1 || protocols[0] !== tlsProtocol) return spoken.find((one) => protocols.includes(one))
    const context = challenges?.contextFor(servername)
    if (context) this.setKeyCert(context)
    return context && tlsProtocol
  }

/** What names a connection, on the raw socket as on that which speaks TLS over it. */
const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress ?? ''} ${remotePort ?? 0}`
