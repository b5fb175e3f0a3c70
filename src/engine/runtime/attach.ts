import { closeSync, constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { connectSeqpacket, duplicate, receive, socketPair } from '../kernel/libc.js'

/** conmon reads at most this much of one packet, and drops the rest. */
const packetLimit = 8192
/** No packet of output is larger. */
const outputLimit = 65_536
const stdoutPacket = 2

/** A line to a running container's streams, through its conmon. Nothing of the output is lost from `open` on. */
export class Attachment {
  readonly #socket: Socket
  #written: Promise<void> = Promise.resolve()
  /** The same socket as `#socket` has, for what Node leaves unread in it. */
  #packets: number | undefined
  /** Resolves with the container's end, which may come before anybody reads: Node tells of it then, and once. */
  readonly #over: Promise<void>
  private constructor(socket: Socket, packets: number) {
    this.#socket = socket
    this.#packets = packets
    this.#over = new Promise((resolve) => {
      socket.on('error', () => socket.destroy())
      socket.once('end', resolve).once('close', () => resolve())
    })
  }

  /** @param bundle directory conmon was started with. @throws SystemCallError when it is gone */
  static open(bundle: string): Attachment {
    // by a descriptor of the directory: the path of a socket holds 107 bytes
    const dir = openSync(bundle, constants.O_RDONLY | constants.O_DIRECTORY)
    try {
      const packets = connectSeqpacket(`/proc/self/fd/${String(dir)}/attach`)
      // Node makes streams of stream sockets only. It is given one, and before it looks the descriptor is exchanged.
      const [own, other] = socketPair()
      const socket = new Socket({ fd: own, allowHalfOpen: true })
      duplicate(packets, own)
      closeSync(other)
      return new Attachment(socket, packets)
    } finally {
      closeSync(dir)
    }
  }

  /** Calls back with each chunk of output; resolves when the container has ended. Returning a promise holds it back. */
  async read(onOutput: (stream: 'stdout' | 'stderr', chunk: Buffer) => Promise<void> | void): Promise<void> {
    const socket = this.#socket
    const pass = (packet: Buffer): Promise<void> | void =>
      onOutput(packet[0] === stdoutPacket ? 'stdout' : 'stderr', packet.subarray(1))
    socket.on('data', (packet: Buffer) => {
      const held = pass(packet)
      if (held) {
        socket.pause()
        void held.finally(() => socket.resume())
      }
    })
    await this.#over
    // libuv takes a short read of a socket that was hung up for its end, and every packet is a short read
    for (let packet = this.#rest(); packet; packet = this.#rest()) await pass(packet)
    this.close()
  }

  #rest(): Buffer | undefined {
    return this.#packets === undefined ? undefined : receive(this.#packets, outputLimit)
  }

  /** Writes to the container's standard input, after what was written before. */
  write(data: Buffer): Promise<void> {
    this.#written = this.#written.then(async () => {
      // one packet at a time: Node joins writes that wait for each other into one
      for (let at = 0; at < data.length && !this.#socket.destroyed; at += packetLimit)
        await new Promise<void>((resolve) => {
          this.#socket.write(data.subarray(at, at + packetLimit), () => resolve())
        })
    })
    return this.#written
  }

  /**
   * Ends the standard input once all is written, if the container was made to have it ended by the one who is attached.
   * A client's end may be seen while its last data is still being written: a paused socket emits it all the same.
   */
  end(): void {
    void this.#written.then(() => this.#socket.end())
  }

  close(): void {
    this.#socket.destroy()
    if (this.#packets !== undefined) closeSync(this.#packets)
    this.#packets = undefined
  }
}
