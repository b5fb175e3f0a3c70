import type { Endpoint } from '../records.js'

/** The names of one network's members. Names are compared without regard to case, RFC 4343. */
interface DnsZone {
  readonly endpoints: Map<string, Set<Endpoint>>
  /** By address, the name it is best known by. */
  readonly names: Map<string, string>
}

const addressesOf = ({ ipAddress, ipv6Address }: Endpoint): string[] =>
  [ipAddress, ipv6Address ?? ''].filter((address) => address !== '')

/** Who is called what on which network. A lookup costs the same however many containers there are. */
export class Directory {
  readonly #zones = new Map<string, DnsZone>()

  /** @param names the first is what its address is called */
  add(names: readonly string[], endpoint: Endpoint): void {
    if (names.length === 0) return
    const zone: DnsZone = this.#zones.get(endpoint.networkId) ?? { endpoints: new Map(), names: new Map() }
    this.#zones.set(endpoint.networkId, zone)
    for (const name of names) {
      const key = name.toLowerCase()
      zone.endpoints.set(key, (zone.endpoints.get(key) ?? new Set<Endpoint>()).add(endpoint))
    }
    for (const address of addressesOf(endpoint)) zone.names.set(address, names[0] ?? '')
  }

  remove(names: readonly string[], endpoint: Endpoint): void {
    const zone = this.#zones.get(endpoint.networkId)
    if (!zone) return
    for (const name of names) {
      const key = name.toLowerCase()
      const endpoints = zone.endpoints.get(key)
      endpoints?.delete(endpoint)
      if (endpoints?.size === 0) zone.endpoints.delete(key)
    }
    for (const address of addressesOf(endpoint)) zone.names.delete(address)
    if (zone.endpoints.size === 0) this.#zones.delete(endpoint.networkId)
  }

  /** Every endpoint of that name on a network; several may share an alias. */
  find(networkId: string, name: string): readonly Endpoint[] {
    return [...(this.#zones.get(networkId)?.endpoints.get(name.toLowerCase()) ?? [])]
  }

  nameOf(networkId: string, address: string): string | undefined {
    return this.#zones.get(networkId)?.names.get(address)
  }
}
