import type { EngineConfig, Reach } from '../config.js'
import { codeOf, EngineError, messageOf } from '../errors.js'
import type { Endpoint, EndpointSpec, Events, NetworkMember, Networks, PortRequest } from '../records.js'
import { buildsNetwork, NetworkCatalog, isPredefined, type NetworkSpec } from './catalog.js'
import { Conntrack } from './conntrack.js'
import { PendingDetaches } from './pending-detaches.js'
import { Endpoints } from './endpoints.js'
import { Firewall } from './firewall.js'
import { linkIndex } from '../kernel/links.js'
import { kernelNames, type KernelNames } from './names.js'
import { Naming } from './naming.js'
import { Plumbing } from './plumbing.js'
import { Publications } from './publications.js'
import { parseReach } from './reach.js'
import type { NetworkRecord } from './record.js'
import { allowForwarding } from './forwarding.js'
import { hostRoutes, uplinks } from './routes.js'
import { Mutex } from '../mutex.js'
import { settingsOf } from './settings.js'
import { ownerOf } from '../system/owner.js'

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
  return new BridgeNetworks(config, events, await NetworkCatalog.open(config), report)
}

class BridgeNetworks implements NetworkRoom {
  readonly #events: Events
  readonly #catalog: NetworkCatalog
  readonly #report: (line: string) => void
  readonly #names: KernelNames
  readonly #reach: Reach
  readonly #plumbing: Plumbing
  readonly #firewall: Firewall
  readonly #conntrack: Conntrack
  readonly #endpoints: Endpoints
  readonly #pendingDetaches: PendingDetaches
  /** Where a running container's network namespace is found. */
  readonly #pids = new Map<string, number>()
  readonly #naming: Naming
  readonly #publications: Publications
  /** Id of the network that is being removed. */
  #leaving: string | undefined
  #restored = false
  readonly #mutex = new Mutex()

  constructor(config: EngineConfig, events: Events, catalog: NetworkCatalog, report: (line: string) => void) {
    this.#events = events
    this.#catalog = catalog
    this.#report = report
    this.#names = kernelNames(config)
    this.#reach = config.reach ?? parseReach('')
    this.#plumbing = new Plumbing(this.#names)
    this.#firewall = new Firewall(this.#names.table)
    this.#conntrack = new Conntrack(report)
    this.#publications = new Publications(this.#firewall, this.#conntrack, report)
    this.#naming = new Naming(report)
    this.#endpoints = new Endpoints(catalog)
    this.#pendingDetaches = new PendingDetaches(report)
  }

  list(): readonly NetworkRecord[] {
    return this.#catalog.listed()
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
    return this.#endpoints.on(networkId)
  }

  create(spec: NetworkSpec): Promise<NetworkRecord> {
    return this.#mutex.run(async () => {
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
    return this.#mutex.run(async () => {
      const record = this.#catalog.get(reference)
      if (isPredefined(record.name))
        throw new EngineError('denied', `${record.name} is a pre-defined network and cannot be removed`)
      await this.#pendingDetaches.over(record.id)
      if (this.endpoints(record.id).size > 0)
        throw new EngineError(
          'denied',
          `error while removing network: network ${record.name} id ${record.id} has active endpoints`,
        )
      this.#leaving = record.id // nobody joins it any more
      try {
        // the bridge first: one that has a name of its own is not known without the record
        await this.#plumbing.removeBridge(record)
        await this.#catalog.remove(record.id)
      } finally {
        this.#leaving = undefined
      }
      if (this.#restored) await this.#applyFirewall()
      this.#tell('destroy', record, {})
      return record
    })
  }

  async connect(member: NetworkMember, spec: EndpointSpec): Promise<Endpoint> {
    this.#demandRestored()
    const network = spec.network === buildsNetwork ? await this.#builds() : this.#catalog.get(spec.network)
    if (network.driver !== 'bridge')
      throw new EngineError('denied', `container cannot be connected to ${network.driver} network ${network.name}`)
    const endpoint = await this.#reserve(member.id, network, spec)
    this.#pids.set(member.id, member.pid)
    try {
      await this.#plumbing.plug(network, endpoint, member.pid, this.#endpoints.wayOut(member.id) === endpoint)
      await this.#naming.join(member, endpoint)
    } catch (error) {
      await this.#plumbing.unplug(endpoint.endpointId)
      this.#naming.leave(member.id, endpoint)
      if (this.#endpoints.forget(member.id, endpoint)) this.#endpoints.free(endpoint)
      throw wrapped(error, `cannot connect container ${member.id.slice(0, 12)} to network ${network.name}`)
    }
    this.#tell('connect', network, { container: member.id })
    return endpoint
  }

  /** Made for the first build: most engines of a test, and some of a person, never build. */
  #builds(): Promise<NetworkRecord> {
    const known = this.#catalog.builds
    if (known) return Promise.resolve(known)
    return this.#mutex.run(async () => {
      if (this.#catalog.builds) return this.#catalog.builds
      const made = await this.#catalog.createBuilds()
      await this.#applyFirewall()
      return made
    })
  }

  /** What it cannot have may be what another is just giving up. */
  async #reserve(containerId: string, network: NetworkRecord, spec: EndpointSpec): Promise<Endpoint> {
    const reserve = (): Endpoint => {
      this.#catalog.byId(network.id)
      if (this.#leaving === network.id) throw new EngineError('missing', `network ${network.name} not found`)
      return this.#endpoints.reserve(containerId, network, spec)
    }
    try {
      return reserve()
    } catch (error) {
      if (!(await this.#pendingDetaches.over(network.id))) throw error
      return reserve()
    }
  }

  rename(containerId: string, names: readonly string[]): void {
    this.#naming.rename(containerId, names)
  }

  async publish(containerId: string, ports: readonly PortRequest[]): Promise<readonly PortRequest[]> {
    this.#demandRestored()
    const endpoint = this.#endpoints.wayOut(containerId)
    if (ports.length === 0 || !endpoint) return []
    const { hostAddress } = settingsOf(this.#catalog.byId(endpoint.networkId).options)
    const addressed = ports.map((port) => (port.hostIp === '' ? { ...port, hostIp: hostAddress } : port))
    try {
      return await this.#publications.add(containerId, endpoint, addressed)
    } catch (error) {
      throw wrapped(error, `cannot publish ports of container ${containerId.slice(0, 12)}`)
    }
  }

  async republish(containerId: string, ports: readonly PortRequest[]): Promise<readonly PortRequest[]> {
    const way = this.#endpoints.wayOut(containerId)
    const there = way ? this.#publications.of(containerId, way.networkId) : []
    if (there.length > 0 || ports.length === 0) return there
    for (const { networkId } of this.#endpoints.of(containerId))
      await this.#publications.withdraw(containerId, networkId, () => this.#applyFirewall())
    return this.publish(containerId, ports)
  }

  async disconnect(containerId: string, networkId: string): Promise<void> {
    const network = this.#catalog.get(networkId)
    const endpoint = this.#endpoints.of(containerId).find(({ networkId: id }) => id === network.id)
    if (!endpoint)
      throw new EngineError('missing', `container ${containerId} is not connected to network ${network.name}`)
    const forget = this.#flowsOf(containerId, endpoint)
    await this.#leave(containerId, endpoint)
    // the address is free again only when nothing in the kernel leads to it any more
    await this.#plumbing.unplug(endpoint.endpointId)
    await forget()
    this.#forget(containerId, endpoint, () => this.#endpoints.free(endpoint))
    const pid = this.#pids.get(containerId)
    const next = this.#endpoints.wayOut(containerId)
    if (pid === undefined || !next || endpoint.gateway === '') return
    try {
      this.#plumbing.reroute(next, pid)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error // else it has just ended, and its namespace with it
    }
  }

  async release(containerId: string): Promise<void> {
    this.#naming.forget(containerId)
    for (const endpoint of this.#endpoints.of(containerId)) {
      const forget = this.#flowsOf(containerId, endpoint)
      await this.#leave(containerId, endpoint)
      this.#forget(containerId, endpoint, () => {
        const unplugged = this.#plumbing.unplug(endpoint.endpointId).then(forget)
        this.#pendingDetaches.add(endpoint.networkId, unplugged, () => this.#endpoints.free(endpoint))
      })
    }
    this.#pids.delete(containerId)
  }

  /**
   * What forgets the flows of a container that publishes here, once it is gone from the network: what it sends last, be it
   * the kernel for it, is remembered like all else.
   */
  #flowsOf(containerId: string, { networkId, ipAddress, ipv6Address }: Endpoint): () => Promise<void> {
    const published = this.#publications.of(containerId, networkId).length > 0
    return async () => {
      for (const address of [ipAddress, ipv6Address])
        if (published && address) await this.#conntrack.forgetAddress(address)
    }
  }

  /** Its names and published ports lead nowhere from now on. */
  async #leave(containerId: string, endpoint: Endpoint): Promise<void> {
    this.#naming.leave(containerId, endpoint)
    await this.#publications.withdraw(containerId, endpoint.networkId, () => this.#applyFirewall())
  }

  /** @param then what is to be done by whoever was the first to forget it */
  #forget(containerId: string, endpoint: Endpoint, then: () => void): void {
    if (!this.#endpoints.forget(containerId, endpoint)) return
    then()
    this.#tell('disconnect', this.#catalog.byId(endpoint.networkId), { container: containerId })
  }

  restore(containers: Parameters<Networks['restore']>[0]): Promise<void> {
    return this.#mutex.run(async () => {
      const known = new Set(this.#catalog.all().map((network) => network.id))
      for (const { member, endpoints, ports } of containers) {
        const mine = endpoints.filter((endpoint) => known.has(endpoint.networkId))
        if (mine.length === 0) continue
        this.#pids.set(member.id, member.pid)
        for (const endpoint of mine) {
          this.#endpoints.restore(member.id, endpoint, this.#report)
          await this.#naming.restore(member, endpoint)
        }
        const way = this.#endpoints.wayOut(member.id)
        if (way) await this.#publications.restore(member.id, way, ports)
      }
      allowForwarding(4, this.#report)
      if (this.#catalog.all().some(({ ipv6 }) => ipv6)) allowForwarding(6, this.#report)
      await this.#applyFirewall()
      await this.#conntrack.sweep((address) => this.#catalog.holds(address), this.#publications.all())
      await this.#plumbing.sweep(
        this.#catalog.all().filter(({ driver }) => driver === 'bridge'),
        this.#endpoints.all().map((endpoint) => endpoint.endpointId),
      )
      this.#restored = true
    })
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
          closed: network.builds === true || ownerOf(network.labels) !== undefined,
        })),
      publications: this.#publications.all(),
      uplinks: uplinks(hostRoutes()),
      reach: this.#reach,
    }))
  }

  #demandRestored(): void {
    if (!this.#restored) throw new EngineError('broken', 'networks were not restored before their first use')
  }

  #tell(action: string, network: NetworkRecord, attributes: Readonly<Record<string, string>>): void {
    if (network.builds) return
    this.#events.emit('network', action, network.id, { ...attributes, name: network.name, type: network.driver })
  }

  /** Lets go of the ports and sockets; containers and their networks live on. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#mutex.run(() => Promise.resolve())
    await this.#pendingDetaches.over()
    this.#publications.letGo()
    this.#naming.letGo()
    this.#plumbing[Symbol.dispose]()
    this.#firewall[Symbol.dispose]()
    this.#conntrack[Symbol.dispose]()
  }
}

const wrapped = (error: unknown, what: string): EngineError =>
  error instanceof EngineError ? error : new EngineError('broken', `${what}: ${messageOf(error)}`, error)

export { destroyNetworks } from './teardown.js'
