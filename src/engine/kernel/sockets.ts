import { closeSync } from 'node:fs'
import koffi from 'koffi'
import { SystemCallError } from './libc.js'
import { addressBytes } from './ip.js'
import { inNetns } from './netns.js'

const libc = koffi.load('libc.so.6')
const raw = {
  socket: libc.func('int socket(int domain, int type, int protocol)'),
  bind: libc.func('int bind(int fd, _In_ uint8_t *address, uint32_t size)'),
  listen: libc.func('int listen(int fd, int backlog)'),
  setsockopt: libc.func('int setsockopt(int fd, int level, int option, _In_ uint8_t *value, uint32_t size)'),
}
const AF_INET = 2
const AF_INET6 = 10
const SOCK_STREAM = 1
const SOCK_DGRAM = 2
const SOCK_NONBLOCK_CLOEXEC = 0o2004000
const SOL_SOCKET = 1
const SO_REUSEADDR = 2

function check(call: string, result: unknown): number {
  if (typeof result !== 'number' || result < 0) throw new SystemCallError(call, koffi.errno())
  return result
}

function open(kind: 'udp' | 'tcp', family: 4 | 6): number {
  const type = (kind === 'udp' ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK_CLOEXEC
  return check('socket', raw.socket(family === 4 ? AF_INET : AF_INET6, type, 0))
}

/**
 * A socket in another network namespace, not yet bound; Node takes it over by its descriptor and closes it.
 * @throws SystemCallError, ENOENT when the namespace is gone
 */
export const socketIn = (netns: string, kind: 'udp' | 'tcp', family: 4 | 6): number =>
  inNetns(netns, () => open(kind, family))

function bind(fd: number, address: string, port: number, kind: 'udp' | 'tcp'): void {
  const one = Buffer.from([1, 0, 0, 0])
  // connections of an engine before this one may still be fading
  if (kind === 'tcp') check('setsockopt', raw.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, one, one.length))
  const name = Buffer.alloc(16)
  name.writeUInt16LE(AF_INET, 0)
  name.writeUInt16BE(port, 2)
  addressBytes(address).copy(name, 4)
  check(`bind ${address}:${port}`, raw.bind(fd, name, name.length))
  if (kind === 'tcp') check('listen', raw.listen(fd, 128))
}

/**
 * A UDP and a listening TCP socket on one address and port of another network namespace. The caller closes them.
 * @throws SystemCallError `EADDRINUSE`
 */
export function serverSocketsIn(netns: string, address: string, port: number): { udp: number; tcp: number } {
  return inNetns(netns, () => {
    const made: number[] = []
    const on = (kind: 'udp' | 'tcp'): number => {
      const fd = open(kind, 4)
      made.push(fd)
      bind(fd, address, port, kind)
      return fd
    }
    try {
      return { udp: on('udp'), tcp: on('tcp') }
    } catch (error) {
      for (const fd of made) closeSync(fd)
      throw error
    }
  })
}
