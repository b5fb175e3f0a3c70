import { randomBytes } from 'node:crypto'
import { EngineError, messageOf } from '../errors.js'
import type { Endpoint, EndpointSpec } from '../records.js'
import type { NetworkCatalog } from './catalog.js'
import { addressBytes } from '../kernel/ip.js'
import type { NetworkRecord } from './record.js'
import { isDefaultBridge } from './settings.js'

/** The places that containers have on networks. One is here from the moment its address is reserved. */
export class Endpoints {
  readonly #catalog: NetworkCatalog
  /** By container, then by network. */
  readonly #all = new Map<string, Map<string, Endpoint>>()

  constructor(catalog: NetworkCatalog) {
    this.#catalog = catalog
  }

  all(): readonly Endpoint[] {
    return [...this.#all.values()].flatMap((mine) => [...mine.values()])
  }

  of(containerId: string): readonly Endpoint[] {
    return [...(this.#all.get(containerId)?.values() ?? [])]
  }

  /** Those on a network, by container. */
  on(networkId: string): ReadonlyMap<string, Endpoint> {
    const found = new Map<string, Endpoint>()
    for (const [container, mine] of this.#all) {
      const endpoint = mine.get(networkId)
      if (endpoint) found.set(container, endpoint)
    }
    return found
  }

  /** The one a container goes out by: of those that lead out, the first by the network's name, as with Docker. */
  wayOut(containerId: string): Endpoint | undefined {
    return this.of(containerId)
      .filter(({ gateway }) => gateway !== '')
      .sort((a, b) => (a.networkName < b.networkName ? -1 : 1))[0]
  }

  /** @throws EngineError `denied` when it has one there, `invalid` for an address it cannot have */
  reserve(containerId: string, network: NetworkRecord, spec: EndpointSpec): Endpoint {
    const { id, ipv6 } = network
    const mine = this.#all.get(containerId) ?? new Map<string, Endpoint>()
    if (mine.has(id))
      throw new EngineError('denied', `endpoint with name ${containerId} already exists in network ${network.name}`)
    checkWishes(network, spec)
    const prefixOf = (cidr: string): number => Number(cidr.split('/')[1])
    const ipAddress = this.#catalog.take(id, 4, spec.ipv4Address)
    let ipv6Address: string | undefined
    try {
      if (ipv6) ipv6Address = this.#catalog.take(id, 6, spec.ipv6Address)
    } catch (error) {
      this.#catalog.give(id, ipAddress)
      throw error
    }
    const endpoint = {
      networkId: id,
      networkName: network.name,
      endpointId: randomBytes(32).toString('hex'),
      aliases: spec.aliases,
      ...(spec.links?.length ? { links: spec.links } : {}),
      ipAddress,
      prefixLength: prefixOf(network.subnet),
      gateway: network.internal ? '' : network.gateway,
      ...(ipv6 && ipv6Address !== undefined
        ? {
            ipv6Address,
            ipv6PrefixLength: prefixOf(ipv6.subnet),
            ipv6Gateway: network.internal ? '' : ipv6.gateway,
          }
        : {}),
      ...(spec.linkLocalIps ? { linkLocalIps: spec.linkLocalIps } : {}),
      macAddress: spec.macAddress ?? macOf(ipAddress),
    }
    this.#all.set(containerId, mine.set(id, endpoint))
    return endpoint
  }

  /** Takes back one that outlived the daemon. @param report told when its address is no longer free */
  restore(containerId: string, endpoint: Endpoint, report: (line: string) => void): void {
    const { networkId, ipAddress, ipv6Address } = endpoint
    this.#all.set(containerId, (this.#all.get(containerId) ?? new Map<string, Endpoint>()).set(networkId, endpoint))
    try {
      this.#catalog.take(networkId, 4, ipAddress)
      if (ipv6Address !== undefined) this.#catalog.take(networkId, 6, ipv6Address)
    } catch (error) {
      report(`container ${containerId.slice(0, 12)} keeps ${ipAddress}, but: ${messageOf(error)}`)
    }
  }

  /** It is no longer here; its addresses are taken until they are freed. @returns false when it was forgotten before */
  forget(containerId: string, endpoint: Endpoint): boolean {
    const mine = this.#all.get(containerId)
    if (mine?.get(endpoint.networkId) !== endpoint) return false
    mine.delete(endpoint.networkId)
    if (mine.size === 0) this.#all.delete(containerId)
    return true
  }

  /** Another may have its addresses. */
  free({ networkId, ipAddress, ipv6Address }: Endpoint): void {
    this.#catalog.give(networkId, ipAddress, ipv6Address)
  }
}

/** As dockerd does: locally administered, the rest is the address, so an address always has the same neighbour. */
const macOf = (address: string): string =>
  `02:42:${[...addressBytes(address)].map((b) => b.toString(16).padStart(2, '0')).join(':')}`

/** @throws EngineError `invalid` in dockerd's words */
function checkWishes(network: NetworkRecord, { macAddress, ipv4Address, ipv6Address }: EndpointSpec): void {
  if (macAddress !== undefined && !/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i.test(macAddress))
    throw new EngineError('invalid', `invalid MAC address: ${macAddress}`)
  if (ipv4Address === undefined && ipv6Address === undefined) return
  if (isDefaultBridge(network))
    throw new EngineError('invalid', 'user specified IP address is supported on user defined networks only')
  const chosen =
    (ipv4Address === undefined || network.chosen) &&
    (ipv6Address === undefined || (network.ipv6 ?? network.idleIpv6)?.chosen)
  if (!chosen)
    throw new EngineError(
      'invalid',
      'user specified IP address is supported only when connecting to networks with user configured subnets',
    )
}
