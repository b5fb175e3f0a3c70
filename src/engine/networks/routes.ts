import { readFileSync } from 'node:fs'
import type { Subnet } from './ipv4.js'

/** A line of the host's IPv4 routing table. */
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
      return { device, destination: { address: word(destination), prefix: ones(word(mask)) } }
    })
}

const word = (hex: string): number => Buffer.from(hex.padStart(8, '0'), 'hex').readUInt32LE()
const ones = (mask: number): number => mask.toString(2).replaceAll('0', '').length

/** The routes of this network namespace. */
export const hostRoutes = (): readonly HostRoute[] => parseRoutes(readFileSync('/proc/self/net/route', 'utf8'))

/** The interfaces that lead anywhere, but for names that a ruleset could not quote. */
export const uplinks = (routes: readonly HostRoute[]): readonly string[] => [
  ...new Set(
    routes
      .filter((route) => route.destination.prefix === 0 && /^[\w.@-]+$/.test(route.device))
      .map((route) => route.device),
  ),
]
