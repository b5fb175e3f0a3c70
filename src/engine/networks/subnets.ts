import { createHash } from 'node:crypto'
import type { EngineConfig } from '../config.js'
import { EngineError } from '../errors.js'
import {
  contains,
  cut,
  familyOf,
  formatAddress,
  formatSubnet,
  overlaps,
  parseAddress,
  parseSubnet,
  type Family,
  type Subnet,
} from '../kernel/ip.js'
import type { NetworkRecord, Pool } from './record.js'
import { hostRoutes } from './routes.js'

/** Addresses a new network is to have in one family; what is absent is chosen. */
export interface PoolRequest {
  readonly subnet?: string | undefined
  readonly gateway?: string | undefined
  readonly range?: string | undefined
  readonly reserved?: Readonly<Record<string, string>> | undefined
}

/** What may be asked for, and what is cut from the pool. */
const prefixes = { 4: { shortest: 8, longest: 30, own: 24 }, 6: { shortest: 16, longest: 126, own: 64 } } as const

/** Chooses the subnets of an instance's networks, so that none overlaps another or what the host routes elsewhere. */
export class Subnets {
  readonly #bridges: string
  readonly #pools: Readonly<Record<Family, string>>
  readonly #networks: () => readonly NetworkRecord[]

  constructor(config: Pick<EngineConfig, 'name' | 'prefix' | 'pool'>, networks: () => readonly NetworkRecord[]) {
    this.#bridges = `bt${config.prefix}`
    // RFC 4193: a unique local prefix, its forty random bits made from the instance's name
    const id = createHash('sha256').update(config.name).digest('hex')
    this.#pools = { 4: config.pool, 6: `fd${id.slice(0, 2)}:${id.slice(2, 6)}:${id.slice(6, 10)}::/48` }
    this.#networks = networks
  }

  /** @throws EngineError in dockerd's words */
  choose(family: Family, { subnet: cidr, gateway, range, reserved = {} }: PoolRequest): Pool {
    const subnet = cidr === undefined ? this.#free(family) : this.#asked(family, cidr)
    const gatewayAddress = gateway ?? formatAddress(subnet.address + 1n, family)
    const inside = (address: string): boolean => {
      const value = parseAddress(address)
      return familyOf(address) === family && value !== undefined && contains(subnet, value)
    }
    if (!inside(gatewayAddress)) throw new EngineError('invalid', `no matching subnet for gateway ${gatewayAddress}`)
    for (const address of Object.values(reserved))
      if (!inside(address)) throw new EngineError('invalid', `no matching subnet for aux-address ${address}`)
    const part = range === undefined ? undefined : parseSubnet(range)
    if (range !== undefined && (!part || !contains(subnet, part.address) || part.prefix < subnet.prefix))
      throw new EngineError('invalid', `no matching subnet for range ${range}`)
    return {
      subnet: formatSubnet(subnet),
      gateway: gatewayAddress,
      ...(part ? { range: formatSubnet(part) } : {}),
      ...(Object.keys(reserved).length > 0 ? { reserved } : {}),
      ...(cidr === undefined ? {} : { chosen: true }),
    }
  }

  #asked(family: Family, text: string): Subnet {
    const subnet = parseSubnet(text)
    if (subnet?.family !== family)
      throw new EngineError('invalid', `invalid subnet ${text}: invalid CIDR block notation`)
    const { shortest, longest } = prefixes[family]
    if (subnet.prefix < shortest || subnet.prefix > longest)
      throw new EngineError('invalid', `invalid subnet ${text}: between /${shortest} and /${longest} is allowed`)
    if (this.#inUse().some((other) => overlaps(other, subnet)))
      throw new EngineError('denied', 'invalid pool request: Pool overlaps with other one on this address space')
    return subnet
  }

  #free(family: Family): Subnet {
    const used = this.#inUse()
    const pool = parseSubnet(this.#pools[family])
    if (pool)
      for (const subnet of cut(pool, prefixes[family].own))
        if (!used.some((other) => overlaps(other, subnet))) return subnet
    throw new EngineError('denied', 'all predefined address pools have been fully subnetted')
  }

  /** What is routed here already, by another network or by anyone else on the host. */
  #inUse(): readonly Subnet[] {
    const networks = this.#networks()
    const own = networks.flatMap(({ subnet, ipv6 }) =>
      [subnet, ipv6?.subnet ?? ''].flatMap((s) => parseSubnet(s) ?? []),
    )
    const others = hostRoutes()
      .filter(({ destination, device }) => destination.prefix > 0 && !device.startsWith(this.#bridges))
      .map((route) => route.destination)
    return [...own, ...others]
  }
}
