import { chmodSync, chownSync, closeSync, renameSync, rmSync } from 'node:fs'
import koffi from 'koffi'
import { BerthError } from '../errors.js'
import type { ServiceAccount } from './user.js'

const AF_UNIX = 1
const AF_INET = 2
const AF_INET6 = 10
const SOCK_STREAM = 1
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const SO_TYPE = 3
const SO_ACCEPTCONN = 30
const IPPROTO_IPV6 = 41
const IPV6_V6ONLY = 26
const SYS_pidfd_open = 434
const SYS_pidfd_getfd = 438
const backlog = 4096

const { EACCES, EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT } = koffi.os.errno

const libc = koffi.load('libc.so.6')
const socket = libc.func('int socket(int domain, int type, int protocol)')
const setsockopt = libc.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t length)')
const getsockopt = libc.func('int getsockopt(int fd, int level, int name, void *value, uint32_t *length)')
const getsockname = libc.func('int getsockname(int fd, void *address, uint32_t *length)')
const bind = libc.func('int bind(int fd, const void *address, uint32_t length)')
const listen = libc.func('int listen(int fd, int backlog)')
const syscall = libc.func('long syscall(long number, long a, long b, long c)')

/** A listening socket that nobody accepts from here: the kernel queues connections, or datagrams, until a child does. */
export interface HeldListener extends Disposable {
  readonly fd: number
}

const listener = (fd: number): HeldListener => ({ fd, [Symbol.dispose]: () => closeSync(fd) })

function option(fd: number, level: number, name: number, value: number): void {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32LE(value)
  setsockopt(fd, level, name, buffer, 4)
}

/** A sockaddr_in6 or sockaddr_in for every local address, ip(7) and ipv6(7). */
function anyAddress(family: number, port: number): Buffer {
  const address = Buffer.alloc(family === AF_INET6 ? 28 : 16)
  address.writeUInt16LE(family, 0)
  address.writeUInt16BE(port, 2)
  return address
}

/**
 * Opens a listening TCP socket on every address, without accepting: the kernel queues connections while nobody does.
 * Node's own server would accept them itself. The caller hands the descriptor to a child and closes it at the end.
 * @throws BerthError `conflict` when the port is taken, `denied` when this user may not open it
 */
export function openListener(port: number): HeldListener {
  const opened = openOnAll(SOCK_STREAM, port)
  if (typeof opened === 'object') return opened
  const hint = `find it with \`ss -ltnp "sport = :${port}"\`, or choose another port: bin/up --http-port 8080, or --https-port 8443`
  if (opened === EADDRINUSE) throw new BerthError('conflict', `port ${port} is taken by another program`, hint)
  throw closed(`port ${port}`, opened)
}

/**
 * The same of UDP, which datagrams wait in. That its address may be shared lets whoever reads it have a socket of its own for each client.
 * @throws BerthError as `openListener`
 */
export function openDatagrams(port: number): HeldListener {
  const opened = openOnAll(SOCK_DGRAM, port)
  if (typeof opened === 'object') return opened
  const hint = `find it with \`ss -lunp "sport = :${port}"\`; BERTH_HTTP3=off does without`
  if (opened === EADDRINUSE) throw new BerthError('conflict', `UDP port ${port} is taken by another program`, hint)
  throw closed(`UDP port ${port}`, opened)
}

/** IPv4 alone is used only where the kernel has no IPv6: a port that another has for IPv6 is taken. @returns an errno where there is none */
function openOnAll(type: number, port: number): HeldListener | number {
  let errno = 0
  for (const family of [AF_INET6, AF_INET]) {
    const fd = socket(family, type | SOCK_CLOEXEC, 0) as number
    if (fd < 0) continue // no IPv6 in this kernel
    option(fd, SOL_SOCKET, SO_REUSEADDR, 1)
    if (family === AF_INET6) option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0)
    const address = anyAddress(family, port)
    const isBound = bind(fd, address, address.length) === 0
    if (isBound && (type === SOCK_DGRAM || listen(fd, backlog) === 0)) return listener(fd)
    errno = koffi.errno()
    closeSync(fd)
    if (errno !== EADDRNOTAVAIL && errno !== EAFNOSUPPORT) break
  }
  return errno
}

function closed(what: string, errno: number): BerthError {
  const why = errno === EACCES ? 'this user may not open it' : `error ${errno}`
  return new BerthError('denied', `${what} cannot be opened: ${why}`, 'run as root, or choose another port')
}

/**
 * Opens a listening unix socket and puts it in the place of what lies there, in one step, so that whoever connects finds
 * one or the other. Its owner and group may connect.
 * @throws BerthError `broken`
 */
export function openUnixListener(path: string, owner: ServiceAccount): HeldListener {
  const draft = `${path}.new`
  rmSync(draft, { force: true })
  const address = Buffer.alloc(110) // sockaddr_un, unix(7)
  address.writeUInt16LE(AF_UNIX, 0)
  const fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) as number
  const fits = address.write(draft, 2) === Buffer.byteLength(draft) && Buffer.byteLength(draft) < 108
  if (fd < 0 || !fits || bind(fd, address, address.length) !== 0 || listen(fd, backlog) !== 0) {
    if (fd >= 0) closeSync(fd)
    throw new BerthError(
      'broken',
      `the socket ${path} cannot be opened${fits ? ` (error ${koffi.errno()})` : ': its path is longer than 107 bytes'}`,
      'choose another BERTH_RUN',
    )
  }
  chownSync(draft, owner.uid, owner.gid)
  chmodSync(draft, 0o660)
  renameSync(draft, path)
  return listener(fd)
}

function optionOf(fd: number, name: number): number | null {
  const length = Buffer.alloc(4)
  const value = Buffer.alloc(4)
  length.writeUInt32LE(4)
  return getsockopt(fd, SOL_SOCKET, name, value, length) === 0 ? value.readInt32LE() : null
}

/** The port of a listening socket of this type, 0 for one of a path, null for any other descriptor. */
function portOf(fd: number, type: number): number | null {
  if (optionOf(fd, SO_TYPE) !== type || (type === SOCK_STREAM && optionOf(fd, SO_ACCEPTCONN) !== 1)) return null
  const length = Buffer.alloc(4)
  const address = Buffer.alloc(128)
  length.writeUInt32LE(address.length)
  if (getsockname(fd, address, length) !== 0) return null
  const family = address.readUInt16LE(0)
  if (family === AF_UNIX) return 0
  return family === AF_INET || family === AF_INET6 ? address.readUInt16BE(2) : null
}

/** Where processes of ours have the sockets they accept from, or hold for another; see `ChildSpec`. */
const heldAt = [3, 4, 5, 6]

/**
 * The listening socket that another process has: the same socket, with all that waits in its queue, so that a port passes on
 * without ever being closed; pidfd_getfd(2).
 * @param port the TCP port it must have; 0 is a unix socket
 * @returns null when there is none such, or the kernel does not let us
 */
export function inheritListener(pid: number, port: number): HeldListener | null {
  return inherit(pid, port, SOCK_STREAM)
}

/** The same of a UDP socket that is bound. */
export function inheritDatagrams(pid: number, port: number): HeldListener | null {
  return inherit(pid, port, SOCK_DGRAM)
}

function inherit(pid: number, port: number, type: number): HeldListener | null {
  const process = Number(syscall(SYS_pidfd_open, pid, 0, 0))
  if (process < 0) return null
  try {
    for (const theirs of heldAt) {
      const fd = Number(syscall(SYS_pidfd_getfd, process, theirs, 0))
      if (fd < 0) continue
      if (portOf(fd, type) === port) return listener(fd)
      closeSync(fd)
    }
    return null
  } finally {
    closeSync(process)
  }
}
