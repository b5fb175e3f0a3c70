import { BlockList, isIP, type LookupFunction } from 'node:net'
import { networkInterfaces } from 'node:os'

/** Networks that are not the internet: RFC 6890 and what came after. */
const inner4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
]
/** Those of IPv6, and those that carry addresses of IPv4 on. */
const inner6 = [
  '::/96',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/32',
  '2001:db8::/32',
  '2002::/16',
  'fc00::/7',
  'fe80::/9',
]
/** Behind it an address of IPv4 is reached (RFC 6052). */
const translated = new BlockList()
translated.addSubnet('64:ff9b::', 96, 'ipv6')

const inner = new BlockList()
for (const [networks, family] of [
  [inner4, 'ipv4'],
  [[...inner6, 'ff00::/8'], 'ipv6'],
] as const)
  for (const network of networks) {
    const [address = '', bits] = network.split('/')
    inner.addSubnet(address, Number(bits), family)
  }

/** The last four bytes of an address of IPv6, as one of IPv4. */
function lastOf(address: string): string {
  const [, a = '0', b = '0'] =
    /([0-9a-f]*):([0-9a-f]+)$/i.exec(new URL(`http://[${address}]`).hostname.slice(1, -1)) ?? []
  const [high, low] = [Number.parseInt(a || '0', 16), Number.parseInt(b, 16)]
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

/** Whether an address is of this machine, or of a network that only its neighbours reach. */
export function isPrivate(address: string): boolean {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
  if (inner.check(address, family)) return true
  if (family === 'ipv6' && translated.check(address, family)) return isPrivate(lastOf(address))
  return Object.values(networkInterfaces()).some((all) => all?.some((own) => own.address === address))
}

/** Answers with the addresses that a host was found at, whatever name is asked. */
export const pinned =
  (addresses: readonly string[]): LookupFunction =>
  (_name, { all }, answer) => {
    const found = addresses.map((address) => ({ address, family: isIP(address) }))
    if (all === true) answer(null, found)
    else answer(null, found[0]?.address ?? '', found[0]?.family ?? 4)
  }
