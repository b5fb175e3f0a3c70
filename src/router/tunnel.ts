import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Backend } from './backend.js'
import type { Origin } from './exchange.js'
import { createProxy, target } from './forward.js'
import { prepareResponse } from './headers.js'
import type { Address } from './host.js'
import { sendRawPage, type Trouble } from './pages.js'

/** ms the other side of a half-closed WebSocket gets to close too. */
const grace = 10_000

/** A request to switch to WebSocket. */
export interface Upgrade {
  readonly request: IncomingMessage
  readonly socket: Socket
  readonly head: Buffer
  readonly address: Address
  readonly origin: Origin
  readonly id: string
}

/** WebSockets. Each counts as a request of its process until both sides have closed. */
export class Tunnels {
  readonly #proxy = createProxy()
  readonly #open = new Map<IncomingMessage, { upgrade: Upgrade; settle: () => void }>()

  constructor() {
    this.#proxy.on('proxyReqWs', (outgoing, request) => this.#onOutgoing(outgoing, request))
  }

  /** Carries an upgrade out; its socket is closed in every case. */
  async upgrade(upgrade: Upgrade): Promise<void> {
    const { request, socket, head, origin } = upgrade
    socket.on('error', () => undefined)
    request.headers.connection = 'Upgrade'
    request.headers.upgrade = 'websocket'
    const tried = new Set<Backend>()
    for (;;) {
      const backend = origin.find()?.pick(tried)
      if (!backend) {
        this.#refuse(upgrade, origin.away)
        return
      }
      const release = backend.hold()
      const agent = await backend.dial().catch(() => undefined)
      if (!agent) {
        tried.add(backend)
        release()
        continue
      }
      if (socket.destroyed) {
        agent.destroy()
        release()
        return
      }
      const late = setTimeout(() => this.#refuse(upgrade, 'too-slow'), origin.firstByte || 30_000)
      let answered = false
      const settle = () => {
        answered = true
        clearTimeout(late)
      }
      this.#open.set(request, { upgrade, settle })
      socket.once('close', () => {
        clearTimeout(late)
        this.#open.delete(request)
        release()
      })
      try {
        this.#proxy.ws(request, socket, head, { target, agent }, () => {
          if (!answered) this.#refuse(upgrade, 'hung-up')
        })
      } catch {
        this.#refuse(upgrade, 'bad-request')
      }
      return
    }
  }

  /** Cuts them all: they may stay for days, and their clients connect anew. */
  close(): void {
    for (const { upgrade } of this.#open.values()) upgrade.socket.destroy()
  }

  #onOutgoing(outgoing: ClientRequest, request: IncomingMessage): void {
    const open = this.#open.get(request)
    if (!open) {
      outgoing.destroy()
      return
    }
    const { socket, address, id } = open.upgrade
    outgoing.path = address.path
    socket.once('close', () => outgoing.destroy())
    // Nobody reads the socket yet, so nobody would see the client leave: readable with nothing to read is its end.
    const leave = () => {
      if (socket.readableLength === 0) socket.destroy()
    }
    socket.on('readable', leave)
    // Registered before http-proxy's own listeners, which write what we leave in the headers.
    outgoing.once('response', (answer) => {
      open.settle()
      prepareResponse(answer, false, id)
      answer.once('error', () => socket.destroy())
    })
    outgoing.once('upgrade', (_answer, upstream: Socket) => {
      open.settle()
      socket.off('readable', leave)
      join(socket, upstream)
    })
  }

  #refuse(upgrade: Upgrade, trouble: Trouble): void {
    const { socket, address, id, origin, request } = upgrade
    const app = origin.find()?.name
    sendRawPage(socket, trouble, { host: address.host, id, ...(app ? { app } : {}) }, request.headers.accept)
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
