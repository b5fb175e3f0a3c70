import { randomBytes } from 'node:crypto'
import type { EngineConfig } from '../config.js'
import { EngineError } from '../errors.js'
import { Addresses } from './addresses.js'
import { contains, familyOf, parseAddress, parseSubnet, type Family } from '../kernel/ip.js'
import { NetworkRecords, type NetworkRecord, type Pool } from './record.js'
import { option, settingsOf } from './settings.js'
import { Subnets, type PoolRequest } from './subnets.js'

/** What a new network is to be; the addresses at its top are IPv4. */
export interface NetworkSpec extends PoolRequest {
  readonly name: string
  readonly driver: string
  readonly internal: boolean
  readonly attachable: boolean
  /** Present: it has IPv6 too. */
  readonly ipv6?: PoolRequest
  /** IPv6 addresses of a network that is not to have any. */
  readonly idleIpv6?: PoolRequest
  readonly labels: Readonly<Record<string, string>>
  readonly options: Readonly<Record<string, string>>
  readonly ipamOptions?: Readonly<Record<string, string>>
}

const predefined = { bridge: 'bridge', host: 'host', none: 'null' } as const

/** What is true of the default bridge, in Docker's words. */
const defaultOptions = {
  [option.defaultBridge]: 'true',
  [option.memberTraffic]: 'true',
  [option.masquerade]: 'true',
  [option.hostAddress]: '0.0.0.0',
  [option.mtu]: '1500',
}

/**
 * What the network of builds is called, as no client can call one. Its members do not see each other: two of them may be two
 * apps' builds.
 */
export const buildsNetwork = ':builds'

/** True for `bridge`, `host` and `none`, which are always there. */
export const isPredefined = (name: string): boolean => Object.hasOwn(predefined, name)

/** The networks that exist, and the addresses taken on each. A network is here exactly while its record is on disk. */
export class NetworkCatalog {
  readonly #records: NetworkRecords
  readonly #subnets: Subnets
  readonly #networks = new Map<string, NetworkRecord>()
  readonly #addresses = new Map<string, Addresses>()

  private constructor(config: EngineConfig) {
    this.#subnets = new Subnets(config, () => this.all())
    this.#records = new NetworkRecords(`${config.root}/networks`)
  }

  /** Loads the networks and makes the predefined ones that are missing. */
  static async open(config: EngineConfig): Promise<NetworkCatalog> {
    const catalog = new NetworkCatalog(config)
    for (const record of await catalog.#records.load()) catalog.#add(record)
    for (const [name, driver] of Object.entries(predefined))
      if (!catalog.all().some((network) => network.name === name))
        await catalog.#store({
          name,
          driver,
          internal: false,
          attachable: false,
          labels: {},
          options: name === 'bridge' ? defaultOptions : {},
        })
    return catalog
  }

  all(): readonly NetworkRecord[] {
    return [...this.#networks.values()]
  }

  /** Whether an address is of one of the networks. */
  holds(address: string): boolean {
    const value = parseAddress(address)
    const pools = this.all().flatMap(({ subnet, ipv6 }) => [subnet, ipv6?.subnet ?? ''])
    return pools.some((cidr) => {
      const subnet = familyOf(cidr) === familyOf(address) ? parseSubnet(cidr) : undefined
      return subnet !== undefined && value !== undefined && contains(subnet, value)
    })
  }

  /** Those that clients see. */
  listed(): readonly NetworkRecord[] {
    return this.all().filter((network) => network.builds !== true)
  }

  /** Finds a network by its whole id, that of builds too. @throws EngineError `missing` */
  byId(id: string): NetworkRecord {
    return this.#networks.get(id) ?? this.get(id)
  }

  /** The network of builds, once there is one. */
  get builds(): NetworkRecord | undefined {
    return this.all().find((network) => network.builds)
  }

  /** Makes the network of builds. @throws EngineError `denied` when the pool has no room */
  createBuilds(): Promise<NetworkRecord> {
    const none = { internal: false, attachable: false, labels: {} }
    const options = { [option.memberTraffic]: 'false' }
    return this.#store({ name: buildsNetwork, driver: 'bridge', builds: true, options, ...none })
  }

  /** Finds a network by id, name, or unique beginning of an id. @throws EngineError `missing` */
  get(reference: string): NetworkRecord {
    const wanted = reference === 'default' ? 'bridge' : reference
    const listed = this.listed()
    const exact = listed.find(({ id }) => id === wanted) ?? listed.find((network) => network.name === wanted)
    if (exact) return exact
    const matches = wanted === '' ? [] : listed.filter((network) => network.id.startsWith(wanted))
    const [match, other] = matches
    if (!match) throw new EngineError('missing', `network ${reference} not found`)
    if (other)
      throw new EngineError(
        'invalid',
        `network ${reference} is ambiguous (${matches.length} matches found on ID prefix)`,
      )
    return match
  }

  /** Reserves an address on a network, or the one asked for. @throws EngineError in dockerd's words */
  take(id: string, family: Family, wanted?: string): string {
    const addresses = this.#addresses.get(`${family} ${id}`)
    if (!addresses) throw new EngineError('invalid', `network ${id} has no IPv${family} addresses`)
    return addresses.take(wanted)
  }

  /** Frees addresses; '' and undefined are none. */
  give(id: string, ...addresses: readonly (string | undefined)[]): void {
    for (const address of addresses) if (address) this.#addresses.get(`${familyOf(address)} ${id}`)?.give(address)
  }

  /** Makes a network; it is on disk when this resolves. @throws EngineError in dockerd's words */
  async create(spec: NetworkSpec): Promise<NetworkRecord> {
    if (spec.name.trim() === '' || spec.name === buildsNetwork || spec.name.length > 255)
      throw new EngineError('invalid', `invalid network name: ${JSON.stringify(spec.name.slice(0, 300))}`)
    if (isPredefined(spec.name))
      throw new EngineError('denied', `operation is not permitted on predefined ${spec.name} network `)
    if (spec.driver === 'host' || spec.driver === 'null')
      throw new EngineError('denied', `only one instance of "${spec.driver}" network is allowed`)
    if (spec.driver !== 'bridge') throw new EngineError('missing', `plugin "${spec.driver}" not found`)
    if (this.all().some((network) => network.name === spec.name))
      throw new EngineError('conflict', `network with name ${spec.name} already exists`)
    return this.#store(spec)
  }

  async remove(id: string): Promise<void> {
    await this.#records.remove(id)
    this.#networks.delete(id)
    for (const family of [4, 6]) this.#addresses.delete(`${family} ${id}`)
  }

  async #store(spec: NetworkSpec & Pick<NetworkRecord, 'builds'>): Promise<NetworkRecord> {
    const { subnet, gateway, range, reserved, ipv6, idleIpv6, ...rest } = spec
    const settings = settingsOf(spec.options)
    const taken = settings.bridgeName
    const other = this.all().find(({ options }) => settingsOf(options).bridgeName === taken)
    if (taken !== undefined && other)
      throw new EngineError(
        'denied',
        `cannot create network ${spec.name} (${taken}): conflicts with network ${other.id} (${taken}): networks have same bridge name`,
      )
    const bridge = spec.driver === 'bridge'
    const record: NetworkRecord = {
      ...rest,
      driver: spec.driver as NetworkRecord['driver'],
      id: randomBytes(32).toString('hex'),
      created: new Date().toISOString(),
      mtu: settings.mtu,
      ...(bridge ? this.#subnets.choose(4, { subnet, gateway, range, reserved }) : { subnet: '', gateway: '' }),
      ...(bridge && ipv6 ? { ipv6: this.#subnets.choose(6, ipv6) } : {}),
      ...(bridge && idleIpv6 ? { idleIpv6: this.#subnets.choose(6, idleIpv6) } : {}),
    }
    await this.#records.save(record)
    this.#add(record)
    return record
  }

  #add(record: NetworkRecord): void {
    this.#networks.set(record.id, record)
    this.#addPool(record.id, record)
    if (record.ipv6) this.#addPool(record.id, record.ipv6)
  }

  #addPool(id: string, { subnet: cidr, gateway, range, reserved = {} }: Pool): void {
    const subnet = parseSubnet(cidr)
    if (!subnet) return
    const others = [gateway, ...Object.values(reserved)]
    this.#addresses.set(`${subnet.family} ${id}`, new Addresses(subnet, others, parseSubnet(range ?? cidr)))
  }
}
