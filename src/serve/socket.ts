import { closeSync } from 'node:fs'
import koffi from 'koffi'
import { BerthError } from '../errors.js'

const AF_INET = 2
const AF_INET6 = 10
const SOCK_STREAM_CLOEXEC = 1 | 0o2000000
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const IPPROTO_IPV6 = 41
const IPV6_V6ONLY = 26
const backlog = 4096

const libc = koffi.load('libc.so.6')
const socket = libc.func('int socket(int domain, int type, int protocol)')
const setsockopt = libc.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t length)')
const bind = libc.func('int bind(int fd, const void *address, uint32_t length)')
const listen = libc.func('int listen(int fd, int backlog)')

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
 * @throws BerthError `conflict` when the port is taken
 */
export function openListener(port: number): { fd: number } & Disposable {
  for (const family of [AF_INET6, AF_INET]) {
    const fd = socket(family, SOCK_STREAM_CLOEXEC, 0) as number
    if (fd < 0) continue // no IPv6 in this kernel
    option(fd, SOL_SOCKET, SO_REUSEADDR, 1)
    if (family === AF_INET6) option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0)
    const address = anyAddress(family, port)
    if (bind(fd, address, address.length) === 0 && listen(fd, backlog) === 0)
      return { fd, [Symbol.dispose]: () => closeSync(fd) }
    closeSync(fd)
  }
  throw new BerthError(
    'conflict',
    `port ${port} is taken by another program, or may not be opened`,
    `find it with \`ss -ltnp "sport = :${port}"\`, or choose another port: bin/up --http-port 8080`,
  )
}
