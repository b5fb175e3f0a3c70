import { readFileSync } from 'node:fs'
import { formatAddress, type Subnet } from '../kernel/ip.js'

/** A line of the host's routing tables. */
export interface HostRoute {
  readonly device: string
  readonly destination: Subnet
}

/** Reads a `/proc/net/route` table: addresses are in the machine's byte order, proc(5). */
export function parseRoutes(text: string): readonly HostRoute[] {
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.split(/\s+/))
    .filter((fields) => fields.length > 7)
    .map((fields) => {
      const [device = '', destination = '0', , , , , , mask = '0'] = fields
      return { device, destination: { family: 4, address: BigInt(word(destination)), prefix: ones(word(mask)) } }
    })
}

const word = (hex: string): number => Buffer.from(hex.padStart(8, '0'), 'hex').readUInt32LE()
const ones = (mask: number): number => mask.toString(2).replaceAll('0', '').length

/** Reads a `/proc/net/ipv6_route` table, in network order; multicast and what is the loopback's is left out. */
function parseRoutes6(text: string): readonly HostRoute[] {
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields.length > 9 && !fields[0]?.startsWith('ff') && fields[9] !== 'lo')
    .map((fields) => {
      const [address = '0', prefix = '0'] = fields
      const destination = { family: 6, address: BigInt(`0x${address}`), prefix: parseInt(prefix, 16) } as const
      return { device: fields[9] ?? '', destination }
    })
    .filter(({ destination }) => !formatAddress(destination.address, 6).startsWith('fe80:'))
}

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // a host without IPv6
  }
}

/** The routes of this network namespace. */
export const hostRoutes = (): readonly HostRoute[] => [
  ...parseRoutes(readFileSync('/proc/self/net/route', 'utf8')),
  ...parseRoutes6(read('/proc/self/net/ipv6_route')),
]

/** The interfaces that lead anywhere, but for names that a ruleset could not quote. */
export const uplinks = (routes: readonly HostRoute[]): readonly string[] => [
  ...new Set(
    routes
      .filter((route) => route.destination.prefix === 0 && /^[\w.@-]+$/.test(route.device))
      .map((route) => route.device),
  ),
]
