import { Writable } from 'node:stream'
import type { Socket } from 'node:net'

/** A request on its way to a process: its head, and its body in the frame that the head says. */
export class Upload extends Writable {
  readonly #socket: Socket
  readonly #chunked: boolean
  /** Waits for the first piece of the body, to travel in one packet. */
  #head: string | undefined

  constructor(socket: Socket, head: string, chunked: boolean) {
    super({ decodeStrings: true })
    this.#socket = socket
    this.#head = head
    this.#chunked = chunked
    this.on('error', () => undefined) // the connection says it too
  }

  /** Sends the head, if it still waits: a client may be slow, or wait for an answer. */
  flush(): void {
    if (this.#head === undefined) return
    this.#socket.write(this.#head, 'latin1')
    this.#head = undefined
  }

  override _write(piece: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    const socket = this.#socket
    socket.cork()
    this.flush()
    if (this.#chunked) {
      socket.write(`${piece.length.toString(16)}\r\n`, 'latin1')
      socket.write(piece)
      socket.write('\r\n', 'latin1', done)
    } else socket.write(piece, done)
    socket.uncork()
  }

  override _final(done: (error?: Error | null) => void): void {
    this.flush()
    if (this.#chunked) this.#socket.write('0\r\n\r\n', 'latin1', done)
    else done()
  }
}
