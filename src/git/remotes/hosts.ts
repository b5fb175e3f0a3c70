import { lookup as lookUp } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { BerthError } from '../../errors.js'
import { addressOf } from './url.js'

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

const ports: Readonly<Record<string, number>> = { 'https:': 443, 'http:': 80 }

/** Where the host of a URL listens. */
export const portOf = ({ port, protocol }: URL): number => Number(port) || (ports[protocol] ?? 22)

/** A host that may be connected to, and where it was found. */
export interface Host {
  readonly port: number
  readonly addresses: readonly string[]
  /** The server's administrator trusts it, and the way to it. */
  readonly trusted: boolean
}

/** Looks up the addresses of a name. @throws when there are none */
export type Lookup = (name: string) => Promise<readonly string[]>

const standardLookup: Lookup = async (name) => (await lookUp(name, { all: true })).map(({ address }) => address)

/**
 * Finds out, once, where a URL leads. Whoever connects must connect there and nowhere else: the next answer to the same question
 * may be another.
 * @param trusted names, with or without a port, that may lead to private addresses
 * @throws BerthError `denied` when it leads to a private address, `unavailable` when it is not known
 */
export async function findHost(
  url: URL,
  path: string,
  trusted: readonly string[],
  lookup: Lookup = standardLookup,
): Promise<Host> {
  const name = url.hostname.replace(/^\[|\]$/g, '')
  const port = portOf(url)
  const isTrusted = trusted.some(
    (one) => one === name || one === `${url.hostname}:${String(port)}` || one === url.hostname,
  )
  const addresses = isIP(name) === 0 ? await ask(name, path, url, lookup) : [name]
  if (!isTrusted && addresses.some(isPrivate))
    throw new BerthError(
      'denied',
      `${path}: ${addressOf(url)} leads to a private address, which apps may not make this server look at`,
      `if it is meant, the server's administrator names it: BERTH_GIT_PRIVATE_HOSTS=${url.hostname}`,
    )
  return { port, addresses, trusted: isTrusted }
}

async function ask(name: string, path: string, url: URL, lookup: Lookup): Promise<readonly string[]> {
  const hint = 'look at the URL, and at the DNS of the server; then try again'
  try {
    const found = await lookup(name)
    if (found.length > 0) return found
  } catch (error) {
    throw new BerthError('unavailable', `${path}: the host of ${addressOf(url)} is not found`, hint, error)
  }
  throw new BerthError('unavailable', `${path}: the host of ${addressOf(url)} has no address`, hint)
}

/** @throws BerthError `denied` for another app of this server: who may push one may not see all */
export function checkElsewhere(domain: string, url: URL, path: string): void {
  if (url.hostname !== `berth.${domain}` && !url.hostname.endsWith(`.berth.${domain}`)) return
  throw new BerthError(
    'denied',
    `${path}: ${addressOf(url)} is an app of this server, and apps do not see each other`,
    'keep what several apps share in a repository elsewhere',
  )
}
