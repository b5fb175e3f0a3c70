import { isIPv4, type Socket } from 'node:net'

/** PROXY protocol, version 2 (HAProxy's doc/proxy-protocol.txt §2.2). */
const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const proxied = 0x21
const tcp4 = 0x11
const tcp6 = 0x21

/** An IPv4 address that a socket for both families shows as IPv6. */
export const plainAddress = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '')

function bytesOf(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number))
  const [host = ''] = address.split('%')
  const [head = '', tail] = new URL(`http://[${host}]`).hostname.slice(1, -1).split('::')
  const groups = (text: string): string[] => text.split(':').filter((group) => group !== '')
  const [left, right] = [groups(head), groups(tail ?? '')]
  const all = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right]
  const bytes = Buffer.alloc(16)
  all.forEach((group, at) => bytes.writeUInt16BE(parseInt(group, 16), 2 * at))
  return bytes
}

/** A head that says where a connection comes from and what it came to. */
export function proxyHead({ remoteAddress, remotePort, localAddress, localPort }: ClientPlace): Buffer {
  const [source = '', destination = ''] = [remoteAddress, localAddress].map((address) => plainAddress(address ?? '::'))
  const isFour = isIPv4(source) && isIPv4(destination)
  const mapped = (address: string): string => (isIPv4(address) && !isFour ? `::ffff:${address}` : address)
  const addresses = [mapped(source), mapped(destination)].map(bytesOf)
  const ports = Buffer.alloc(4)
  ports.writeUInt16BE(remotePort ?? 0, 0)
  ports.writeUInt16BE(localPort ?? 0, 2)
  const body = Buffer.concat([...addresses, ports])
  const head = Buffer.from([proxied, isFour ? tcp4 : tcp6, body.length >> 8, body.length & 255])
  return Buffer.concat([signature, head, body])
}

/** The two ends of a client's connection. */
export type ClientPlace = Pick<Socket, 'remoteAddress' | 'remotePort' | 'localAddress' | 'localPort'>
