import { Agent } from 'node:http'
import { connect, type Socket, type TcpNetConnectOpts, type IpcNetConnectOpts } from 'node:net'

/** Where a process listens. */
export type Endpoint = { readonly host: string; readonly port: number } | { readonly socketPath: string }

/** ms. A container is on this machine: a healthy one takes well under one. */
const connectTimeout = 2000
/** ms during which a process that could not be reached is asked last. */
const suspicion = 1000

function open(endpoint: Endpoint): Socket {
  const options: TcpNetConnectOpts | IpcNetConnectOpts =
    'socketPath' in endpoint
      ? { path: endpoint.socketPath }
      : { host: endpoint.host, port: endpoint.port, noDelay: true, keepAlive: true }
  const socket = connect(options)
  let last: NodeJS.Immediate | undefined
  const late = setTimeout(() => {
    // where the loop itself was held up, the connection may be there and not have been looked at yet
    last = setImmediate(() =>
      socket.destroy(Object.assign(new Error('connect timed out'), { code: 'ETIMEDOUT', syscall: 'connect' })),
    )
  }, connectTimeout)
  const settled = () => {
    clearTimeout(late)
    clearImmediate(last)
  }
  return socket.once('connect', settled).once('close', settled)
}

class Pool extends Agent {
  readonly #endpoint: Endpoint
  constructor(endpoint: Endpoint) {
    super({ keepAlive: true, maxFreeSockets: 64 })
    this.#endpoint = endpoint
  }
  override createConnection(): Socket {
    return open(this.#endpoint)
  }
}

/** Carries one request over a connection that is already open. */
class Single extends Agent {
  readonly #socket: Socket
  constructor(socket: Socket) {
    super()
    this.#socket = socket
  }
  override createConnection(): Socket {
    return this.#socket
  }
  override destroy(): void {
    super.destroy()
    this.#socket.destroy()
  }
}

/**
 * One process that requests can be sent to. It counts those it holds; when it has left the table and the last has ended
 * it calls `drained` and closes its connections, so that a later container with the same address never inherits one.
 */
export class Backend {
  readonly id: string
  readonly endpoint: Endpoint
  /** Kept-alive connections. The app may close one as a request leaves on it, so only repeatable requests travel here. */
  readonly pool: Agent
  readonly #drained: (backend: Backend) => void
  #held = 0
  #failedAt = -suspicion
  #left = false

  constructor(id: string, endpoint: Endpoint, drained: (backend: Backend) => void = () => undefined) {
    this.id = id
    this.endpoint = endpoint
    this.pool = new Pool(endpoint)
    this.#drained = drained
  }

  get busy(): boolean {
    return this.#held > 0
  }

  get suspect(): boolean {
    return performance.now() - this.#failedAt < suspicion
  }

  /** Counts a request; the returned function, which may be called twice, ends it. */
  hold(): () => void {
    this.#held++
    let over = false
    return () => {
      if (over) return
      over = true
      if (--this.#held === 0 && this.#left) {
        this.pool.destroy()
        this.#drained(this)
      }
    }
  }

  /** Notes that it could not be reached. */
  fail(): void {
    this.#failedAt = performance.now()
  }

  leave(): void {
    this.#left = true
    if (!this.busy) this.pool.destroy()
  }

  /** Back in the table before it had drained. */
  stay(): void {
    this.#left = false
  }

  /** Opens a connection for one request. Rejects before a byte of the request has been sent. */
  async dial(): Promise<Agent> {
    const socket = open(this.endpoint)
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve).once('error', reject)
      })
    } catch (error) {
      this.fail()
      throw error
    }
    socket.removeAllListeners('error')
    return new Single(socket)
  }
}
