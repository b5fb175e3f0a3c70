import { networkInterfaces } from 'node:os'
import type { Publication } from './firewall.js'
import { addressBytes, familyOf, formatAddress, type Family } from '../kernel/ip.js'
import { attribute, family, flag, Netlink, NetlinkError, type NetlinkMessage } from '../kernel/netlink.js'

// linux/netfilter/nfnetlink.h, nfnetlink_conntrack.h, nf_conntrack_common.h
const NFNL_SUBSYS_CTNETLINK = 1
const CT_GET = (NFNL_SUBSYS_CTNETLINK << 8) | 1
const CT_DELETE = (NFNL_SUBSYS_CTNETLINK << 8) | 2
const NLM_F_DUMP = 0x300
const CTA = { tupleOrig: 1, tupleReply: 2, status: 3, id: 12, filter: 25 } as const
const TUPLE = { ip: 1, proto: 2 } as const
const IP = { 4: { src: 1, dst: 2 }, 6: { src: 3, dst: 4 } } as const
const PROTO = { number: 1, dstPort: 3, srcPort: 2 } as const
const FILTER = { orig: 1, reply: 2 } as const
/** Parts of a tuple that the kernel compares, as bits; Linux 5.8, older ones send all. */
const BIT = { src: 1, protocol: 8, dstPort: 32 } as const
const IPS_DST_NAT = 1 << 5
const addressFamily = { 4: 2, 6: 10 } as const
const protocols = { tcp: 6, udp: 17 } as const

/** Messages in one datagram: their acknowledgements must find room in the socket. */
const batchSize = 64

interface Tuple {
  readonly src: string
  readonly dst: string
  readonly protocol: number
  readonly srcPort: number
  readonly dstPort: number
}

/** A flow as the kernel remembers it: how it came, and how answers to it come. */
export interface Flow {
  readonly family: Family
  readonly orig: Tuple
  readonly reply: Tuple
  /** It was led elsewhere than where it was sent, as to a published port. */
  readonly led: boolean
  /** The attributes that name it to the kernel. */
  readonly name: Buffer
}

/**
 * What the kernel remembers of flows (ctnetlink). Rules of a firewall are asked for the first packet of a flow alone: whoever
 * goes on sending by UDP to a port that changed hands, or by TCP from the same port again, is led where the first packet was.
 */
export class Conntrack implements Disposable {
  readonly #netlink = Netlink.open(family.netfilter)
  readonly #report: (line: string) => void

  /** @param report told when the kernel does not let go of what it remembers */
  constructor(report: (line: string) => void) {
    this.#report = report
  }

  /** Forgets what published ports led to an address. */
  forgetPublished(address: string): Promise<void> {
    return this.#forget([replyFrom(address)], ({ reply, led }) => led && reply.src === address)
  }

  /** Forgets all flows of an address that nobody has any more. */
  forgetAddress(address: string): Promise<void> {
    const of = ({ orig, reply }: Flow): boolean => orig.src === address || reply.src === address
    return this.#forget([replyFrom(address), sentFrom(address)], of)
  }

  /**
   * Forgets what came by UDP for ports that have just been published, and is not led there: its sender may go on for ever.
   * By TCP a new connection is a new flow, and an old one may be of whoever had the port before.
   */
  async forgetUnpublished(publications: readonly Publication[]): Promise<void> {
    const own = new Set(
      Object.values(networkInterfaces()).flatMap((found) => (found ?? []).map(({ address }) => address)),
    )
    for (const publication of publications) {
      const { protocol, hostPort, hostIp, containerAddress } = publication
      if (protocol !== 'udp') continue
      const here = (address: string): boolean =>
        ['', '0.0.0.0', '::'].includes(hostIp) ? own.has(address) || address.startsWith('127.') : address === hostIp
      await this.#forget(
        [sentTo(familyOf(containerAddress), protocols.udp, hostPort)],
        ({ orig, reply }) =>
          orig.protocol === protocols.udp &&
          orig.dstPort === hostPort &&
          here(orig.dst) &&
          reply.src !== containerAddress,
      )
    }
  }

  /**
   * Forgets what is led into `mine`, an instance's addresses, but not by one of these publications: of containers that ended
   * while no engine ran.
   */
  sweep(mine: (address: string) => boolean, publications: readonly Publication[]): Promise<void> {
    const key = (protocol: number, port: number, address: string, to: number): string =>
      [protocol, port, address, to].join(' ')
    const live = new Set(
      publications.map((p) => key(protocols[p.protocol], p.hostPort, p.containerAddress, p.containerPort)),
    )
    const stale = ({ orig, reply, led }: Flow): boolean =>
      led && mine(reply.src) && !live.has(key(orig.protocol, orig.dstPort, reply.src, reply.srcPort))
    return this.#forget([all(4), all(6)], stale)
  }

  async #forget(questions: readonly NetlinkMessage[], which: (flow: Flow) => boolean): Promise<void> {
    try {
      for (const question of questions) {
        const flows = this.#netlink.requestSync(question).flatMap((body) => readFlow(body) ?? [])
        const gone = flows.filter(which).map(deletion)
        for (let at = 0; at < gone.length; at += batchSize)
          await this.#netlink.batch(gone.slice(at, at + batchSize)).catch((error: unknown) => {
            if (!(error instanceof NetlinkError && error.code === 'ENOENT')) throw error // it ended by itself
          })
      }
    } catch (error) {
      if (!(error instanceof NetlinkError)) throw error
      this.#report(`the kernel keeps what it knows of connections to a port that has changed hands: ${error.message}`)
    }
  }

  [Symbol.dispose](): void {
    this.#netlink[Symbol.dispose]()
  }
}

const question = (of: Family, attributes: readonly Buffer[]): NetlinkMessage => ({
  what: 'look at tracked connections',
  type: CT_GET,
  flags: flag.request | NLM_F_DUMP,
  body: Buffer.concat([Buffer.from([addressFamily[of], 0, 0, 0]), ...attributes]),
})

const all = (of: Family): NetlinkMessage => question(of, [])

const ipTuple = (type: number, address: string): Buffer =>
  attribute(type, [attribute(TUPLE.ip, [attribute(IP[familyOf(address)].src, addressBytes(address))])])

const replyFrom = (address: string): NetlinkMessage =>
  question(familyOf(address), [
    ipTuple(CTA.tupleReply, address),
    attribute(CTA.filter, [attribute(FILTER.orig, 0), attribute(FILTER.reply, BIT.src)]),
  ])

const sentFrom = (address: string): NetlinkMessage =>
  question(familyOf(address), [
    ipTuple(CTA.tupleOrig, address),
    attribute(CTA.filter, [attribute(FILTER.orig, BIT.src), attribute(FILTER.reply, 0)]),
  ])

function sentTo(of: Family, protocol: number, port: number): NetlinkMessage {
  const proto = [
    attribute(PROTO.number, Buffer.from([protocol])),
    attribute(PROTO.dstPort, Buffer.from([port >> 8, port & 255])),
  ]
  return question(of, [
    attribute(CTA.tupleOrig, [attribute(TUPLE.proto, proto)]),
    attribute(CTA.filter, [attribute(FILTER.orig, BIT.protocol | BIT.dstPort), attribute(FILTER.reply, 0)]),
  ])
}

const deletion = ({ family: of, name }: Flow): NetlinkMessage => ({
  what: 'forget a tracked connection',
  type: CT_DELETE,
  flags: flag.request | flag.ack,
  body: Buffer.concat([Buffer.from([addressFamily[of], 0, 0, 0]), name]),
})

/** Attributes by type: `struct nlattr`, netlink(7); the two highest bits of a type are flags. */
function attributesOf(body: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>()
  for (let at = 0; at + 4 <= body.length;) {
    const length = body.readUInt16LE(at)
    if (length < 4) break
    found.set(body.readUInt16LE(at + 2) & 0x3fff, body.subarray(at + 4, at + length))
    at += (length + 3) & ~3
  }
  return found
}

/** Undefined for what is no flow of IP: the end of a dump. */
function readFlow(body: Buffer): Flow | undefined {
  const of = body[0] === addressFamily[4] ? 4 : body[0] === addressFamily[6] ? 6 : undefined
  if (of === undefined || body.length < 8) return undefined
  const attributes = attributesOf(body.subarray(4))
  const [orig, reply, id] = [CTA.tupleOrig, CTA.tupleReply, CTA.id].map((type) => attributes.get(type))
  if (!orig || !reply) return undefined
  // a nested attribute as it came, its flag again
  const name = [attribute(CTA.tupleOrig | 0x8000, orig), ...(id ? [attribute(CTA.id, id)] : [])]
  const status = attributes.get(CTA.status)?.readUInt32BE() ?? 0
  return {
    family: of,
    orig: readTuple(of, orig),
    reply: readTuple(of, reply),
    led: (status & IPS_DST_NAT) !== 0,
    name: Buffer.concat(name),
  }
}

function readTuple(of: Family, data: Buffer): Tuple {
  const parts = attributesOf(data)
  const ip = attributesOf(parts.get(TUPLE.ip) ?? Buffer.alloc(0))
  const proto = attributesOf(parts.get(TUPLE.proto) ?? Buffer.alloc(0))
  const address = (type: number): string => formatAddress(BigInt(`0x${ip.get(type)?.toString('hex') ?? '0'}`), of)
  const port = (type: number): number => proto.get(type)?.readUInt16BE() ?? 0
  return {
    src: address(IP[of].src),
    dst: address(IP[of].dst),
    protocol: proto.get(PROTO.number)?.[0] ?? 0,
    srcPort: port(PROTO.srcPort),
    dstPort: port(PROTO.dstPort),
  }
}
