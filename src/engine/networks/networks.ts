import { randomBytes } from 'node:crypto'
import type { EngineConfig } from '../config.js'
import { EngineError, messageOf } from '../errors.js'
import type { Endpoint, EndpointSpec, Events, Member, Networks, PortRequest } from '../records.js'
import { Catalog, isPredefined, type NetworkSpec } from './catalog.js'
import { Firewall } from './firewall.js'
import { bytesOf } from './ip.js'
import { linkIndex } from './links.js'
import { kernelNames, type KernelNames } from './names.js'
import { Naming } from './naming.js'
import { Plumbing } from './plumbing.js'
import { Publications } from './publications.js'
import type { NetworkRecord } from './record.js'
import { allowForwarding } from './forwarding.js'
import { hostRoutes, uplinks } from './routes.js'
import { isDefaultBridge, settingsOf } from './settings.js'

/** The network room: what the container room needs, and what the API serves. */
export interface NetworkRoom extends Networks, AsyncDisposable {
  list(): readonly NetworkRecord[]
  /** @throws EngineError `missing` "network x not found" */
  get(reference: string): NetworkRecord
  create(spec: NetworkSpec): Promise<NetworkRecord>
  /** @throws EngineError `denied` for a predefined network or one with running containers */
  remove(reference: string): Promise<NetworkRecord>
  /** Endpoints of running containers. */
  endpoints(networkId: string): ReadonlyMap<string, Endpoint>
}

/**
 * Opens the networks of an instance. Nothing of the kernel's is touched before `restore`, which must come once, first:
 * what lives there may belong to containers that outlived the last daemon.
 * @param report what a person should know, one line each
 */
export async function openNetworks(
  config: EngineConfig,
  events: Events,
  report: (line: string) => void = (line) => void process.stderr.write(`${line}\n`),
): Promise<NetworkRoom> {
  return new BridgeNetworks(config, events, await Catalog.open(config), report)
}

class BridgeNetworks implements NetworkRoom {
  readonly #events: Events
  readonly #catalog: Catalog
  readonly #report: (line: string) => void
  readonly #names: KernelNames
  readonly #plumbing: Plumbing
  readonly #firewall: Firewall
  /** By container, then by network. An endpoint is here from the moment its address is reserved. */
  readonly #endpoints = new Map<string, Map<string, Endpoint>>()
  /** Where a running container's network namespace is found. */
  readonly #pids = new Map<string, number>()
  readonly #naming: Naming
  readonly #publications: Publications
  #restored = false
  #turn: Promise<unknown> = Promise.resolve()

  constructor(config: EngineConfig, events: Events, catalog: Catalog, report: (line: string) => void) {
    this.#events = events
    this.#catalog = catalog
    this.#report = report
    this.#names = kernelNames(config)
    this.#plumbing = new Plumbing(this.#names)
    this.#firewall = new Firewall(this.#names.table)
    this.#publications = new Publications(this.#firewall, report)
    this.#naming = new Naming(report)
  }

  list(): readonly NetworkRecord[] {
    return this.#catalog.all()
  }

  get(reference: string): NetworkRecord {
    return this.#catalog.get(reference)
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the contract lets other networks look it up
  async check(network: string) {
    const { id, name, driver } = this.#catalog.get(network)
    return { id, name, driver }
  }

  endpoints(networkId: string): ReadonlyMap<string, Endpoint> {
    const found = new Map<string, Endpoint>()
    for (const [container, endpoints] of this.#endpoints) {
      const endpoint = endpoints.get(networkId)
      if (endpoint) found.set(container, endpoint)
    }
    return found
  }

  create(spec: NetworkSpec): Promise<NetworkRecord> {
    return this.#inTurn(async () => {
      const { bridgeName = '' } = settingsOf(spec.options)
      if (bridgeName !== '' && linkIndex(bridgeName) !== 0)
        throw new EngineError('denied', `interface ${bridgeName} exists and is not of this engine`)
      const record = await this.#catalog.create(spec)
      try {
        if (record.ipv6) allowForwarding(6, this.#report)
        if (this.#restored) await this.#applyFirewall()
      } catch (error) {
        await this.#catalog.remove(record.id)
        throw error
      }
      this.#tell('create', record, {})
      return record
    })
  }

  remove(reference: string): Promise<NetworkRecord> {
    return this.#inTurn(async () => {
      const record = this.#catalog.get(reference)
      if (isPredefined(record.name))
        throw new EngineError('denied', `${record.name} is a pre-defined network and cannot be removed`)
      if (this.endpoints(record.id).size > 0)
        throw new EngineError(
          'denied',
          `error while removing network: network ${record.name} id ${record.id} has active endpoints`,
        )
      // the bridge first: one that has a name of its own is not known without the record
      await this.#plumbing.removeBridge(record)
      await this.#catalog.remove(record.id)
      if (this.#restored) await this.#applyFirewall()
      this.#tell('destroy', record, {})
      return record
    })
  }

  async connect(member: Member, spec: EndpointSpec): Promise<Endpoint> {
    this.#demandRestored()
    const network = this.#catalog.get(spec.network)
    if (network.driver !== 'bridge')
      throw new EngineError('denied', `container cannot be connected to ${network.driver} network ${network.name}`)
    const mine = this.#endpoints.get(member.id) ?? new Map<string, Endpoint>()
    if (mine.has(network.id))
      throw new EngineError('denied', `endpoint with name ${member.id} already exists in network ${network.name}`)
    const endpoint = this.#reserve(network, spec)
    this.#endpoints.set(member.id, mine.set(network.id, endpoint))
    this.#pids.set(member.id, member.pid)
    try {
      await this.#plumbing.plug(network, endpoint, member.pid, this.#wayOut(member.id) === endpoint)
      await this.#naming.join(member, endpoint)
    } catch (error) {
      await this.#plumbing.unplug(endpoint.endpointId)
      this.#forget(member.id, endpoint)
      throw wrapped(error, `cannot connect container ${member.id.slice(0, 12)} to network ${network.name}`)
    }
    this.#tell('connect', network, { container: member.id })
    return endpoint
  }

  #reserve(network: NetworkRecord, spec: EndpointSpec): Endpoint {
    checkWishes(network, spec)
    const { id, ipv6 } = network
    const prefixOf = (cidr: string): number => Number(cidr.split('/')[1])
    const ipAddress = this.#catalog.take(id, 4, spec.ipv4Address)
    let ipv6Address: string | undefined
    try {
      if (ipv6) ipv6Address = this.#catalog.take(id, 6, spec.ipv6Address)
    } catch (error) {
      this.#catalog.give(id, ipAddress)
      throw error
    }
    return {
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
      macAddress: spec.macAddress ?? macOf(ipAddress),
    }
  }

  /** The network a container goes out by: of those that lead out, the first by name, as with Docker. */
  #wayOut(containerId: string): Endpoint | undefined {
    return [...(this.#endpoints.get(containerId)?.values() ?? [])]
      .filter(({ gateway }) => gateway !== '')
      .sort((a, b) => (a.networkName < b.networkName ? -1 : 1))[0]
  }

  rename(containerId: string, names: readonly string[]): void {
    this.#naming.rename(containerId, names)
  }

  async publish(containerId: string, ports: readonly PortRequest[]): Promise<readonly PortRequest[]> {
    this.#demandRestored()
    const endpoint = this.#wayOut(containerId)
    if (ports.length === 0 || !endpoint) return []
    const { hostAddress } = settingsOf(this.#catalog.get(endpoint.networkId).options)
    const addressed = ports.map((port) => (port.hostIp === '' ? { ...port, hostIp: hostAddress } : port))
    try {
      return await this.#publications.add(containerId, endpoint, addressed)
    } catch (error) {
      throw wrapped(error, `cannot publish ports of container ${containerId.slice(0, 12)}`)
    }
  }

  async republish(containerId: string, ports: readonly PortRequest[]): Promise<readonly PortRequest[]> {
    const way = this.#wayOut(containerId)
    const there = way ? this.#publications.of(containerId, way.networkId) : []
    if (there.length > 0 || ports.length === 0) return there
    for (const { networkId } of this.#endpoints.get(containerId)?.values() ?? [])
      await this.#publications.withdraw(containerId, networkId, () => this.#applyFirewall())
    return this.publish(containerId, ports)
  }

  async disconnect(containerId: string, networkId: string): Promise<void> {
    const network = this.#catalog.get(networkId)
    const endpoint = this.#endpoints.get(containerId)?.get(network.id)
    if (!endpoint)
      throw new EngineError('missing', `container ${containerId} is not connected to network ${network.name}`)
    await this.#unplug(containerId, endpoint)
    const pid = this.#pids.get(containerId)
    const next = this.#wayOut(containerId)
    if (pid !== undefined && next && endpoint.gateway !== '') this.#plumbing.reroute(next, pid)
  }

  async release(containerId: string): Promise<void> {
    this.#naming.forget(containerId)
    const endpoints = [...(this.#endpoints.get(containerId)?.values() ?? [])]
    await Promise.all(endpoints.map((endpoint) => this.#unplug(containerId, endpoint)))
    this.#pids.delete(containerId)
  }

  /** The address is free again only when nothing in the kernel leads to it any more. */
  async #unplug(containerId: string, endpoint: Endpoint): Promise<void> {
    this.#naming.leave(containerId, endpoint)
    await this.#publications.withdraw(containerId, endpoint.networkId, () => this.#applyFirewall())
    await this.#plumbing.unplug(endpoint.endpointId)
    if (this.#forget(containerId, endpoint))
      this.#tell('disconnect', this.#catalog.get(endpoint.networkId), { container: containerId })
  }

  /** @returns false when it was forgotten before */
  #forget(containerId: string, endpoint: Endpoint): boolean {
    this.#naming.leave(containerId, endpoint)
    const mine = this.#endpoints.get(containerId)
    if (mine?.get(endpoint.networkId) !== endpoint) return false
    mine.delete(endpoint.networkId)
    if (mine.size === 0) this.#endpoints.delete(containerId)
    this.#catalog.give(endpoint.networkId, endpoint.ipAddress, endpoint.ipv6Address)
    return true
  }

  restore(containers: Parameters<Networks['restore']>[0]): Promise<void> {
    return this.#inTurn(async () => {
      const known = new Set(this.#catalog.all().map((network) => network.id))
      for (const { member, endpoints, ports } of containers) {
        const mine = endpoints.filter((endpoint) => known.has(endpoint.networkId))
        if (mine.length === 0) continue
        this.#pids.set(member.id, member.pid)
        this.#endpoints.set(member.id, new Map(mine.map((each) => [each.networkId, each])))
        for (const endpoint of mine) {
          this.#takeAgain(member.id, endpoint)
          await this.#naming.restore(member, endpoint)
        }
        const way = this.#wayOut(member.id)
        if (way) await this.#publications.restore(member.id, way, ports)
      }
      allowForwarding(4, this.#report)
      if (this.#catalog.all().some(({ ipv6 }) => ipv6)) allowForwarding(6, this.#report)
      await this.#applyFirewall()
      const live = [...this.#endpoints.values()].flatMap((mine) => [...mine.values()])
      await this.#plumbing.sweep(
        this.#catalog.all().filter(({ driver }) => driver === 'bridge'),
        live.map((endpoint) => endpoint.endpointId),
      )
      this.#restored = true
    })
  }

  #takeAgain(containerId: string, { networkId, ipAddress, ipv6Address }: Endpoint): void {
    try {
      this.#catalog.take(networkId, 4, ipAddress)
      if (ipv6Address !== undefined) this.#catalog.take(networkId, 6, ipv6Address)
    } catch (error) {
      this.#report(`container ${containerId.slice(0, 12)} keeps ${ipAddress}, but: ${messageOf(error)}`)
    }
  }

  #applyFirewall(): Promise<void> {
    return this.#firewall.replace(() => ({
      table: this.#names.table,
      zones: this.#catalog
        .all()
        .filter((network) => network.driver === 'bridge')
        .map((network) => ({
          ...settingsOf(network.options),
          bridge: this.#names.bridge(network),
          subnets: [network.subnet, ...(network.ipv6 ? [network.ipv6.subnet] : [])],
          internal: network.internal,
        })),
      publications: this.#publications.all(),
      uplinks: uplinks(hostRoutes()),
    }))
  }

  #demandRestored(): void {
    if (!this.#restored) throw new EngineError('broken', 'networks were not restored before their first use')
  }

  #tell(action: string, network: NetworkRecord, attributes: Readonly<Record<string, string>>): void {
    this.#events.emit('network', action, network.id, { ...attributes, name: network.name, type: network.driver })
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const run = this.#turn.then(task)
    this.#turn = run.catch(() => undefined)
    return run
  }

  /** Lets go of the ports and sockets; containers and their networks live on. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn
    this.#publications.letGo()
    this.#naming.letGo()
    this.#plumbing[Symbol.dispose]()
    this.#firewall[Symbol.dispose]()
  }
}

/** As dockerd does: locally administered, the rest is the address, so an address always has the same neighbour. */
const macOf = (address: string): string =>
  `02:42:${[...bytesOf(address)].map((b) => b.toString(16).padStart(2, '0')).join(':')}`

/** @throws EngineError `invalid` in dockerd's words */
function checkWishes(network: NetworkRecord, { macAddress, ipv4Address, ipv6Address }: EndpointSpec): void {
  if (macAddress !== undefined && !/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i.test(macAddress))
    throw new EngineError('invalid', `invalid MAC address: ${macAddress}`)
  if (ipv4Address === undefined && ipv6Address === undefined) return
  if (isDefaultBridge(network))
    throw new EngineError('invalid', 'user specified IP address is supported on user defined networks only')
  const chosen = (ipv4Address === undefined || network.chosen) && (ipv6Address === undefined || network.ipv6?.chosen)
  if (!chosen)
    throw new EngineError(
      'invalid',
      'user specified IP address is supported only when connecting to networks with user configured subnets',
    )
}

const wrapped = (error: unknown, what: string): EngineError =>
  error instanceof EngineError ? error : new EngineError('broken', `${what}: ${messageOf(error)}`, error)

export { destroyNetworks } from './teardown.js'
