import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { createServer, type Server, type Socket as TcpSocket } from 'node:net'
import { codeOf, messageOf } from '../errors.js'
import { failure, parseQuery, type Query } from './dns-message.js'
import { framed, messagesOf, type DnsTransport } from './forward.js'
import { family, Netlink } from '../kernel/netlink.js'
import { redirection } from './redirect.js'
import { serverSocketsIn } from '../kernel/sockets.js'

/** Where every container on a user network finds its name server, as with Docker: configurations name it. */
export const resolverAddress = '127.0.0.11'

/**
 * Where the sockets really are: port 53 is the program's own to use. Below no ephemeral port, and always the same, so
 * that a socket which a program keeps to its name server finds the next engine's resolver where this one's was.
 */
const hiddenPort = 61_053

/** A container may flood its resolver; it must not take the engine with it. */
const limits = { questions: 256, connections: 32, idleMs: 10_000 } as const

/** Answers a query; undefined: not at all. */
export type QueryHandler = (query: Query, transport: DnsTransport) => Promise<Buffer | undefined>

/**
 * A name server inside one container's network namespace, served by the engine: nothing runs in the container. It ends
 * with the engine; the redirection to it stays, so that lookups are refused at once until the next engine opens it anew.
 */
export class Resolver implements Disposable {
  readonly #answer: QueryHandler
  readonly #udp: UdpSocket = createSocket('udp4')
  readonly #tcp: Server
  readonly #connections = new Set<TcpSocket>()
  #questions = 0

  private constructor(answer: QueryHandler, sockets: { udp: number; tcp: number }) {
    this.#answer = answer
    this.#udp.on('error', () => undefined)
    this.#udp.on('message', (message, { port, address }) => {
      void this.#ask(message, 'udp').then((response) => {
        if (response && !this.#closed) this.#udp.send(response, port, address, () => undefined)
      })
    })
    this.#udp.bind({ fd: sockets.udp }).unref()
    this.#tcp = createServer((connection) => void this.#serve(connection))
    this.#tcp.maxConnections = limits.connections
    this.#tcp.listen({ fd: sockets.tcp }).unref()
  }

  #closed = false

  /** @param netns path of the namespace; its loopback is up. @throws SystemCallError, NetlinkError */
  static async open(netns: string, answer: QueryHandler): Promise<Resolver> {
    let port = hiddenPort
    const sockets = socketsAt(netns, () => port++)
    const resolver = new Resolver(answer, sockets)
    try {
      using inside = Netlink.openIn(netns, family.netfilter)
      await inside.batch(redirection(resolverAddress, 53, port - 1))
      return resolver
    } catch (error) {
      resolver[Symbol.dispose]()
      throw error
    }
  }

  async #ask(message: Buffer, transport: DnsTransport): Promise<Buffer | undefined> {
    const query = parseQuery(message)
    if (!query || this.#questions >= limits.questions) return undefined
    this.#questions++
    try {
      return await this.#answer(query, transport)
    } catch (error) {
      console.error(`a question for ${JSON.stringify(query.name)} cannot be answered: ${messageOf(error)}`)
      return failure(query)
    } finally {
      this.#questions--
    }
  }

  async #serve(connection: TcpSocket): Promise<void> {
    this.#connections.add(connection)
    connection.setTimeout(limits.idleMs, () => connection.destroy())
    try {
      for await (const message of messagesOf(connection)) {
        const response = await this.#ask(message, 'tcp')
        if (!response) break
        connection.write(framed(response))
      }
    } catch {
      // the client left
    } finally {
      connection.destroy()
      this.#connections.delete(connection)
    }
  }

  [Symbol.dispose](): void {
    this.#closed = true
    this.#udp.close()
    this.#tcp.close()
    for (const connection of this.#connections) connection.destroy()
  }
}

/** While no engine ran, the container's program may have taken the port. */
function socketsAt(netns: string, nextPort: () => number): { udp: number; tcp: number } {
  for (let tries = 0; ; tries++) {
    try {
      return serverSocketsIn(netns, resolverAddress, nextPort())
    } catch (error) {
      if (codeOf(error) !== 'EADDRINUSE' || tries > 20) throw error
    }
  }
}
