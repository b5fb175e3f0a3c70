import { Connection, type BackendAddress } from './connection.js'
import { connectionsOfAKind, isOwnError } from './descriptors.js'
import { UpstreamSessions } from './upstream-sessions.js'
import type { ClientHttp2Session } from 'node:http2'
import { markOf } from './rules/sticky.js'

/** ms during which a process that could not be reached is asked last. */
const suspicion = 1000
/** Connections at rest that one process is kept. */
const maxResting = 64
/** Those of all processes. */
let resting = 0

/**
 * One process that requests can be sent to. It counts those it holds; when it has left the table and the last has ended
 * it calls `drained` and closes its connections, so that a later container with the same address never inherits one.
 */
export class Backend {
  readonly id: string
  readonly endpoint: BackendAddress
  readonly #drained: (backend: Backend) => void
  /** The one that rested last is taken first: the others may close. */
  readonly #resting: Connection[] = []
  #held = 0
  #failedAt = -suspicion
  #left = false
  #mark: string | undefined
  #sessions: UpstreamSessions | undefined

  constructor(id: string, endpoint: BackendAddress, drained: (backend: Backend) => void = () => undefined) {
    this.id = id
    this.endpoint = endpoint
    this.#drained = drained
  }

  get busy(): boolean {
    return this.#held > 0
  }

  /** What it is called in cookies. */
  get mark(): string {
    return (this.#mark ??= markOf(this.id))
  }

  /** The table leads to it no more. */
  get hasLeft(): boolean {
    return this.#left
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
        this.#close()
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
    if (!this.busy) this.#close()
  }

  /** Back in the table before it had drained. */
  stay(): void {
    this.#left = false
  }

  /** A connection at rest, if there is one: only for a request without a body. */
  reuse(): Connection | undefined {
    for (let connection = this.#resting.pop(); connection; connection = this.#resting.pop()) {
      resting--
      if (connection.wake()) return connection
    }
    return undefined
  }

  /**
   * Opens a connection; one that is `reusable` may rest here after its request. Rejects before a byte of the request has
   * been sent, and remembers a process that could not be reached.
   */
  async dial(reusable: boolean): Promise<Connection> {
    try {
      return await Connection.open(this.endpoint, reusable ? this.#home : undefined)
    } catch (error) {
      if (!isOwnError(error)) this.fail()
      throw error
    }
  }

  /** A session of HTTP/2 with room for a stream. Rejects as `dial` does, and with NotHttp2. */
  async session(): Promise<ClientHttp2Session> {
    this.#sessions ??= new UpstreamSessions(async () => (await this.dial(false)).detach())
    return this.#sessions.take()
  }

  /** Counts a stream of a session until the returned function is called. */
  holdStream(session: ClientHttp2Session): () => void {
    return this.#sessions?.hold(session) ?? (() => undefined)
  }

  readonly #home = {
    rests: (connection: Connection): void => {
      if (this.#left || this.#resting.length >= maxResting || resting >= connectionsOfAKind) {
        connection.destroy()
        return
      }
      resting++
      this.#resting.push(connection)
    },
    closed: (connection: Connection): void => {
      const at = this.#resting.indexOf(connection)
      if (at < 0) return
      this.#resting.splice(at, 1)
      resting--
    },
  }

  #close(): void {
    for (const connection of this.#resting) connection.destroy()
    this.#sessions?.close()
  }
}
