import type { Socket } from 'node:net'

/** What the first bytes of a connection say, read by who knows them; `more`: they are not all here. */
export type Reading<Found> = (bytes: Buffer) => Found | 'more'

/** Who is told. */
export interface FirstBytesEvents<Found> {
  /** What was found, and all bytes that have come: none of them will be read again unless they are put back. */
  readonly found: (socket: Socket, found: Found, bytes: Buffer) => void
  /** It is closed: they did not come in time. */
  readonly late: (socket: Socket) => void
}

/** Connections whose first bytes say what becomes of them, while these are awaited. */
export class FirstBytes<Found> {
  readonly #read: Reading<Found>
  readonly #events: FirstBytesEvents<Found>
  readonly #time: number
  readonly #waiting = new Set<Socket>()

  /**
   * @param read bounds what it asks for
   * @param time ms for them
   */
  constructor(read: Reading<Found>, events: FirstBytesEvents<Found>, time: number) {
    this.#read = read
    this.#events = events
    this.#time = time
  }

  receive(socket: Socket): void {
    const pieces: Buffer[] = []
    this.#waiting.add(socket)
    const late = setTimeout(() => {
      socket.destroy()
      this.#events.late(socket)
    }, this.#time)
    const over = (): void => {
      clearTimeout(late)
      this.#waiting.delete(socket)
      socket.off('readable', read).off('end', gone).off('close', over)
    }
    const gone = (): void => void socket.destroy()
    const read = (): void => {
      const piece = socket.read() as Buffer | null
      if (piece === null) return
      pieces.push(piece)
      const bytes = Buffer.concat(pieces)
      const found = this.#read(bytes)
      if (found === 'more') return
      over()
      this.#events.found(socket, found, bytes)
    }
    socket.on('error', () => undefined).once('close', over)
    socket.on('readable', read).on('end', gone)
  }

  /** Closes those that wait. */
  cut(): void {
    for (const socket of this.#waiting) socket.destroy()
  }
}
