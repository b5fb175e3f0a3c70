import { readFileSync } from 'node:fs'
import koffi from 'koffi'
import { attribute, family, flag, Netlink, NetlinkError, type NetlinkMessage } from './netlink.js'
import { addressBytes, familyOf } from './ip.js'

const indexOf = koffi.load('libc.so.6').func('unsigned int if_nametoindex(const char *name)')

// rtnetlink(7), linux/if_link.h
const RTM_NEWLINK = 16
const RTM_DELLINK = 17
const RTM_GETLINK = 18
const RTM_NEWADDR = 20
const RTM_NEWROUTE = 24
const IFLA = { address: 1, ifname: 3, mtu: 4, master: 10, linkInfo: 18, afSpec: 26, netnsFd: 28 } as const
const INFO = { kind: 1, data: 2, slaveKind: 4, slaveData: 5 } as const
const VETH_INFO_PEER = 1
const IFLA_BRPORT_MODE = 4
const IFLA_BRPORT_ISOLATED = 33
const IFLA_INET6_ADDR_GEN_MODE = 8
const IFF_UP = 1
const AF_INET = 2
const AF_INET6 = 10
const IFA_F_NODAD = 2

const byte = (value: number): Buffer => Buffer.from([value])
const macBytes = (mac: string): Buffer => Buffer.from(mac.replaceAll(':', ''), 'hex')

/**
 * No link-local address on a network that is IPv4: an address of the bridge would be a way round the firewall. The kernel
 * takes this only for an interface that exists, and too late when it is up: create, set this, bring up.
 */
const noIpv6 = attribute(IFLA.afSpec, [attribute(AF_INET6, [attribute(IFLA_INET6_ADDR_GEN_MODE, byte(1))])])

function link(index: number, up: boolean, attributes: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(16)
  head.writeInt32LE(index, 4)
  head.writeUInt32LE(up ? IFF_UP : 0, 8)
  head.writeUInt32LE(up ? IFF_UP : 0, 12)
  return Buffer.concat([head, ...attributes])
}

const ask = (what: string, type: number, body: Buffer, flags = 0): NetlinkMessage => ({
  what,
  type,
  body,
  flags: flag.request | flag.ack | flags,
})

function addressMessage(index: number, { address, prefixLength }: InterfaceAddress): NetlinkMessage {
  const ip = addressBytes(address)
  const six = ip.length === 16
  // nobody else has the address, and whoever waits for the kernel to see that cannot bind to it meanwhile
  const head = Buffer.from([six ? AF_INET6 : AF_INET, prefixLength, six ? IFA_F_NODAD : 0, 0, 0, 0, 0, 0])
  head.writeInt32LE(index, 4)
  const broadcast = Buffer.alloc(4)
  if (!six) broadcast.writeUInt32BE((ip.readUInt32BE() | (0xffffffff >>> prefixLength)) >>> 0)
  return ask(
    `give ${address}/${prefixLength} to an interface`,
    RTM_NEWADDR,
    Buffer.concat([head, attribute(1, ip), attribute(2, ip), ...(six ? [] : [attribute(4, broadcast)])]),
    flag.create | flag.exclusive,
  )
}

/** The default route of a family, whichever there was before. */
function routeMessage(gateway: string): NetlinkMessage {
  // RT_TABLE_MAIN, RTPROT_BOOT, RT_SCOPE_UNIVERSE, RTN_UNICAST; RTA_GATEWAY is 5
  const head = Buffer.from([familyOf(gateway) === 4 ? AF_INET : AF_INET6, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0])
  const body = Buffer.concat([head, attribute(5, addressBytes(gateway))])
  return ask(`route by ${gateway}`, RTM_NEWROUTE, body, flag.create | flag.replace)
}

const bringUp = (name: string, ipv6: boolean): readonly NetlinkMessage[] => [
  ...(ipv6 ? [] : [ask(`keep IPv6 off ${name}`, RTM_NEWLINK, link(0, false, [attribute(IFLA.ifname, name), noIpv6]))]),
  ask(`bring ${name} up`, RTM_NEWLINK, link(0, true, [attribute(IFLA.ifname, name)])),
]

/** The index of an interface in this namespace; 0 when there is none. */
export const linkIndex = (name: string): number => indexOf(name) as number

/** The interfaces of this namespace whose names begin with `prefix`. */
export const linkNames = (prefix: string): readonly string[] =>
  readFileSync('/proc/self/net/dev', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(':')[0] ?? '')
    .filter((name) => name.startsWith(prefix))

/** An address and how much of it is the network's. */
export interface InterfaceAddress {
  readonly address: string
  readonly prefixLength: number
}

/** A bridge as the host has it. */
export interface Bridge {
  readonly name: string
  /** Of the gateway, IPv4 first. */
  readonly addresses: readonly InterfaceAddress[]
  readonly mtu: number
}

/** What it takes to put a container on a bridge. */
export interface Veth {
  /** The host's end. */
  readonly name: string
  readonly bridge: string
  /** What the container's end is called, but for its number. */
  readonly interfacePrefix: string
  readonly macAddress: string
  readonly addresses: readonly InterfaceAddress[]
  /** Where the container's default routes lead from now on. */
  readonly gateways: readonly string[]
  readonly mtu: number
  /** Nothing passes to others on the bridge, but to the host. */
  readonly isolated: boolean
}

const hasIpv6 = (addresses: readonly InterfaceAddress[]): boolean =>
  addresses.some(({ address }) => familyOf(address) === 6)

/** Bridges, veth pairs and what is configured inside containers, by rtnetlink: nothing is executed. */
export class Links implements Disposable {
  readonly #netlink = Netlink.open(family.route)
  // Deleting an interface waits for a grace period of the kernel's (10-40 ms); creations need not queue behind it.
  readonly #deletions = Netlink.open(family.route)

  /** Makes a bridge with the gateway's addresses, up, unless it is there; completes one half made. @throws NetlinkError */
  async ensureBridge({ name, addresses, mtu }: Bridge): Promise<void> {
    // A fixed address: a bridge without one takes the lowest of its ports', and changes it under the containers' feet.
    const mac = Buffer.concat([Buffer.from([0x02, 0x42]), addressBytes(addresses[0]?.address ?? '').subarray(0, 4)])
    const body = link(0, false, [
      attribute(IFLA.ifname, name),
      attribute(IFLA.address, mac),
      attribute(IFLA.mtu, mtu),
      attribute(IFLA.linkInfo, [attribute(INFO.kind, 'bridge')]),
    ])
    await this.#unless('EEXIST', ask(`create bridge ${name}`, RTM_NEWLINK, body, flag.create | flag.exclusive))
    await this.#netlink.batch(bringUp(name, hasIpv6(addresses)))
    for (const address of addresses) await this.#unless('EEXIST', addressMessage(linkIndex(name), address))
  }

  async #unless(code: string, message: NetlinkMessage): Promise<void> {
    await this.#netlink.request(message).catch((error: unknown) => {
      if (!(error instanceof NetlinkError && error.code === code)) throw error
    })
  }

  /**
   * Makes a veth pair, its far end in the namespace at `netns` as the first free `eth<n>`, configured and up.
   * @returns the name it got there
   * @throws NetlinkError after taking back what was made
   */
  async plug(veth: Veth, netns: number, inside: Netlink): Promise<string> {
    const master = linkIndex(veth.bridge)
    const name = await this.#createPair(veth, netns, master)
    try {
      // Hairpin: a container reaches itself by a port it publishes.
      const mode = attribute(INFO.slaveData, [
        attribute(IFLA_BRPORT_MODE, byte(1)),
        ...(veth.isolated ? [attribute(IFLA_BRPORT_ISOLATED, byte(1))] : []),
      ])
      const port = attribute(IFLA.linkInfo, [attribute(INFO.slaveKind, 'bridge'), mode])
      const hairpin = ask(`set ${veth.name}`, RTM_NEWLINK, link(0, false, [attribute(IFLA.ifname, veth.name), port]))
      await this.#netlink.batch([hairpin, ...bringUp(veth.name, false)])
      this.#configure(veth, name, inside)
      return name
    } catch (error) {
      await this.remove(veth.name)
      throw error
    }
  }

  async #createPair(veth: Veth, netns: number, master: number): Promise<string> {
    for (let n = 0; ; n++) {
      const peer = Buffer.concat([
        link(0, false, [
          attribute(IFLA.ifname, `${veth.interfacePrefix}${n}`),
          attribute(IFLA.address, macBytes(veth.macAddress)),
          attribute(IFLA.mtu, veth.mtu),
          attribute(IFLA.netnsFd, netns),
        ]),
      ])
      const info = attribute(IFLA.linkInfo, [
        attribute(INFO.kind, 'veth'),
        attribute(INFO.data, [attribute(VETH_INFO_PEER, peer)]),
      ])
      const attributes = [
        attribute(IFLA.ifname, veth.name),
        attribute(IFLA.master, master),
        attribute(IFLA.mtu, veth.mtu),
        info,
      ]
      const body = link(0, false, attributes)
      try {
        await this.#netlink.request(ask(`create ${veth.name}`, RTM_NEWLINK, body, flag.create | flag.exclusive))
        return `${veth.interfacePrefix}${n}`
      } catch (error) {
        const taken = error instanceof NetlinkError && error.code === 'EEXIST'
        if (!taken || n > 63 || linkIndex(veth.name) !== 0) throw error
      }
    }
  }

  /** Inside the container: microseconds each, so on this thread. */
  #configure({ addresses, gateways }: Veth, name: string, inside: Netlink): void {
    inside.requestSync(ask('bring lo up', RTM_NEWLINK, link(1, true, [])))
    for (const message of bringUp(name, hasIpv6(addresses))) inside.requestSync(message)
    const found = inside.requestSync(ask(`find ${name}`, RTM_GETLINK, link(0, false, [attribute(IFLA.ifname, name)])))
    const index = found[0]?.readInt32LE(4) ?? 0
    for (const address of addresses) inside.requestSync(addressMessage(index, address))
    this.route(gateways, inside)
  }

  /** Leads what a container sends to the outside by these gateways, one a family. */
  route(gateways: readonly string[], inside: Netlink): void {
    for (const gateway of gateways) inside.requestSync(routeMessage(gateway))
  }

  /** Deletes an interface; its peer goes with it. Does nothing when it is gone. */
  async remove(name: string): Promise<void> {
    if (linkIndex(name) === 0) return
    const body = link(0, false, [attribute(IFLA.ifname, name)])
    await this.#deletions.request(ask(`delete ${name}`, RTM_DELLINK, body)).catch((error: unknown) => {
      if (!(error instanceof NetlinkError && error.code === 'ENODEV')) throw error
    })
  }

  [Symbol.dispose](): void {
    this.#netlink[Symbol.dispose]()
    this.#deletions[Symbol.dispose]()
  }
}
