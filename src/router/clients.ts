import { isIPv6, type Socket } from 'node:net'

/** The connections of one client. */
interface ClientConnections {
  readonly key: string
  count: number
  /** Those between two requests, longest first. */
  readonly idle: Set<Socket>
}

/** What a client may take of the router's connections. */
export interface ClientLimits {
  /** Connections of one address (IPv6: of one /64 network). */
  readonly each: number
  /** Connections of all. */
  readonly all: number
  /** Addresses that speak for many, and have no limit of their own. */
  readonly exempt: (address: string) => boolean
}

/** The network that one client has to itself: an IPv4 address, an IPv6 /64 (RFC 6177). */
export function keyOf(address: string): string {
  if (!isIPv6(address)) return address
  const [head = '', tail] = address.split('%')[0]?.split('::') ?? []
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const middle = tail === undefined ? [] : Array<string>(Math.max(8 - left.length - right.length, 0)).fill('0')
  return [...left, ...middle, ...right].slice(0, 4).join(':')
}

/**
 * Who holds how many connections. One too many costs its own client the connection it has left unused for longest, or is
 * refused when all are at work; so a flood of connections closes nobody's but its own.
 */
export class Clients {
  readonly #limits: ClientLimits
  readonly #clients = new Map<string, ClientConnections>()
  readonly #of = new Map<Socket, ClientConnections>()
  readonly #unused = new Set<Socket>()
  readonly #under = new WeakMap<Socket, Socket>()
  /** Of all clients, longest first. */
  readonly #idle = new Set<Socket>()
  /** One function for all sockets: a closure for each would take memory for as long as it is kept. */
  readonly #closed: (this: Socket) => void

  constructor(limits: ClientLimits) {
    this.#limits = limits
    const forget = (socket: Socket): void => this.#forget(socket)
    this.#closed = function () {
      forget(this)
    }
  }

  /** Counts a new connection until it closes. False when there is no room for it: it has not been counted. */
  admit(socket: Socket, address: string): boolean {
    if (this.#of.has(this.#under.get(socket) ?? socket)) return true
    const { each, all, exempt } = this.#limits
    const key = keyOf(address)
    const client = this.#clients.get(key) ?? { key, count: 0, idle: new Set() }
    if (client.count >= each && !exempt(address) && !this.#drop(client.idle)) return false
    if (this.#of.size >= all && !this.#drop(this.#idle)) return false
    client.count++
    this.#clients.set(key, client)
    this.#of.set(socket, client)
    this.#unused.add(socket)
    this.rests(socket)
    socket.on('close', this.#closed)
    return true
  }

  /** One that speaks TLS over a connection that has been admitted: what it does, that one does. */
  wraps(secure: Socket, raw: Socket): void {
    this.#under.set(secure, raw)
  }

  /** A request has begun on it. */
  works(given: Socket): void {
    const socket = this.#under.get(given) ?? given
    this.#unused.delete(socket)
    this.#idle.delete(socket)
    this.#of.get(socket)?.idle.delete(socket)
  }

  /** It has no request any more. */
  rests(given: Socket): void {
    const socket = this.#under.get(given) ?? given
    const client = this.#of.get(socket)
    if (!client || socket.destroyed) return
    this.#idle.add(socket)
    client.idle.add(socket)
  }

  /** Those that no request has come over: opened ahead by a browser. */
  unused(): Iterable<Socket> {
    return this.#unused
  }

  #drop(idle: ReadonlySet<Socket>): boolean {
    for (const socket of idle) {
      this.#forget(socket)
      socket.destroy()
      return true
    }
    return false
  }

  #forget(socket: Socket): void {
    const client = this.#of.get(socket)
    if (!client) return
    this.works(socket)
    this.#of.delete(socket)
    if (--client.count === 0) this.#clients.delete(client.key)
  }
}
