import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { frameOfAnswer, framingHeaders, isSound } from '../framing.js'
import type { Backend } from './backend.js'
import type { Connection } from './connection.js'
import { isOwnError } from './descriptors.js'
import type { Origin } from './exchange.js'
import { createProxy, target } from './forward.js'
import { prepareResponse } from './headers.js'
import type { RequestAddress } from './host.js'
import { sendRawPage, type ErrorKind } from './pages.js'

/** ms the other side of a half-closed WebSocket gets to close too. */
const grace = 10_000

/** A request to switch to WebSocket. */
export interface Upgrade {
  readonly request: IncomingMessage
  readonly socket: Socket
  readonly head: Buffer
  readonly address: RequestAddress
  readonly origin: Origin
  readonly id: string
}

/** WebSockets. Each counts as a request of its process until both sides have closed. */
export class Tunnels {
  readonly #proxy = createProxy()
  readonly #open = new Set<Socket>()

  /** Forwards an upgrade; its socket is closed in every case. */
  async upgrade(upgrade: Upgrade): Promise<void> {
    const { request, socket, origin } = upgrade
    socket.on('error', () => undefined)
    request.headers.connection = 'Upgrade'
    request.headers.upgrade = 'websocket'
    const tried = new Set<Backend>()
    for (;;) {
      const backend = origin.find()?.pick(tried)
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
        this.#connect(upgrade, connection, release)
        return
      }
      connection?.destroy()
      release()
      if (connection || !socket.writable) return
      tried.add(backend)
    }
  }

  /** Passes the request on over a connection to a process. @param release to be called when it is over */
  #connect(upgrade: Upgrade, connection: Connection, release: () => void): void {
    const { request, socket, head, origin } = upgrade
    const late = setTimeout(() => this.#refuse(upgrade, 'too-slow'), origin.firstByte || 30_000)
    let answered = false
    const settle = () => {
      answered = true
      clearTimeout(late)
    }
    this.#open.add(socket)
    socket.once('close', () => {
      clearTimeout(late)
      this.#open.delete(socket)
      connection.destroy()
      release()
    })
    connection.onRequest = (outgoing) => this.#onOutgoing(upgrade, settle, outgoing)
    try {
      this.#proxy.ws(request, socket, head, { target, agent: connection }, () => {
        if (!answered) this.#refuse(upgrade, 'hung-up')
      })
    } catch {
      this.#refuse(upgrade, 'bad-request')
    }
  }

  /** Cuts them all: they may stay for days, and their clients connect anew. */
  close(): void {
    for (const socket of this.#open) socket.destroy()
  }

  #onOutgoing({ socket, address, id, ...upgrade }: Upgrade, settle: () => void, outgoing: ClientRequest): void {
    outgoing.path = address.path
    // Nobody reads the socket yet, so nobody would see the client leave: readable with nothing to read is its end.
    const leave = () => {
      if (socket.readableLength === 0) socket.destroy()
    }
    socket.on('readable', leave)
    // Registered before http-proxy's own listeners, which write what we leave in the headers.
    outgoing.once('response', (answer: IncomingMessage) => {
      settle()
      const frame = frameOfAnswer(answer, 'GET')
      if (frame === null) {
        this.#refuse({ socket, address, id, ...upgrade }, 'hung-up')
        outgoing.destroy()
        return
      }
      answer.headers = prepareResponse(answer, frame, { keepAlive: false, id }) as IncomingHttpHeaders
      answer.once('error', () => socket.destroy())
    })
    outgoing.once('upgrade', (answer: IncomingMessage, upstream: Socket) => {
      settle()
      for (const name of framingHeaders) Reflect.deleteProperty(answer.headers, name)
      if (!isSound(answer.rawHeaders)) {
        answer.headers = {}
        upstream.destroy()
      }
      socket.off('readable', leave)
      join(socket, upstream)
    })
  }

  #refuse(upgrade: Upgrade, kind: ErrorKind): void {
    const { socket, address, id, origin, request } = upgrade
    const app = origin.find()?.name
    sendRawPage(socket, kind, { host: address.host, id, ...(app ? { app } : {}) }, request.headers.accept)
  }
}

/** Makes two sockets end together; http-proxy pipes them, which passes on an end but no reset and no disappearance. */
function join(a: Socket, b: Socket): void {
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    one.once('end', () => {
      const late = setTimeout(() => other.destroy(), grace)
      other.once('close', () => clearTimeout(late))
    })
    one.once('error', () => other.resetAndDestroy())
    one.once('close', () => other.destroySoon())
  }
}
