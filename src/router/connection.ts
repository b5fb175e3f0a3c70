import { Agent, type ClientRequest, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'

/** Where a process listens. */
export type BackendAddress = { readonly host: string; readonly port: number } | { readonly socketPath: string }

/** ms. A container is on this machine: a healthy one takes well under one. */
const connectTimeout = 2000
/** ms an unused connection is kept where the app does not say for how long it will (`Keep-Alive: timeout=`). */
const unspokenIdle = 1500
const longestIdle = 60_000

function open(endpoint: BackendAddress): Socket {
  // half-open, as the end of the other side is looked into before ours ends
  const options = { noDelay: true, keepAlive: true, allowHalfOpen: true }
  const socket = connect(
    'socketPath' in endpoint ? { path: endpoint.socketPath, ...options } : { ...endpoint, ...options },
  )
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

/** Where a connection that is kept alive goes between two requests. */
export interface Home {
  /** It may carry another request. */
  readonly rests: (connection: Connection) => void
  readonly closed: (connection: Connection) => void
}

/** ms an app keeps an unused connection, by its answer, less a second: it must never be the app who closes first. */
function idleTime(keepAlive: string): number {
  const [, seconds] = /(?:^|[,\s])timeout=(\d{1,6})/i.exec(keepAlive) ?? []
  return seconds === undefined ? unspokenIdle : Math.min(Number(seconds) * 1000 - 1000, longestIdle)
}

/**
 * One connection to a process, as the agent of the requests that travel on it, one after the other. Between two
 * requests nothing may come in: what does is the answer to nobody, and the connection is closed.
 */
export class Connection extends Agent {
  readonly socket: Socket
  /** Has carried a request before. */
  reused = false
  /** Called with each request before any of it is written. */
  onRequest: (outgoing: ClientRequest) => void = () => undefined
  readonly #home: Home | undefined
  /** ms it may rest after the request it carries. */
  #idle = 0
  #received = 0
  #ended: Promise<boolean> | undefined
  readonly #drop = () => this.socket.destroy()

  private constructor(socket: Socket, home?: Home) {
    // kept alive or not: an app that is told to close resets what it has not read, and takes its early answer with it
    super({ keepAlive: true })
    this.socket = socket
    this.#home = home
    socket.on('error', () => undefined).on('free', () => this.#rest())
    socket.on('close', () => home?.closed(this))
    socket.on('end', () => {
      this.#ended = this.#probe()
    })
  }

  /** Opens one; with a home it is kept alive. Rejects before a byte has been sent. */
  static async open(endpoint: BackendAddress, home?: Home): Promise<Connection> {
    const socket = open(endpoint)
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve).once('error', reject)
    })
    socket.removeAllListeners('error')
    return new Connection(socket, home)
  }

  /** What `http.request` calls for a connection. */
  addRequest(outgoing: ClientRequest): void {
    outgoing.maxHeadersCount = 0 // to see all that its parser frames by; more than `maxHeaderLines` are refused
    outgoing.reusedSocket = this.reused
    outgoing.once(
      'response',
      (answer: IncomingMessage) => (this.#idle = idleTime(String(answer.headers['keep-alive']))),
    )
    this.#received = this.socket.bytesRead
    this.onRequest(outgoing)
    outgoing.onSocket(this.socket)
  }

  override destroy(): void {
    this.socket.destroy()
  }

  /** Takes it out of its rest. False when it has ended meanwhile. */
  wake(): boolean {
    const { socket } = this
    socket.off('data', this.#drop).off('end', this.#drop).setTimeout(0).off('timeout', this.#drop)
    this.reused = true
    return !socket.destroyed && socket.writable && socket.readable
  }

  /**
   * Whether the process cannot have read the request that broke: it had closed this connection before, and its kernel
   * refused what was sent.
   */
  async unread(error: NodeJS.ErrnoException): Promise<boolean> {
    if (!this.reused || this.socket.bytesRead !== this.#received) return false
    return error.syscall === 'write' || (await this.#ended) === true
  }

  /**
   * Asked at the end of the other side's bytes: whether what we sent was refused. A process that reads its request and
   * ends leaves a connection that still takes bytes; one that had closed it before has had them answered with a reset,
   * and the next are an error here (RFC 9293 §3.10.7.1).
   */
  #probe(): Promise<boolean> {
    if (!this.reused || this.socket.bytesRead !== this.#received) return Promise.resolve(false)
    return new Promise((resolve) =>
      this.socket.write('\r\n', (error) => {
        resolve(['EPIPE', 'ECONNRESET'].includes((error as NodeJS.ErrnoException | null)?.code ?? ''))
      }),
    )
  }

  #rest(): void {
    const { socket } = this
    if (!this.#home || this.#idle <= 0 || !socket.writable || !socket.readable) {
      socket.destroy()
      return
    }
    socket.on('data', this.#drop).on('end', this.#drop).setTimeout(this.#idle, this.#drop).resume()
    // what came with the answer and is not of it is seen in this turn
    setImmediate(() => {
      if (!socket.destroyed) this.#home?.rests(this)
    })
  }
}
