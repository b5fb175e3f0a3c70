import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { openDatagrams } from '../../lib/open-port.js'
import { keyOf } from '../clients.js'
import { connectionsOfAKind } from '../descriptors.js'
import type { PortLead } from '../table.js'
import type { OpenPort } from './open-port.js'
import { plainAddress } from './proxy-head.js'

/** ms without a datagram after which a session is over: answered, and not yet (as the kernel's conntrack has it), and of a process that leaves. */
const idleTimes = { answered: 120_000, unanswered: 30_000, leaving: 5_000 }
/** Between looks at which are over, in ms. */
const sweepTime = 1_000
/** Sessions of one port, and of all. */
const most = { port: Math.min(4_096, Math.ceil(connectionsOfAKind / 4)), all: Math.min(8_192, connectionsOfAKind) }
/** Bytes that wait to be sent, to clients of a port and to a process for each of them; what is more is dropped. */
const mostWaiting = { clients: 1_048_576, process: 262_144 }
/** Sessions of all ports. */
let open = 0

/** The datagrams of one client, and what answers them. */
interface Session {
  readonly upstream: Socket
  readonly client: string
  /** Sends one, or keeps it until the way is known. */
  readonly send: (datagram: Buffer) => void
  readonly hasLeft: () => boolean
  readonly over: () => void
  at: number
  isAnswered: boolean
}

/** What UDP ports are bounded by. */
export interface UdpLimits {
  /** Sessions of one client address. */
  readonly each: number
  readonly idle?: Partial<typeof idleTimes>
  readonly port?: number
}

/**
 * A UDP port that leads to an app. Each address and port of a client has a session, from a socket of its own to one process, so that
 * answers go to whom they are for. Where there is no room, the oldest that was never answered makes some: a flood with
 * made-up addresses ends none that work.
 */
export class UdpPort implements OpenPort {
  readonly #find: () => PortLead
  readonly #limits: UdpLimits
  readonly #idle: typeof idleTimes
  readonly #sessions = new Map<string, Session>()
  readonly #counts = new Map<string, number>()
  #socket: Socket | undefined
  #sweep: NodeJS.Timeout | undefined

  /** @param find says where it leads now */
  constructor(find: () => PortLead, limits: UdpLimits) {
    this.#find = find
    this.#limits = limits
    this.#idle = { ...idleTimes, ...limits.idle }
  }

  /** @throws the system's error */
  async open(): Promise<void> {
    const socket = await openDatagrams(this.#find().port)
    this.#socket = socket
    socket.on('error', () => undefined).on('message', (datagram, from) => this.#receive(datagram, from))
    this.#sweep = setInterval(() => this.#endIdle(), sweepTime).unref()
  }

  /** A port that is closed can answer nobody: its sessions end with it. */
  ended(): Promise<void> {
    this.cut()
    clearInterval(this.#sweep)
    this.#socket?.close()
    this.#socket = undefined
    return Promise.resolve()
  }

  cut(): void {
    for (const session of this.#sessions.values()) session.over()
  }

  #receive(datagram: Buffer, from: RemoteInfo): void {
    const key = `${from.address} ${from.port}`
    const session = this.#sessions.get(key) ?? this.#begin(key, from)
    if (!session) return
    session.at = performance.now()
    session.send(datagram)
  }

  #begin(key: string, from: RemoteInfo): Session | undefined {
    const { destination, to } = this.#find()
    const address = plainAddress(from.address)
    const client = keyOf(address)
    if (destination.rules?.admits(address) === false || !this.#hasRoom(client)) return undefined
    const backend = destination.pick()
    if (!backend || !('host' in backend.endpoint)) return undefined
    const upstream = createSocket('udp4')
    const release = backend.hold()
    const { send, ready } = sender(upstream)
    const over = (): void => {
      if (!this.#sessions.delete(key)) return
      open--
      const left = (this.#counts.get(client) ?? 1) - 1
      if (left > 0) this.#counts.set(client, left)
      else this.#counts.delete(client)
      upstream.close()
      release()
    }
    const session: Session = {
      ...{ upstream, client, send, over, at: performance.now(), isAnswered: false },
      hasLeft: () => backend.hasLeft,
    }
    open++
    this.#counts.set(client, (this.#counts.get(client) ?? 0) + 1)
    this.#sessions.set(key, session)
    // nobody listens there, or the process is gone: the next datagram finds another
    upstream.on('error', over).on('message', (answer) => this.#answer(session, answer, from))
    upstream.once('connect', ready).connect(to, backend.endpoint.host)
    return session
  }

  #answer(session: Session, answer: Buffer, { address, port }: RemoteInfo): void {
    session.at = performance.now()
    session.isAnswered = true
    if (!this.#socket || this.#socket.getSendQueueSize() > mostWaiting.clients) return
    this.#socket.send(answer, port, address, () => undefined)
  }

  #hasRoom(client: string): boolean {
    if ((this.#counts.get(client) ?? 0) >= this.#limits.each) return false
    if (this.#sessions.size < (this.#limits.port ?? most.port) && open < most.all) return true
    for (const session of this.#sessions.values()) {
      if (session.isAnswered) continue
      session.over()
      return true
    }
    return false
  }

  #endIdle(): void {
    const now = performance.now()
    for (const session of this.#sessions.values()) {
      const { answered, unanswered, leaving } = this.#idle
      const rest = session.isAnswered ? answered : unanswered
      if (now - session.at > (session.hasLeft() ? Math.min(leaving, rest) : rest)) session.over()
    }
  }
}

/** Keeps what comes before the way to the process is known, which is a turn or two. */
function sender(upstream: Socket): { readonly send: (datagram: Buffer) => void; readonly ready: () => void } {
  let early: Buffer[] | undefined = []
  let waiting = 0
  const send = (datagram: Buffer): void => {
    if (early === undefined) {
      if (upstream.getSendQueueSize() <= mostWaiting.process) upstream.send(datagram, () => undefined)
    } else if (waiting + datagram.length <= mostWaiting.process) {
      waiting += datagram.length
      early.push(datagram)
    }
  }
  const ready = (): void => {
    const all = early ?? []
    early = undefined
    for (const datagram of all) send(datagram)
  }
  return { send, ready }
}
