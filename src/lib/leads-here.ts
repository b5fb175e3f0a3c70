import { networkInterfaces } from 'node:os'
import { canonical, Lookup, type Found } from './lookup.js'

/** What all of the machine's own names are (RFC 6761 §6.3): DNS is not asked. */
const loopback: Found = { addresses: ['127.0.0.1', '::1'], cname: null, differs: false, problem: null }

const isPrivate = (address: string): boolean =>
  /^(10\.|127\.|169\.254\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|::1$|f[cde])/.test(
    address,
  )

const machineAddresses = (): string[] =>
  Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .filter(({ internal, address }) => !internal && !isPrivate(address))
    .map(({ address }) => canonical(address))

/** Settings by which it is told where a hostname should lead. */
export interface Whereabouts {
  /** Addresses of this server; none: they are found out. */
  readonly addresses: readonly string[]
  /** As of Lookup. */
  readonly resolvers: readonly string[]
  readonly appHost: (name: string) => string
}

/** Asks DNS for a hostname. */
export type FindHost = (host: string) => Promise<Found>

/** The name servers that the settings name are asked. */
export function finderOf({ resolvers }: Pick<Whereabouts, 'resolvers'>): FindHost {
  const lookup = new Lookup(resolvers)
  return (host) => (/(^|\.)localhost$/.test(host) ? Promise.resolve(loopback) : lookup.find(host))
}

/** Addresses of this server: what the settings say, else what the machine has that the world can reach. */
export const serverAddresses = ({ addresses }: Pick<Whereabouts, 'addresses'>): string[] =>
  addresses.length > 0 ? addresses.map(canonical) : machineAddresses()

/** Where this Berth is: what its settings say, else where its own hostname leads, else what the machine has. */
export async function ownAddresses(
  config: Pick<Whereabouts, 'addresses' | 'appHost'>,
  find: FindHost,
): Promise<string[]> {
  if (config.addresses.length > 0) return config.addresses.map(canonical)
  const { addresses } = await find(config.appHost('berth'))
  return addresses.length > 0 ? [...addresses] : machineAddresses()
}

/** Why a hostname does not lead here and nowhere else, in words; null: it does. */
export async function reasonElsewhere(config: Whereabouts, host: string): Promise<string | null> {
  const find = finderOf(config)
  const { addresses, problem } = await find(host)
  if (problem !== null) return problem
  if (addresses.length === 0) return 'DNS has nothing of it'
  const here = await ownAddresses(config, find)
  if (here.length === 0) return 'it is not known which addresses this server has: set BERTH_ADDRESSES'
  const foreign = addresses.filter((address) => !here.includes(address))
  return foreign.length === 0 ? null : `it leads to ${foreign.slice(0, 3).join(', ')}, which is not here`
}
