import type { Server as HttpServer } from 'node:http'
import type { Socket } from 'node:net'
import type { Server as TlsServer, TLSSocket } from 'node:tls'
import { clientOf } from './headers.js'
import { introduceAs } from './introductions.js'
import type { KeyPair } from './self-signed.js'
import { ClientSessions, type StreamHandlers } from './sessions.js'
import { tlsProtocol } from '../store/acme.js'
import { tlsDefaults, type ShownCertificates } from './shown.js'
import type { TlsChallenges } from './tls-challenges.js'

/** To be chosen in this order. */
const spoken = ['h2', 'http/1.1'] as const
/** ms for a handshake. */
const handshakeTimeout = 10_000

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
export interface SecureHandlers extends StreamHandlers {
  readonly http1: HttpServer
  /** Is told the name that a client asks for (SNI). */
  readonly named?: (name: string) => void
}

/** A listener for HTTPS: it shakes hands, and gives a connection to HTTP/1 or HTTP/2 by what the client chose (ALPN). */
export class SecureListener {
  readonly server: TlsServer
  readonly #sessions: ClientSessions
  readonly #handlers: SecureHandlers
  /** Those whose handshake is under way, by the address and port of their client. */
  readonly #raw = new Map<string, Socket>()

  constructor({ certificates, challenges, fallback, tickets }: Secrets, handlers: SecureHandlers) {
    this.#handlers = handlers
    this.#sessions = new ClientSessions(handlers)
    this.server = process.getBuiltinModule('node:tls').createServer({
      cert: fallback.chain,
      key: fallback.key,
      ...tlsDefaults,
      ALPNCallback: protocolFor(challenges),
      SNICallback: (name, done) => {
        handlers.named?.(name)
        done(null, certificates.contextFor(name))
      },
      handshakeTimeout,
      ticketKeys: tickets,
      sessionTimeout: 12 * 3600,
      noDelay: true,
    })
    this.server.on('connection', (socket: Socket) => this.#admit(socket))
    this.server.on('tlsClientError', (_error, socket) => socket.destroy())
    this.server.on('secureConnection', (socket: TLSSocket) => this.#hand(socket))
    // Node's server looks for clients that are too slow from when it listens, which this one does through another
    handlers.http1.emit('listening')
    this.server.once('close', () => handlers.http1.close())
  }

  /** As of ClientSessions. */
  leave(): void {
    this.#sessions.leave()
  }

  /** As of ClientSessions. */
  close(): void {
    this.#sessions.close()
  }

  cut(): void {
    this.#sessions.cut()
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
    this.#sessions.begin(socket)
  }
}

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
