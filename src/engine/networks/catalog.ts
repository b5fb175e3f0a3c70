import { randomBytes } from 'node:crypto'
import type { EngineConfig } from '../config.js'
import { EngineError } from '../errors.js'
import { Addresses } from './addresses.js'
import { contains, cut, formatAddress, formatSubnet, overlaps, parseAddress, parseSubnet, type Subnet } from './ipv4.js'
import { NetworkRecords, type NetworkRecord } from './record.js'
import { hostRoutes } from './routes.js'

/** What a new network is to be. */
export interface NetworkSpec {
  readonly name: string
  readonly driver: string
  readonly internal: boolean
  readonly attachable: boolean
  readonly subnet?: string
  readonly gateway?: string
  readonly range?: string
  readonly labels: Readonly<Record<string, string>>
  readonly options: Readonly<Record<string, string>>
}

const predefined = { bridge: 'bridge', host: 'host', none: 'null' } as const

/** What is true of the default bridge, in Docker's words. */
const defaultOptions = {
  'com.docker.network.bridge.default_bridge': 'true',
  'com.docker.network.bridge.enable_icc': 'true',
  'com.docker.network.bridge.enable_ip_masquerade': 'true',
  'com.docker.network.bridge.host_binding_ipv4': '0.0.0.0',
  'com.docker.network.driver.mtu': '1500',
}

/** True for `bridge`, `host` and `none`, which are always there. */
export const isPredefined = (name: string): boolean => Object.hasOwn(predefined, name)

/** The networks that exist, and the addresses taken on each. A network is here exactly while its record is on disk. */
export class Catalog {
  readonly #config: EngineConfig
  readonly #records: NetworkRecords
  readonly #networks = new Map<string, NetworkRecord>()
  readonly #addresses = new Map<string, Addresses>()

  private constructor(config: EngineConfig) {
    this.#config = config
    this.#records = new NetworkRecords(`${config.root}/networks`)
  }

  /** Loads the networks and makes the predefined ones that are missing. */
  static async open(config: EngineConfig): Promise<Catalog> {
    const catalog = new Catalog(config)
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

  /** Finds a network by id, name, or unique beginning of an id. @throws EngineError `missing` */
  get(reference: string): NetworkRecord {
    const wanted = reference === 'default' ? 'bridge' : reference
    const exact = this.#networks.get(wanted) ?? this.all().find((network) => network.name === wanted)
    if (exact) return exact
    const matches = wanted === '' ? [] : this.all().filter((network) => network.id.startsWith(wanted))
    const [match, other] = matches
    if (!match) throw new EngineError('missing', `network ${reference} not found`)
    if (other)
      throw new EngineError(
        'invalid',
        `network ${reference} is ambiguous (${matches.length} matches found on ID prefix)`,
      )
    return match
  }

  /** The addresses of a bridge network. */
  addresses(id: string): Addresses {
    const addresses = this.#addresses.get(id)
    if (!addresses) throw new EngineError('missing', `network ${id} not found`)
    return addresses
  }

  /** Makes a network; it is on disk when this resolves. @throws EngineError in dockerd's words */
  async create(spec: NetworkSpec): Promise<NetworkRecord> {
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/.test(spec.name))
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
    this.#addresses.delete(id)
  }

  async #store(spec: NetworkSpec): Promise<NetworkRecord> {
    const { subnet, gateway, range, ...rest } = spec
    const record: NetworkRecord = {
      ...rest,
      driver: spec.driver as NetworkRecord['driver'],
      id: randomBytes(32).toString('hex'),
      created: new Date().toISOString(),
      mtu: mtuOf(spec.options),
      ...(spec.driver === 'bridge' ? this.#addressing(subnet, gateway, range) : { subnet: '', gateway: '' }),
    }
    await this.#records.save(record)
    this.#add(record)
    return record
  }

  #add(record: NetworkRecord): void {
    this.#networks.set(record.id, record)
    const subnet = parseSubnet(record.subnet)
    if (!subnet) return
    this.#addresses.set(record.id, new Addresses(subnet, record.gateway, parseSubnet(record.range ?? record.subnet)))
  }

  #addressing(asked?: string, gateway?: string, range?: string) {
    const subnet = asked === undefined ? this.#freeSubnet() : this.#askedSubnet(asked)
    const door = gateway ?? formatAddress(subnet.address + 1)
    const doorAddress = parseAddress(door)
    if (doorAddress === undefined || !contains(subnet, doorAddress))
      throw new EngineError('invalid', `no matching subnet for gateway ${door}`)
    const part = range === undefined ? undefined : parseSubnet(range)
    if (range !== undefined && (!part || !contains(subnet, part.address) || part.prefix < subnet.prefix))
      throw new EngineError('invalid', `no matching subnet for range ${range}`)
    return { subnet: formatSubnet(subnet), gateway: door, ...(part ? { range: formatSubnet(part) } : {}) }
  }

  #askedSubnet(text: string): Subnet {
    const subnet = parseSubnet(text)
    if (!subnet) throw new EngineError('invalid', `invalid subnet ${text}: invalid CIDR block notation`)
    if (subnet.prefix < 8 || subnet.prefix > 30)
      throw new EngineError('invalid', `invalid subnet ${text}: between /8 and /30 is allowed`)
    if (this.#inUse().some((other) => overlaps(other, subnet)))
      throw new EngineError('denied', 'invalid pool request: Pool overlaps with other one on this address space')
    return subnet
  }

  #freeSubnet(): Subnet {
    const used = this.#inUse()
    const pool = parseSubnet(this.#config.pool) ?? { address: 0, prefix: 32 }
    for (const subnet of cut(pool, 24)) if (!used.some((other) => overlaps(other, subnet))) return subnet
    throw new EngineError('denied', 'all predefined address pools have been fully subnetted')
  }

  /** What is routed here already, by another network or by anyone else on the host. */
  #inUse(): readonly Subnet[] {
    const own = this.all().flatMap((network) => parseSubnet(network.subnet) ?? [])
    const others = hostRoutes()
      .filter((route) => route.destination.prefix > 0 && !route.device.startsWith(`bt${this.#config.prefix}`))
      .map((route) => route.destination)
    return [...own, ...others]
  }
}

function mtuOf(options: Readonly<Record<string, string>>): number {
  const text = options['com.docker.network.driver.mtu']
  if (text === undefined) return 1500
  const mtu = Number(text)
  if (!/^\d+$/.test(text) || mtu < 68 || mtu > 65535) throw new EngineError('invalid', `invalid MTU number: ${text}`)
  return mtu
}
