import { attribute, flag, type NetlinkMessage } from '../kernel/netlink.js'

// linux/netfilter/nfnetlink.h, nf_tables.h
const NFNL_MSG_BATCH_BEGIN = 0x10
const NFNL_MSG_BATCH_END = 0x11
const NFNL_SUBSYS_NFTABLES = 10
const nftables = (message: number): number => (NFNL_SUBSYS_NFTABLES << 8) | message

/** Messages of nf_tables. */
export const NFT_MSG = {
  newTable: nftables(0),
  deleteTable: nftables(2),
  newChain: nftables(3),
  newRule: nftables(6),
  newElement: nftables(12),
  deleteElement: nftables(14),
} as const

const mark = (type: number): NetlinkMessage => ({
  what: 'change nftables',
  type,
  flags: flag.request,
  body: Buffer.from([0, 0, 0, NFNL_SUBSYS_NFTABLES]),
})

/** Makes messages one transaction: all take effect at once or none does. */
export const batchOf = (messages: readonly NetlinkMessage[]): readonly NetlinkMessage[] => [
  mark(NFNL_MSG_BATCH_BEGIN),
  ...messages,
  mark(NFNL_MSG_BATCH_END),
]

/** A number as nf_tables wants it: network order. */
export function word(number: number): Buffer {
  const out = Buffer.alloc(4)
  out.writeInt32BE(number | 0)
  return out
}

/** An NFTA_DATA_VALUE. */
export const value = (type: number, parts: readonly Buffer[]): Buffer =>
  attribute(type, [attribute(1, Buffer.concat(parts))])
