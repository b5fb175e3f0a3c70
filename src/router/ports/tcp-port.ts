import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { listenOn } from '../../lib/open-port.js'
import type { Clients } from '../clients.js'
import { clientOf } from '../headers.js'
import type { PortLead } from '../table.js'
import { carry } from './carry.js'
import type { OpenPort } from './open-port.js'
import { proxyHead } from './proxy-head.js'

/** A TCP port that leads to an app. */
export class TcpPort implements OpenPort {
  readonly #find: () => PortLead
  readonly #clients: Clients
  readonly #open = new Set<Socket>()
  readonly #server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.#receive(socket))

  /** @param find says where it leads now */
  constructor(find: () => PortLead, clients: Clients) {
    this.#find = find
    this.#clients = clients
  }

  /** @throws the system's error */
  open(): Promise<void> {
    return listenOn(this.#server, this.#find().port)
  }

  async ended(): Promise<void> {
    if (!this.#server.listening && this.#open.size === 0) return
    this.#server.close()
    await once(this.#server, 'close')
  }

  cut(): void {
    for (const socket of this.#open) socket.resetAndDestroy()
  }

  #receive(socket: Socket): void {
    const { destination, to, introduced } = this.#find()
    const client = clientOf({ socket })
    socket.on('error', () => undefined)
    if (destination.rules?.admits(client) === false || !this.#clients.admit(socket, client)) {
      socket.resetAndDestroy()
      return
    }
    this.#clients.works(socket)
    this.#open.add(socket)
    socket.once('close', () => this.#open.delete(socket))
    const first = introduced && proxyHead(socket)
    void carry(socket, { find: () => this.#find().destination, to, first })
  }
}
