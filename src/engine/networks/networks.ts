import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import type { EngineConfig } from '../config.js'
import { EngineError, messageOf } from '../errors.js'
import type { Endpoint, EndpointSpec, Events, Networks, PortRequest } from '../records.js'
import { Catalog, isPredefined, type NetworkSpec } from './catalog.js'
import { Firewall } from './firewall.js'
import { bytesOf, parseSubnet } from './ipv4.js'
import { kernelNames, type KernelNames } from './names.js'
import { Plumbing } from './plumbing.js'
import { Publications } from './publications.js'
import type { NetworkRecord } from './record.js'
import { hostRoutes, uplinks } from './routes.js'

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
      const record = await this.#catalog.create(spec)
      try {
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
      await this.#catalog.remove(record.id)
      await this.#plumbing.removeBridge(record.id)
      if (this.#restored) await this.#applyFirewall()
      this.#tell('destroy', record, {})
      return record
    })
  }

  async connect(containerId: string, pid: number, spec: EndpointSpec, defaultRoute: boolean): Promise<Endpoint> {
    this.#demandRestored()
    const network = this.#catalog.get(spec.network)
    const subnet = parseSubnet(network.subnet)
    if (!subnet)
      throw new EngineError('denied', `container cannot be connected to ${network.driver} network ${network.name}`)
    const mine = this.#endpoints.get(containerId) ?? new Map<string, Endpoint>()
    if (mine.has(network.id))
      throw new EngineError('denied', `endpoint with name ${containerId} already exists in network ${network.name}`)
    if (spec.macAddress !== undefined && !/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i.test(spec.macAddress))
      throw new EngineError('invalid', `invalid MAC address: ${spec.macAddress}`)
    const addresses = this.#catalog.addresses(network.id)
    const ipAddress = addresses.take(spec.ipv4Address)
    const endpoint: Endpoint = {
      networkId: network.id,
      networkName: network.name,
      endpointId: randomBytes(32).toString('hex'),
      aliases: spec.aliases,
      ipAddress,
      prefixLength: subnet.prefix,
      gateway: network.internal ? '' : network.gateway,
      macAddress: spec.macAddress ?? macOf(ipAddress),
    }
    this.#endpoints.set(containerId, mine.set(network.id, endpoint))
    try {
      await this.#plumbing.plug(network, endpoint, pid, defaultRoute)
    } catch (error) {
      this.#forget(containerId, endpoint)
      throw wrapped(error, `cannot connect container ${containerId.slice(0, 12)} to network ${network.name}`)
    }
    this.#tell('connect', network, { container: containerId })
    return endpoint
  }

  async publish(
    containerId: string,
    endpoint: Endpoint,
    ports: readonly PortRequest[],
  ): Promise<readonly PortRequest[]> {
    this.#demandRestored()
    if (ports.length === 0 || this.#catalog.get(endpoint.networkId).internal) return []
    try {
      return await this.#publications.add(containerId, endpoint, ports)
    } catch (error) {
      throw wrapped(error, `cannot publish ports of container ${containerId.slice(0, 12)}`)
    }
  }

  async disconnect(containerId: string, networkId: string): Promise<void> {
    const network = this.#catalog.get(networkId)
    const endpoint = this.#endpoints.get(containerId)?.get(network.id)
    if (!endpoint)
      throw new EngineError('missing', `container ${containerId} is not connected to network ${network.name}`)
    await this.#unplug(containerId, endpoint)
  }

  async release(containerId: string): Promise<void> {
    const endpoints = [...(this.#endpoints.get(containerId)?.values() ?? [])]
    await Promise.all(endpoints.map((endpoint) => this.#unplug(containerId, endpoint)))
  }

  /** The address is free again only when nothing in the kernel leads to it any more. */
  async #unplug(containerId: string, endpoint: Endpoint): Promise<void> {
    await this.#publications.withdraw(containerId, endpoint.ipAddress, () => this.#applyFirewall())
    await this.#plumbing.unplug(endpoint.endpointId)
    if (this.#forget(containerId, endpoint))
      this.#tell('disconnect', this.#catalog.get(endpoint.networkId), { container: containerId })
  }

  /** @returns false when it was forgotten before */
  #forget(containerId: string, endpoint: Endpoint): boolean {
    const mine = this.#endpoints.get(containerId)
    if (mine?.get(endpoint.networkId) !== endpoint) return false
    mine.delete(endpoint.networkId)
    if (mine.size === 0) this.#endpoints.delete(containerId)
    this.#catalog.addresses(endpoint.networkId).give(endpoint.ipAddress)
    return true
  }

  restore(containers: Parameters<Networks['restore']>[0]): Promise<void> {
    return this.#inTurn(async () => {
      const known = new Set(this.#catalog.all().map((network) => network.id))
      for (const { id, endpoints, ports } of containers) {
        const mine = endpoints.filter((endpoint) => known.has(endpoint.networkId))
        for (const endpoint of mine) this.#takeAgain(id, endpoint)
        if (mine.length > 0) this.#endpoints.set(id, new Map(mine.map((each) => [each.networkId, each])))
        const [first] = mine
        if (first) await this.#publications.restore(id, first, ports)
      }
      this.#enableForwarding()
      await this.#applyFirewall()
      const live = [...this.#endpoints.values()].flatMap((mine) => [...mine.values()])
      await this.#plumbing.sweep(
        known,
        live.map((endpoint) => endpoint.endpointId),
      )
      this.#restored = true
    })
  }

  #takeAgain(containerId: string, endpoint: Endpoint): void {
    try {
      this.#catalog.addresses(endpoint.networkId).take(endpoint.ipAddress)
    } catch (error) {
      this.#report(`container ${containerId.slice(0, 12)} keeps ${endpoint.ipAddress}, but: ${messageOf(error)}`)
    }
  }

  #enableForwarding(): void {
    const path = '/proc/sys/net/ipv4/ip_forward'
    if (readFileSync(path, 'utf8').trim() === '1') return
    writeFileSync(path, '1')
    this.#report('enabled net.ipv4.ip_forward: containers need it to reach the outside')
  }

  #applyFirewall(): Promise<void> {
    return this.#firewall.replace(() => ({
      table: this.#names.table,
      bridges: this.#names.bridges,
      zones: this.#catalog
        .all()
        .filter((network) => network.driver === 'bridge')
        .map(({ id, subnet, internal }) => ({ bridge: this.#names.bridge(id), subnet, internal })),
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
    this.#plumbing[Symbol.dispose]()
    this.#firewall[Symbol.dispose]()
  }
}

/** As dockerd does: locally administered, the rest is the address, so an address always has the same neighbour. */
const macOf = (address: string): string =>
  `02:42:${[...bytesOf(address)].map((b) => b.toString(16).padStart(2, '0')).join(':')}`

const wrapped = (error: unknown, what: string): EngineError =>
  error instanceof EngineError ? error : new EngineError('broken', `${what}: ${messageOf(error)}`, error)

export { destroyNetworks } from './teardown.js'
