import { closeSync, existsSync, openSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { EngineError } from '../errors.js'
import type { Endpoint } from '../records.js'
import { familyOf } from '../kernel/ip.js'
import { linkIndex, linkNames, Links } from '../kernel/links.js'
import type { KernelNames } from './names.js'
import { family, Netlink, NetlinkError } from '../kernel/netlink.js'
import { netnsOf } from '../kernel/netns.js'
import type { NetworkRecord, Pool } from './record.js'
import { settingsOf } from './settings.js'

/** The bridges and cables of an instance. */
export class Plumbing implements Disposable {
  readonly #names: KernelNames
  readonly #links = new Links()
  readonly #bridges = new Map<string, Promise<void>>()

  constructor(names: KernelNames) {
    this.#names = names
  }

  /**
   * Puts the process's network namespace on a network as the endpoint says; makes the bridge when it is not there.
   * @param way the container goes out by this network
   * @throws NetlinkError, EngineError `conflict` when the bridge is full, or ENOENT when the process is gone; nothing is left behind
   */
  async plug(network: NetworkRecord, endpoint: Endpoint, pid: number, way: boolean): Promise<void> {
    const path = netnsOf(pid)
    const netns = openSync(path, 'r')
    try {
      using inside = Netlink.openIn(path, family.route)
      const { memberTraffic, interfacePrefix } = settingsOf(network.options)
      const { ipAddress, prefixLength, ipv6Address, ipv6PrefixLength = 64 } = endpoint
      const veth = {
        name: this.#names.veth(endpoint.endpointId),
        bridge: await this.#bridge(network),
        interfacePrefix,
        macAddress: endpoint.macAddress,
        addresses: [
          { address: ipAddress, prefixLength },
          ...(ipv6Address ? [{ address: ipv6Address, prefixLength: ipv6PrefixLength }] : []),
          ...linkLocalOf(endpoint),
        ],
        mtu: network.mtu,
        isolated: !memberTraffic,
        gateways: way ? gatewaysOf(endpoint) : [],
      }
      await this.#links.plug(veth, netns, inside)
    } catch (error) {
      if (!(error instanceof NetlinkError && error.code === 'EXFULL')) throw error
      const why = `network ${network.name} is full: a bridge has 1,023 ports at most; use another network for more containers`
      throw new EngineError('conflict', why, error)
    } finally {
      closeSync(netns)
    }
  }

  /** Has the process go out by another network it is on. */
  reroute(endpoint: Endpoint, pid: number): void {
    using inside = Netlink.openIn(netnsOf(pid), family.route)
    this.#links.route(gatewaysOf(endpoint), inside)
  }

  /** Takes a veth away, if it is there. */
  unplug(endpointId: string): Promise<void> {
    return this.#links.remove(this.#names.veth(endpointId))
  }

  removeBridge(network: NetworkRecord): Promise<void> {
    return this.#links.remove(this.#names.bridge(network))
  }

  /** Takes away the bridges and cables of all networks and endpoints but these. */
  async sweep(networks: Iterable<NetworkRecord>, endpointIds: Iterable<string>): Promise<void> {
    const live = new Set([
      ...Array.from(networks, (network) => this.#names.bridge(network)),
      ...Array.from(endpointIds, (id) => this.#names.veth(id)),
    ])
    const found = [...linkNames(this.#names.cables), ...linkNames(this.#names.bridges)]
    await Promise.all(found.filter((name) => !live.has(name)).map((name) => this.#links.remove(name)))
  }

  /** Sees to the bridge once a daemon's life, or again when somebody deleted it: a kill may have left it half made. */
  async #bridge(network: NetworkRecord): Promise<string> {
    const name = this.#names.bridge(network)
    const seenTo = linkIndex(name) === 0 ? undefined : this.#bridges.get(name)
    const made = seenTo ?? this.#makeBridge(name, network)
    this.#bridges.set(name, made)
    await made.catch((error: unknown) => {
      this.#bridges.delete(name)
      throw error
    })
    return name
  }

  async #makeBridge(name: string, { subnet, gateway, ipv6, mtu }: NetworkRecord): Promise<void> {
    const address = (pool: Pool) => ({ address: pool.gateway, prefixLength: Number(pool.subnet.split('/')[1]) })
    const addresses = [address({ subnet, gateway }), ...(ipv6 ? [address(ipv6)] : [])]
    await this.#links.ensureBridge({ name, addresses, mtu })
    // So that 127.0.0.1:port of the host reaches a published port; the firewall shuts the way back in.
    await writeFile(`/proc/sys/net/ipv4/conf/${name}/route_localnet`, '1')
    // A container must not become the host's router (CVE-2020-13401).
    const acceptRa = `/proc/sys/net/ipv6/conf/${name}/accept_ra`
    if (existsSync(acceptRa)) await writeFile(acceptRa, '0')
  }

  [Symbol.dispose](): void {
    this.#links[Symbol.dispose]()
  }
}

/** RFC 3927, RFC 4291; those of IPv6 only where the interface has IPv6. */
const linkLocalOf = ({ linkLocalIps = [], ipv6Address }: Endpoint) =>
  linkLocalIps
    .filter((address) => familyOf(address) === 4 || ipv6Address !== undefined)
    .map((address) => ({ address, prefixLength: familyOf(address) === 4 ? 16 : 64 }))

const gatewaysOf = ({ gateway, ipv6Gateway = '' }: Endpoint): readonly string[] =>
  [gateway, ipv6Gateway].filter((address) => address !== '')
