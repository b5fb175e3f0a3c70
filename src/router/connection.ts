import { connect, type Socket } from 'node:net'
import { countSpent } from './spent-buffers.js'

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

/** Who is told what comes over a connection that carries a request. */
export interface Carried {
  readonly data: (chunk: Buffer) => void
  /** The other side has ended. */
  readonly end: () => void
  readonly broken: (error: NodeJS.ErrnoException) => void
}

/**
 * One connection to a process, for requests one after the other. Between two requests nothing may come in: what does is the
 * answer to nobody, and the connection is closed.
 */
export class Connection {
  readonly socket: Socket
  /** Has carried a request before. */
  reused = false
  readonly #home: Home | undefined
  #carried: Carried | undefined
  #received = 0
  #ended: Promise<boolean> | undefined
  /** Ends its rest; made once, as a timer for each would be dear. */
  #late: { readonly timer: NodeJS.Timeout; readonly ms: number } | undefined

  private constructor(socket: Socket, home?: Home) {
    this.socket = socket
    this.#home = home
    socket.on('error', (error: NodeJS.ErrnoException) => this.#carried?.broken(error))
    socket.on('end', () => {
      this.#ended = this.#probe()
      if (this.#carried) this.#carried.end()
      else socket.destroy()
    })
    socket.on('close', () => {
      clearTimeout(this.#late?.timer)
      this.#carried?.broken(Object.assign(new Error('the connection was closed'), { code: 'ECONNRESET' }))
      home?.closed(this)
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

  /** Gives it a request to carry; what comes from now on is an answer to it. */
  carry(carried: Carried): void {
    const { socket } = this
    this.#received = socket.bytesRead
    this.#carried = carried
    if (!this.reused)
      socket.on('data', (chunk: Buffer) => {
        if (this.#carried) this.#carried.data(chunk)
        else socket.destroy()
        countSpent(chunk.length)
      })
  }

  /**
   * The request that it carried is over and answered.
   * @param kept ms for which the process keeps the connection, undefined when it does not say; 0 when it does not
   */
  rest(kept: number | undefined): void {
    const { socket } = this
    this.#carried = undefined
    // a second less than the process: it must never be the one who closes first
    const idle = kept === undefined ? unspokenIdle : Math.min(kept - 1000, longestIdle)
    if (!this.#home || idle <= 0 || !socket.writable || !socket.readable) {
      socket.destroy()
      return
    }
    socket.resume()
    if (this.#late?.ms === idle) this.#late.timer.refresh()
    else {
      clearTimeout(this.#late?.timer)
      const timer = setTimeout(() => {
        if (!this.#carried) socket.destroy()
      }, idle)
      this.#late = { timer: timer.unref(), ms: idle }
    }
    // what came with the answer and is not of it is seen in this turn
    setImmediate(() => {
      if (!socket.destroyed) this.#home?.rests(this)
    })
  }

  destroy(): void {
    this.#carried = undefined
    this.socket.destroy()
  }

  /** Hands its socket to another, who is to see to all of it from now on. */
  detach(): Socket {
    for (const event of ['error', 'end', 'close']) this.socket.removeAllListeners(event)
    return this.socket.on('error', () => undefined)
  }

  /** Takes it out of its rest. False when it has ended meanwhile. */
  wake(): boolean {
    const { socket } = this
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
}
