import { closeSync, openSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import type { Endpoint } from '../records.js'
import { linkIndex, linkNames, Links } from './links.js'
import type { KernelNames } from './names.js'
import { family, Netlink } from './netlink.js'
import type { NetworkRecord } from './record.js'

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
   * @throws NetlinkError, or ENOENT when the process is gone; nothing is left behind
   */
  async plug(network: NetworkRecord, endpoint: Endpoint, pid: number, defaultRoute: boolean): Promise<void> {
    const path = `/proc/${pid}/ns/net`
    const netns = openSync(path, 'r')
    try {
      using inside = Netlink.openIn(path, family.route)
      const cable = {
        name: this.#names.cable(endpoint.endpointId),
        bridge: await this.#bridge(network),
        macAddress: endpoint.macAddress,
        address: endpoint.ipAddress,
        prefixLength: endpoint.prefixLength,
        mtu: network.mtu,
        ...(defaultRoute && endpoint.gateway !== '' ? { gateway: endpoint.gateway } : {}),
      }
      await this.#links.plug(cable, netns, inside)
    } finally {
      closeSync(netns)
    }
  }

  /** Takes a cable away, if it is there. */
  unplug(endpointId: string): Promise<void> {
    return this.#links.remove(this.#names.cable(endpointId))
  }

  removeBridge(networkId: string): Promise<void> {
    return this.#links.remove(this.#names.bridge(networkId))
  }

  /** Takes away the bridges and cables of all networks and endpoints but these. */
  async sweep(networkIds: Iterable<string>, endpointIds: Iterable<string>): Promise<void> {
    const live = new Set([
      ...Array.from(networkIds, (id) => this.#names.bridge(id)),
      ...Array.from(endpointIds, (id) => this.#names.cable(id)),
    ])
    const found = [...linkNames(this.#names.cables), ...linkNames(this.#names.bridges)]
    await Promise.all(found.filter((name) => !live.has(name)).map((name) => this.#links.remove(name)))
  }

  /** Sees to the bridge once a daemon's life, or again when somebody deleted it: a kill may have left it half made. */
  async #bridge(network: NetworkRecord): Promise<string> {
    const name = this.#names.bridge(network.id)
    const seenTo = linkIndex(name) === 0 ? undefined : this.#bridges.get(name)
    const made = seenTo ?? this.#makeBridge(name, network)
    this.#bridges.set(name, made)
    await made.catch((error: unknown) => {
      this.#bridges.delete(name)
      throw error
    })
    return name
  }

  async #makeBridge(name: string, network: NetworkRecord): Promise<void> {
    await this.#links.ensureBridge(name, network.gateway, Number(network.subnet.split('/')[1]), network.mtu)
    // So that 127.0.0.1:port of the host reaches a published port; the firewall shuts the way back in.
    await writeFile(`/proc/sys/net/ipv4/conf/${name}/route_localnet`, '1')
  }

  [Symbol.dispose](): void {
    this.#links[Symbol.dispose]()
  }
}
