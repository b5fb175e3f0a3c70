import { lookup as lookUp } from 'node:dns/promises'
import { isIP } from 'node:net'
import { BerthError } from '../../errors.js'
import { isPrivate } from '../../lib/private-address.js'
import { addressOf } from './url.js'

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
