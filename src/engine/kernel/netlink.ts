import { close } from 'node:fs'
import { getSystemErrorName, promisify } from 'node:util'
import koffi from 'koffi'
import { Mutex } from '../mutex.js'
import { inNetns } from './netns.js'

/** Netlink families used here, netlink(7). */
export const family = { route: 0, netfilter: 12 } as const

/** Message flags, netlink(7). */
export const flag = { request: 1, ack: 4, replace: 0x100, exclusive: 0x200, create: 0x400, append: 0x800 } as const

const closed = promisify(close)
const libc = koffi.load('libc.so.6')
const socket = libc.func('int socket(int domain, int type, int protocol)')
const send = libc.func('long send(int fd, _In_ uint8_t *data, size_t length, int flags)')
const receive = libc.func('long recv(int fd, _Out_ uint8_t *data, size_t length, int flags)')
const AF_NETLINK = 16
const SOCK_RAW_CLOEXEC = 3 | 0o2000000
const MSG_DONTWAIT = 0x40
const NLMSG_ERROR = 2
/** A bridge has no port left. */
const EXFULL = 54

/** The kernel refused a netlink request; `code` is `EEXIST`, `ENODEV`, … */
export class NetlinkError extends Error {
  readonly code: string
  constructor(what: string, errno: number) {
    const code = errno === EXFULL ? 'EXFULL' : getSystemErrorName(-errno) // which libuv has no name for
    super(`cannot ${what}: ${code}`)
    this.code = code
  }
}

/** One message to the kernel; `what` names it in errors: "create bridge bt…". */
export interface NetlinkMessage {
  readonly what: string
  readonly type: number
  readonly flags: number
  readonly body: Buffer
}

/** One attribute, padded to four bytes: `struct nlattr`, netlink(7). */
export function attribute(type: number, value: Buffer | number | string | readonly Buffer[]): Buffer {
  const nested = Array.isArray(value)
  const data = nested
    ? Buffer.concat(value as Buffer[])
    : typeof value === 'string'
      ? Buffer.from(`${value}\0`)
      : typeof value === 'number'
        ? uint32(value)
        : (value as Buffer)
  const out = Buffer.alloc((4 + data.length + 3) & ~3)
  out.writeUInt16LE(4 + data.length, 0)
  out.writeUInt16LE(nested ? type | 0x8000 : type, 2)
  data.copy(out, 4)
  return out
}

const uint32 = (value: number): Buffer => {
  const out = Buffer.alloc(4)
  out.writeUInt32LE(value)
  return out
}

function encode(message: NetlinkMessage, sequence: number): Buffer {
  const head = Buffer.alloc(16)
  head.writeUInt32LE(16 + message.body.length, 0)
  head.writeUInt16LE(message.type, 4)
  head.writeUInt16LE(message.flags, 6)
  head.writeUInt32LE(sequence, 8)
  return Buffer.concat([head, message.body])
}

/**
 * A netlink socket. The kernel carries a request out inside `send` and has answered when it returns, so every answer
 * is read without waiting. Requests run in the order they were made.
 */
export class Netlink implements Disposable {
  readonly #fd: number
  #sequence = 0
  readonly #turns = new Mutex()

  private constructor(fd: number) {
    this.#fd = fd
  }

  /** Opens a socket in this process's network namespace. */
  static open(protocol: number): Netlink {
    const fd = socket(AF_NETLINK, SOCK_RAW_CLOEXEC, protocol) as number
    if (fd < 0) throw new NetlinkError('open a netlink socket', koffi.errno())
    return new Netlink(fd)
  }

  /** Opens a socket in the network namespace at `path` (`/proc/PID/ns/net`). */
  static openIn(path: string, protocol: number): Netlink {
    return inNetns(path, () => Netlink.open(protocol))
  }

  /** Sends one request from a thread of the pool and waits for the kernel's word. @throws NetlinkError */
  request(message: NetlinkMessage): Promise<void> {
    return this.batch([message])
  }

  /** Sends messages in one datagram; resolves when each that asked for an acknowledgement has it. @throws NetlinkError the first refusal */
  batch(messages: readonly NetlinkMessage[]): Promise<void> {
    return this.#turns.run(async () => {
      const first = this.#sequence + 1
      const data = Buffer.concat(messages.map((message) => encode(message, ++this.#sequence)))
      await new Promise<void>((resolve, reject) => {
        send.async(this.#fd, data, data.length, 0, (error: Error | null, sent: bigint | number) => {
          if (error) reject(error)
          else if (Number(sent) !== data.length) reject(new Error(`cannot ${messages[0]?.what ?? 'send'}: short send`))
          else resolve()
        })
      })
      this.#answers(messages, first)
    })
  }

  /**
   * The same at once, on this thread: for requests of microseconds.
   * @returns the bodies of what the kernel answered besides the acknowledgement
   * @throws NetlinkError
   */
  requestSync(message: NetlinkMessage): readonly Buffer[] {
    const data = encode(message, ++this.#sequence)
    if (Number(send(this.#fd, data, data.length, 0)) !== data.length)
      throw new NetlinkError(message.what, koffi.errno())
    return this.#answers([message], this.#sequence)
  }

  #answers(messages: readonly NetlinkMessage[], first: number): readonly Buffer[] {
    let refused: NetlinkError | undefined
    const bodies: Buffer[] = []
    const buffer = Buffer.alloc(16384)
    for (;;) {
      const length = Number(receive(this.#fd, buffer, buffer.length, MSG_DONTWAIT))
      if (length <= 0) break
      for (let at = 0; at + 20 <= length; at += (buffer.readUInt32LE(at) + 3) & ~3) {
        if (buffer.readUInt16LE(at + 4) !== NLMSG_ERROR) {
          bodies.push(Buffer.from(buffer.subarray(at + 16, at + buffer.readUInt32LE(at))))
          continue
        }
        const errno = -buffer.readInt32LE(at + 16)
        const message = messages[buffer.readUInt32LE(at + 8) - first]
        if (errno !== 0 && message) refused ??= new NetlinkError(message.what, errno)
      }
    }
    if (refused) throw refused
    return bodies
  }

  /** Closes the socket when what was asked is done: a closed descriptor's number may soon be somebody else's. */
  [Symbol.dispose](): void {
    // by a thread: the kernel keeps whoever closes a socket of netfilter's waiting for 10 ms
    void this.#turns.run(() => closed(this.#fd))
  }
}
