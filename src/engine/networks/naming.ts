import type { Endpoint, NetworkMember } from '../records.js'
import { Directory } from './directory.js'
import { encodeName, failure, recordType, reply, type DnsAnswer, type Query } from './dns-message.js'
import { forward, type DnsTransport } from './forward.js'
import { addressBytes, formatAddress } from '../kernel/ip.js'
import { netnsOf } from '../kernel/netns.js'
import { hostServers } from './resolv.js'
import { Resolver } from './resolver.js'
import { isDefaultBridge } from './settings.js'

/** Soon forgotten: a container that comes again comes with another address. */
const secondsToLive = 10

interface NamedMember {
  member: NetworkMember
  readonly endpoints: Set<Endpoint>
  resolver?: Promise<Resolver>
}

/** The names of a network's members, and a name server for each of them. */
export class Naming {
  readonly #directory = new Directory()
  readonly #members = new Map<string, NamedMember>()
  readonly #report: (line: string) => void

  constructor(report: (line: string) => void) {
    this.#report = report
  }

  /** Makes a container known on a network, and gives it a name server on the first where there are names. */
  async join(member: NetworkMember, endpoint: Endpoint): Promise<void> {
    const named = this.#members.get(member.id) ?? { member, endpoints: new Set() }
    this.#members.set(member.id, named)
    named.endpoints.add(endpoint)
    if (isDefaultBridge({ name: endpoint.networkName })) return
    this.#directory.add(namesOf(named.member, endpoint), endpoint)
    named.resolver ??= Resolver.open(netnsOf(member.pid), (query, transport) => this.#answer(named, query, transport))
    try {
      await named.resolver
    } catch (error) {
      delete named.resolver
      throw error
    }
  }

  /** Takes up a container that an earlier engine gave its names. */
  async restore(member: NetworkMember, endpoint: Endpoint): Promise<void> {
    await this.join(member, endpoint).catch((error: unknown) => {
      this.#report(`container ${member.id.slice(0, 12)} has no name server: ${String(error)}`)
    })
  }

  rename(containerId: string, names: readonly string[]): void {
    const named = this.#members.get(containerId)
    if (!named) return
    for (const endpoint of named.endpoints) this.#directory.remove(namesOf(named.member, endpoint), endpoint)
    named.member = { ...named.member, names }
    for (const endpoint of named.endpoints) this.#directory.add(namesOf(named.member, endpoint), endpoint)
  }

  leave(containerId: string, endpoint: Endpoint): void {
    const named = this.#members.get(containerId)
    if (!named?.endpoints.delete(endpoint)) return
    this.#directory.remove(namesOf(named.member, endpoint), endpoint)
  }

  /** Closes a container's name server. */
  forget(containerId: string): void {
    const named = this.#members.get(containerId)
    if (!named) return
    this.#members.delete(containerId)
    for (const endpoint of named.endpoints) this.#directory.remove(namesOf(named.member, endpoint), endpoint)
    void named.resolver?.then(
      (resolver) => resolver[Symbol.dispose](),
      () => undefined,
    )
  }

  /** What members may know stays among them; all else is asked outside, unless nothing may go there. */
  async #answer(named: NamedMember, query: Query, transport: DnsTransport): Promise<Buffer | undefined> {
    const limit = transport === 'udp' ? query.limit : undefined
    const answers = query.internet ? this.#answers(named, query) : undefined
    if (answers) return reply(query, answers, secondsToLive, limit)
    const { servers, pid } = named.member
    const shutIn = [...named.endpoints].every(({ gateway, ipv6Gateway = '' }) => gateway === '' && ipv6Gateway === '')
    if (shutIn) return failure(query) // a query to the outside is a message to the outside (CVE-2024-29018)
    // its own servers it means as it would reach them itself
    const response =
      servers.length > 0
        ? await forward(query, transport, servers, netnsOf(pid))
        : await forward(query, transport, await hostServers())
    return response ?? failure(query)
  }

  /** undefined: not ours to answer. */
  #answers(named: NamedMember, { name, type }: Query): readonly DnsAnswer[] | undefined {
    if (type === recordType.ptr) {
      const found = this.#nameOf(named, addressOf(name))
      return found === undefined ? undefined : [{ type, data: encodeName(found) }]
    }
    const endpoints = this.#find(named, name)
    if (endpoints.length === 0) return undefined
    const addresses = endpoints.map(({ ipAddress, ipv6Address }) =>
      type === recordType.a ? ipAddress : type === recordType.aaaa ? (ipv6Address ?? '') : '',
    )
    return rotated(
      addresses.filter((address) => address !== '').map((address) => ({ type, data: addressBytes(address) })),
    )
  }

  #find(named: NamedMember, name: string): readonly Endpoint[] {
    for (const { networkId, links = [] } of named.endpoints) {
      const linked = links.map((link) => link.split(':')).find(([other = '', alias = other]) => alias === name)
      const found = this.#directory.find(networkId, linked?.[0] ?? name)
      if (found.length > 0) return found
    }
    // `name.network`
    for (const { networkId, networkName } of named.endpoints) {
      const suffix = `.${networkName.toLowerCase()}`
      if (!name.endsWith(suffix)) continue
      const found = this.#directory.find(networkId, name.slice(0, -suffix.length))
      if (found.length > 0) return found
    }
    return []
  }

  #nameOf(named: NamedMember, address: string | undefined): string | undefined {
    if (address === undefined) return undefined
    for (const { networkId, networkName } of named.endpoints) {
      const found = this.#directory.nameOf(networkId, address)
      if (found !== undefined) return `${found}.${networkName}`
    }
    return undefined
  }

  /** Closes every name server; the next engine opens them again. */
  letGo(): void {
    for (const id of [...this.#members.keys()]) this.forget(id)
  }
}

/** On the default bridge nobody has names. */
const namesOf = (member: NetworkMember, { aliases, networkName }: Endpoint): readonly string[] =>
  isDefaultBridge({ name: networkName })
    ? []
    : [...new Set([...member.names, ...aliases].filter((name) => name !== ''))]

/** Begins with another each time: most clients take the first. */
function rotated<T>(list: readonly T[]): readonly T[] {
  const start = Math.floor(Math.random() * list.length)
  return [...list.slice(start), ...list.slice(0, start)]
}

/** The address that a name of in-addr.arpa (RFC 1035) or ip6.arpa (RFC 3596) stands for. */
function addressOf(name: string): string | undefined {
  const four = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\.in-addr\.arpa$/.exec(name)
  if (four) return four.slice(1).reverse().join('.')
  const six = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name)
  const digits = six?.[1]?.replaceAll('.', '').split('').reverse().join('')
  return digits === undefined ? undefined : formatAddress(BigInt(`0x${digits}`), 6)
}
