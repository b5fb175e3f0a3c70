import type { Server as HttpServer } from 'node:http'
import { createServer, type Server, type Socket } from 'node:net'
import type { Clients } from './clients.js'
import { FirstBytes } from './first-bytes.js'
import { clientOf } from './headers.js'
import { ClientSessions, type StreamHandlers } from './sessions.js'

/** What a client begins with that knows to be understood in HTTP/2 (RFC 9113 §3.4). */
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

/** What the first bytes of a connection speak. */
function protocolOf(bytes: Buffer): 'h2c' | 'http1' | 'more' {
  const isPreface = bytes.subarray(0, preface.length).equals(preface.subarray(0, bytes.length))
  return !isPreface ? 'http1' : bytes.length < preface.length ? 'more' : 'h2c'
}

/** Who serves what comes in without TLS. */
export interface PlainHandlers extends StreamHandlers {
  readonly http1: HttpServer
  /** Whether clients may come by HTTP/2: where none will, nobody waits for first bytes. */
  readonly isHttp2Wanted: () => boolean
  /** ms for the first bytes. */
  readonly headTime: number
}

/** A listener without TLS: it gives a connection to HTTP/1, or to HTTP/2 where that is what its client begins with. */
export class PlainListener {
  readonly server: Server
  readonly #first: FirstBytes<'h2c' | 'http1'>
  readonly #clients: Clients
  readonly #handlers: PlainHandlers
  /** Made for the first. */
  #sessions: ClientSessions | undefined

  constructor(handlers: PlainHandlers) {
    const { http1, isHttp2Wanted, clients, headTime } = handlers
    this.#clients = clients
    this.#handlers = handlers
    const events = {
      found: (socket: Socket, protocol: 'h2c' | 'http1', bytes: Buffer): void => this.#hand(socket, protocol, bytes),
      late: (): void => undefined,
    }
    this.#first = new FirstBytes(protocolOf, events, headTime)
    this.server = createServer({ noDelay: true, keepAlive: true, allowHalfOpen: true }, (socket) => {
      // it counts from here on; what is one too many is answered by HTTP/1
      if (isHttp2Wanted() && this.#clients.admit(socket, clientOf({ socket }))) this.#first.receive(socket)
      else http1.emit('connection', socket)
    })
    // Node's server looks for clients that are too slow from when it listens, which this one does through another
    this.server.once('listening', () => http1.emit('listening')).once('close', () => http1.close())
  }

  leave(): void {
    this.#sessions?.leave()
  }

  close(): void {
    this.#sessions?.close()
  }

  cut(): void {
    this.#first.cut()
    this.#sessions?.cut()
  }

  #hand(socket: Socket, protocol: 'h2c' | 'http1', bytes: Buffer): void {
    socket.unshift(bytes)
    if (protocol === 'http1') this.#handlers.http1.emit('connection', socket)
    else (this.#sessions ??= new ClientSessions(this.#handlers)).begin(socket)
  }
}
