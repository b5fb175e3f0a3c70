import { spawn } from 'node:child_process'
import { EngineError } from '../errors.js'
import type { PortRequest } from '../records.js'
import { attribute, family, flag, Netlink, type Message } from './netlink.js'
import { bytesOf } from './ipv4.js'

/** A network as the firewall sees it. */
export interface Zone {
  readonly bridge: string
  /** CIDR */
  readonly subnet: string
  readonly internal: boolean
}

/** A published port and where it leads. */
export interface Publication extends PortRequest {
  readonly containerAddress: string
}

/** What the table is made from; the table is always a function of this. */
export interface Picture {
  readonly table: string
  /** What every bridge of the instance begins with: `bt1a2b`. */
  readonly bridges: string
  readonly zones: readonly Zone[]
  readonly publications: readonly Publication[]
  /** Interfaces with a default route: the way out, even when it is a bridge. */
  readonly uplinks: readonly string[]
}

const quote = (name: string): string => `"${name}"`
const elements = (list: readonly string[]): string => (list.length > 0 ? `elements = { ${list.join(', ')} }` : '')

const everyAddress = (publication: PortRequest): boolean =>
  publication.hostIp === '' || publication.hostIp === '0.0.0.0'

const mapElement = (p: Publication): string =>
  `${everyAddress(p) ? '' : `${p.hostIp} . `}${p.protocol} . ${p.hostPort} : ${p.containerAddress} . ${p.containerPort}`

/**
 * The instance's nft table, replaced whole in one transaction: packets see the old one or the new one.
 * Verdicts other than `drop` bind this table alone, so what other tables of the host forbid stays forbidden.
 */
export function ruleset(picture: Picture): string {
  const { table, zones, publications } = picture
  const ours = quote(`${picture.bridges}*`)
  const outward = zones.filter((zone) => !zone.internal)
  return `add table ip ${table}
delete table ip ${table}
table ip ${table} {
  set same { type ifname . ifname; ${elements(zones.map((z) => `${quote(z.bridge)} . ${quote(z.bridge)}`))} }
  set internal { type ifname; ${elements(zones.filter((z) => z.internal).map((z) => quote(z.bridge)))} }
  set uplinks { type ifname; ${elements(picture.uplinks.map(quote))} }
  set nets { type ipv4_addr; flags interval; ${elements(outward.map((z) => z.subnet))} }
  map any { type inet_proto . inet_service : ipv4_addr . inet_service; ${elements(publications.filter(everyAddress).map(mapElement))} }
  map addressed { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; ${elements(publications.filter((p) => !everyAddress(p)).map(mapElement))} }
  chain martians {
    type filter hook prerouting priority raw
    # route_localnet lets the host's loopback in; containers must not walk through the same door (CVE-2020-8558)
    iifname ${ours} ip daddr 127.0.0.0/8 drop
    iifname ${ours} fib saddr . iif oif 0 drop
  }
  chain published {
    dnat ip to ip daddr . meta l4proto . th dport map @addressed
    dnat ip to meta l4proto . th dport map @any
  }
  chain prerouting {
    type nat hook prerouting priority dstnat
    # the host's own loopback traffic is the output chain's: what comes here for 127.0.0.1 is a neighbour's forgery
    ip daddr != 127.0.0.0/8 fib daddr type local jump published
  }
  chain output {
    type nat hook output priority -100
    fib daddr type local jump published
  }
  chain postrouting {
    type nat hook postrouting priority srcnat
    ip saddr @nets oifname != ${ours} masquerade
    ip saddr 127.0.0.0/8 oifname ${ours} masquerade
    ct status dnat ip saddr @nets oifname ${ours} masquerade
  }
  chain forward {
    type filter hook forward priority filter
    iifname . oifname @same accept
    iifname @internal drop
    oifname @internal drop
    oifname ${ours} ct state established,related accept
    oifname ${ours} ct status dnat accept
    oifname ${ours} drop
    iifname ${ours} oifname != @uplinks meta oifkind "bridge" drop
  }
}
`
}

// linux/netfilter/nfnetlink.h, nf_tables.h
const NFNL_MSG_BATCH_BEGIN = 0x10
const NFNL_MSG_BATCH_END = 0x11
const NFNL_SUBSYS_NFTABLES = 10
const NFT_MSG_NEWSETELEM = (NFNL_SUBSYS_NFTABLES << 8) | 12
const NFT_MSG_DELSETELEM = (NFNL_SUBSYS_NFTABLES << 8) | 14
const NFPROTO_IPV4 = 2

const batchMark = (type: number): Message => ({
  what: 'change published ports',
  type,
  flags: flag.request,
  body: Buffer.from([0, 0, 0, NFNL_SUBSYS_NFTABLES]),
})

/** Big endian in the first two of four bytes: every field of a concatenation fills whole words. */
const portWord = (port: number): Buffer => Buffer.from([port >> 8, port & 255, 0, 0])

const value = (type: number, parts: readonly Buffer[]): Buffer => attribute(type, [attribute(1, Buffer.concat(parts))])

function elementMessage(table: string, publication: Publication, add: boolean): Message {
  const protocol = Buffer.from([publication.protocol === 'tcp' ? 6 : 17, 0, 0, 0])
  const any = everyAddress(publication)
  const key = value(1, [...(any ? [] : [bytesOf(publication.hostIp)]), protocol, portWord(publication.hostPort)])
  const data = value(2, [bytesOf(publication.containerAddress), portWord(publication.containerPort)])
  return {
    what: `${add ? 'publish' : 'withdraw'} port ${publication.hostPort}/${publication.protocol}`,
    type: add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM,
    flags: flag.request | flag.ack | (add ? flag.create | flag.exclusive : 0),
    body: Buffer.concat([
      Buffer.from([NFPROTO_IPV4, 0, 0, 0]),
      attribute(1, table),
      attribute(2, any ? 'any' : 'addressed'),
      attribute(3, [attribute(1, add ? [key, data] : [key])]),
    ]),
  }
}

/** The instance's nft table. Changes are made one after the other, in the order asked for. */
export class Firewall implements Disposable {
  readonly #table: string
  readonly #netlink = Netlink.open(family.netfilter)
  #last: Promise<unknown> = Promise.resolve()

  constructor(table: string) {
    this.#table = table
  }

  /** Replaces the table by the picture as it is when its turn comes. */
  replace(picture: () => Picture): Promise<void> {
    return this.#queue(() => nft(ruleset(picture())))
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
    return this.#queue(() => nft(`add table ip ${this.#table}\ndelete table ip ${this.#table}\n`))
  }

  #change(publications: readonly Publication[], add: boolean): Promise<void> {
    if (publications.length === 0) return Promise.resolve()
    const messages = publications.map((publication) => elementMessage(this.#table, publication, add))
    return this.#queue(() =>
      this.#netlink.batch([batchMark(NFNL_MSG_BATCH_BEGIN), ...messages, batchMark(NFNL_MSG_BATCH_END)]),
    )
  }

  #queue<T>(task: () => Promise<T>): Promise<T> {
    const run = this.#last.then(task)
    this.#last = run.catch(() => undefined)
    return run
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
