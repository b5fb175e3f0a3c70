import { spawn } from 'node:child_process'
import { EngineError } from '../errors.js'
import type { PortRequest } from '../records.js'
import { addressBytes, familyOf, type Family } from '../kernel/ip.js'
import { attribute, family, flag, Netlink, type NetlinkMessage } from '../kernel/netlink.js'
import { batchOf, NFT_MSG, value } from './nftables.js'
import { metadata } from './reach.js'
import type { Reach } from '../config.js'
import { Mutex } from '../mutex.js'

/** A network as the firewall sees it. */
export interface Zone {
  readonly bridge: string
  /** CIDRs, at most one a family. */
  readonly subnets: readonly string[]
  readonly internal: boolean
  /** Its members may talk to each other. */
  readonly memberTraffic: boolean
  /** Its members go out by the host's address. */
  readonly masquerade: boolean
  /** Its members reach no more of this machine than the picture's `reach` says. */
  readonly closed: boolean
}

/** A published port and where it leads; its family is the container address's. */
export interface Publication extends PortRequest {
  readonly containerAddress: string
}

/** What the table is made from; the table is always a function of this. */
export interface Picture {
  readonly table: string
  readonly zones: readonly Zone[]
  readonly publications: readonly Publication[]
  /** Interfaces with a default route: the way out, even when it is a bridge. */
  readonly uplinks: readonly string[]
  readonly reach: Reach
}

const quote = (name: string): string => `"${name}"`
const elements = (list: readonly string[]): string => (list.length > 0 ? `elements = { ${list.join(', ')} }` : '')

const everyAddress = ({ hostIp }: PortRequest): boolean => ['', '0.0.0.0', '::'].includes(hostIp)

const mapElement = (p: Publication): string =>
  `${everyAddress(p) ? '' : `${p.hostIp} . `}${p.protocol} . ${p.hostPort} : ${p.containerAddress} . ${p.containerPort}`

/** The sets and maps of one family: `ip` or `ip6`. */
function setsOf(n: Family, { zones, publications }: Picture): string {
  const [type, ip] = n === 4 ? ['ipv4_addr', ''] : ['ipv6_addr', '6']
  const subnets = (which: readonly Zone[]): string[] =>
    which.flatMap((zone) => zone.subnets).filter((subnet) => familyOf(subnet) === n)
  const mine = publications.filter(({ containerAddress }) => familyOf(containerAddress) === n)
  const outward = zones.filter((zone) => !zone.internal)
  return `
  set members${ip} { type ${type}; flags interval; ${elements(subnets(outward))} }
  set hidden${ip} { type ${type}; flags interval; ${elements(subnets(outward.filter((zone) => zone.masquerade)))} }
  map any${ip} { type inet_proto . inet_service : ${type} . inet_service; ${elements(mine.filter(everyAddress).map(mapElement))} }
  map addressed${ip} { type ${type} . inet_proto . inet_service : ${type} . inet_service; ${elements(mine.filter((p) => !everyAddress(p)).map(mapElement))} }`
}

const openPorts = ({ ports }: Reach, wanted: 'tcp' | 'udp'): readonly string[] => [
  ...new Set(ports.filter(({ protocol }) => protocol === wanted).map(({ hostPort }) => String(hostPort))),
]

/**
 * Takes the table away, there or not, and the one of the family `ip` that older engines had instead: both at
 * once would publish a port twice.
 */
const removal = (table: string): string =>
  ['inet', 'ip'].map((each) => `add table ${each} ${table}\ndelete table ${each} ${table}\n`).join('')

/** What is done with packets: the same wherever the sets say which bridges, ports and addresses there are. */
const chains = `  chain martians {
    type filter hook prerouting priority raw
    # route_localnet lets the host's loopback in; containers must not walk through the same door (CVE-2020-8558)
    iifname @bridges ip daddr 127.0.0.0/8 drop
    iifname @bridges meta nfproto ipv4 fib saddr . iif oif 0 drop
    # what a neighbour asks before it has an address comes from none
    iifname @bridges ip6 saddr != { ::, fe80::/10 } fib saddr . iif oif 0 drop
  }
  chain published {
    dnat ip to ip daddr . meta l4proto . th dport map @addressed
    meta nfproto ipv4 dnat ip to meta l4proto . th dport map @any
    dnat ip6 to ip6 daddr . meta l4proto . th dport map @addressed6
    meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @any6
  }
  chain prerouting {
    type nat hook prerouting priority dstnat
    # for the host itself then, which refuses it
    iifname @shut tcp dport != @opentcp return
    iifname @shut udp dport != @openudp return
    # the host's own loopback traffic is the output chain's: what comes here for 127.0.0.1 is a neighbour's forgery
    ip daddr != 127.0.0.0/8 fib daddr type local jump published
    meta nfproto ipv6 fib daddr type local jump published
  }
  chain output {
    type nat hook output priority -100
    meta nfproto ipv4 fib daddr type local jump published
    # nothing from ::1 is ever routed: the engine relays it
    ip6 daddr != ::1 fib daddr type local jump published
  }
  chain postrouting {
    type nat hook postrouting priority srcnat
    ip saddr @hidden oifname != @bridges masquerade
    ip6 saddr @hidden6 oifname != @bridges masquerade
    ip saddr 127.0.0.0/8 oifname @bridges masquerade
    ct status dnat ip saddr @members oifname @bridges masquerade
    ct status dnat ip6 saddr @members6 oifname @bridges masquerade
  }
  chain refused {
    # told at once, as by a port where nobody listens; the kernel sends few ICMP errors a second
    meta l4proto tcp reject with tcp reset
    reject with icmpx admin-prohibited
  }
  chain input {
    type filter hook input priority filter
    iifname != @shut accept
    ct state established,related accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    tcp dport @opentcp accept
    udp dport @openudp accept
    goto refused
  }
  chain forward {
    type filter hook forward priority filter
    iifname . oifname @same accept
    iifname @unaware ip daddr @metadata goto refused
    iifname @unaware ip6 daddr @metadata6 goto refused
    iifname @internal drop
    oifname @internal drop
    oifname @bridges ct state established,related accept
    oifname @bridges ct status dnat accept
    oifname @bridges drop
    iifname @bridges oifname != @uplinks meta oifkind "bridge" drop
  }
`

/**
 * The instance's nft table, replaced whole in one transaction: packets see the old one or the new one.
 * Verdicts other than `drop` bind this table alone, so what other tables of the host forbid stays forbidden.
 */
export function ruleset(picture: Picture): string {
  const { table, zones, reach } = picture
  const open = zones.filter((zone) => zone.memberTraffic)
  const closed = zones.filter((zone) => zone.closed).map((zone) => quote(zone.bridge))
  return `${removal(table)}table inet ${table} {
  set bridges { type ifname; ${elements(zones.map((z) => quote(z.bridge)))} }
  set same { type ifname . ifname; ${elements(open.map((z) => `${quote(z.bridge)} . ${quote(z.bridge)}`))} }
  set internal { type ifname; ${elements(zones.filter((z) => z.internal).map((z) => quote(z.bridge)))} }
  set uplinks { type ifname; ${elements(picture.uplinks.map(quote))} }
  set shut { type ifname; ${elements(reach.host ? [] : closed)} }
  set unaware { type ifname; ${elements(reach.linkLocal ? [] : closed)} }
  set opentcp { type inet_service; ${elements(openPorts(reach, 'tcp'))} }
  set openudp { type inet_service; ${elements(openPorts(reach, 'udp'))} }
  set metadata { type ipv4_addr; flags interval; ${elements(metadata[4])} }
  set metadata6 { type ipv6_addr; flags interval; ${elements(metadata[6])} }${setsOf(4, picture)}${setsOf(6, picture)}
${chains}}
`
}

const NFPROTO_INET = 1

/** Big endian in the first two of four bytes: every field of a concatenation fills whole words. */
const portWord = (port: number): Buffer => Buffer.from([port >> 8, port & 255, 0, 0])

function elementMessage(table: string, publication: Publication, add: boolean): NetlinkMessage {
  const protocol = Buffer.from([publication.protocol === 'tcp' ? 6 : 17, 0, 0, 0])
  const any = everyAddress(publication)
  const key = value(1, [...(any ? [] : [addressBytes(publication.hostIp)]), protocol, portWord(publication.hostPort)])
  const data = value(2, [addressBytes(publication.containerAddress), portWord(publication.containerPort)])
  return {
    what: `${add ? 'publish' : 'withdraw'} port ${publication.hostPort}/${publication.protocol}`,
    type: add ? NFT_MSG.newElement : NFT_MSG.deleteElement,
    flags: flag.request | flag.ack | (add ? flag.create | flag.exclusive : 0),
    body: Buffer.concat([
      Buffer.from([NFPROTO_INET, 0, 0, 0]),
      attribute(1, table),
      attribute(2, `${any ? 'any' : 'addressed'}${familyOf(publication.containerAddress) === 4 ? '' : '6'}`),
      attribute(3, [attribute(1, add ? [key, data] : [key])]),
    ]),
  }
}

/** The instance's nft table. Changes are made one after the other, in the order asked for. */
export class Firewall implements Disposable {
  readonly #table: string
  readonly #netlink = Netlink.open(family.netfilter)
  readonly #mutex = new Mutex()

  constructor(table: string) {
    this.#table = table
  }

  /** Replaces the table by the picture as it is when its turn comes. */
  replace(picture: () => Picture): Promise<void> {
    return this.#mutex.run(() => nft(ruleset(picture())))
  }

  /** Publishes ports: all or none. Costs the same however many there are. @throws NetlinkError `EEXIST` */
  publish(publications: readonly Publication[]): Promise<void> {
    return this.#change(publications, true)
  }

  /** Withdraws ports: all or none. @throws NetlinkError `ENOENT` */
  withdraw(publications: readonly Publication[]): Promise<void> {
    return this.#change(publications, false)
  }

  /** Deletes the table. Does nothing when it is gone. */
  destroy(): Promise<void> {
    return this.#mutex.run(() => nft(removal(this.#table)))
  }

  #change(publications: readonly Publication[], add: boolean): Promise<void> {
    if (publications.length === 0) return Promise.resolve()
    const messages = publications.map((publication) => elementMessage(this.#table, publication, add))
    return this.#mutex.run(() => this.#netlink.batch(batchOf(messages)))
  }

  [Symbol.dispose](): void {
    this.#netlink[Symbol.dispose]()
  }
}

async function nft(script: string): Promise<void> {
  const child = spawn('nft', ['-f', '-'], { stdio: ['pipe', 'ignore', 'pipe'] })
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text))
  // A child that could not be started has no stdin to speak of; `error` below tells.
  child.stdin.on('error', () => undefined)
  child.stdin.end(script)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', (error) => reject(new EngineError('broken', `cannot run nft: ${error.message}`, error)))
    child.once('close', resolve)
  })
  if (code !== 0) throw new EngineError('broken', `nft refused the instance's table: ${complaint.trim()}`)
}
