import { attribute, flag, type NetlinkMessage } from '../kernel/netlink.js'
import { batchOf, NFT_MSG, value, word } from './nftables.js'
import { addressBytes } from '../kernel/ip.js'

const table = 'berth_names'

// linux/netfilter/nf_tables.h, linux/netfilter.h
const NF_INET_LOCAL_OUT = 3
const NF_IP_PRI_NAT_DST = -100
const NFPROTO_IPV4 = 2
const NFT_META_L4PROTO = 16
const NFT_NAT_DNAT = 1
const base = { network: 1, transport: 2 } as const
/** Four-byte registers 8 to 15 are the halves of the old sixteen-byte ones. */
const register = { address: 8, port: 9 } as const

const expression = (name: string, data: readonly Buffer[]): Buffer =>
  attribute(1, [attribute(1, name), attribute(2, data)])
const load = (from: number, offset: number, length: number): Buffer =>
  expression('payload', [
    attribute(1, word(register.address)),
    attribute(2, word(from)),
    attribute(3, word(offset)),
    attribute(4, word(length)),
  ])
const equals = (bytes: Buffer): Buffer =>
  expression('cmp', [attribute(1, word(register.address)), attribute(2, word(0)), value(3, [bytes])])
const set = (to: number, bytes: Buffer): Buffer => expression('immediate', [attribute(1, word(to)), value(2, [bytes])])
const portBytes = (port: number): Buffer => Buffer.from([port >> 8, port & 255])

const head = Buffer.from([NFPROTO_IPV4, 0, 0, 0])
const message = (what: string, type: number, flags: number, attributes: readonly Buffer[]): NetlinkMessage => ({
  what,
  type,
  flags: flag.request | flag.ack | flags,
  body: Buffer.concat([head, ...attributes]),
})

function rule(address: string, protocol: number, port: number, to: number): NetlinkMessage {
  const expressions = [
    load(base.network, 16, 4),
    equals(addressBytes(address)),
    expression('meta', [attribute(1, word(register.address)), attribute(2, word(NFT_META_L4PROTO))]),
    equals(Buffer.from([protocol])),
    load(base.transport, 2, 2),
    equals(portBytes(port)),
    set(register.address, addressBytes(address)),
    set(register.port, portBytes(to)),
    expression('nat', [
      attribute(1, word(NFT_NAT_DNAT)),
      attribute(2, word(NFPROTO_IPV4)),
      attribute(3, word(register.address)),
      attribute(5, word(register.port)),
    ]),
  ]
  return message('add a rule', NFT_MSG.newRule, flag.create | flag.append, [
    attribute(1, table),
    attribute(2, 'output'),
    attribute(4, expressions),
  ])
}

/**
 * What, in a container's own network namespace, leads what it sends to a port of a loopback address to another port
 * there: so the program in it may use the first one itself. Replaces what was set before, in one transaction.
 */
export const redirection = (address: string, port: number, to: number): readonly NetlinkMessage[] =>
  batchOf([
    message('add a table', NFT_MSG.newTable, flag.create, [attribute(1, table)]),
    message('delete a table', NFT_MSG.deleteTable, 0, [attribute(1, table)]),
    message('add a table', NFT_MSG.newTable, flag.create, [attribute(1, table)]),
    message('add a chain', NFT_MSG.newChain, flag.create, [
      attribute(1, table),
      attribute(3, 'output'),
      attribute(4, [attribute(1, word(NF_INET_LOCAL_OUT)), attribute(2, word(NF_IP_PRI_NAT_DST))]),
      attribute(7, 'nat'),
    ]),
    rule(address, 17, port, to),
    rule(address, 6, port, to),
  ])
