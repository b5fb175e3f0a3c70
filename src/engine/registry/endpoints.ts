import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { EngineError } from '../errors.js'
import { hub, loopback } from './settings.js'
import type { RegistrySettings } from '../config.js'

/** One place where a registry may be reached. */
export interface RegistryEndpoint {
  /** Scheme, host and port, no path: `https://host:5000`; a mirror may have a path. */
  readonly base: string
  /** Its certificate is not looked at. */
  readonly unverified: boolean
  /** Asked in place of Docker Hub; gets no credentials of the client's. */
  readonly mirror: boolean
}

/** Where to look for a domain's images, in order. */
export async function endpointsOf(domain: string, settings: RegistrySettings): Promise<readonly RegistryEndpoint[]> {
  if (domain === hub.domain)
    return [
      ...(await Promise.all(settings.mirrors.map((mirror) => mirrorOf(mirror, settings)))),
      { base: hub.registry, unverified: false, mirror: false },
    ]
  if (!(await isInsecure(domain, settings.insecure)))
    return [{ base: `https://${domain}`, unverified: false, mirror: false }]
  return [
    { base: `https://${domain}`, unverified: true, mirror: false },
    { base: `http://${domain}`, unverified: true, mirror: false },
  ]
}

/** Where clients' `serveraddress` of a login is. */
export const domainOfAddress = (address: string): string => {
  const domain = address.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
  return domain === '' || domain === new URL(hub.registry).host ? hub.domain : domain
}

async function mirrorOf(mirror: string, settings: RegistrySettings): Promise<RegistryEndpoint> {
  const { host } = new URL(mirror)
  return { base: mirror.replace(/\/+$/, ''), unverified: await isInsecure(host, settings.insecure), mirror: true }
}

/** @throws EngineError `invalid` when a setting is no URL or no host */
export function checkRegistrySettings({ mirrors, insecure }: RegistrySettings): void {
  for (const url of mirrors)
    if (!URL.canParse(url) || !/^https?:\/\/[^/?#@]+(\/[^?#]*)?$/.test(url))
      throw new EngineError('invalid', `invalid mirror: "${url}" is not an http or https URL`)
  for (const one of insecure)
    if (!/^[A-Za-z0-9.:[\]-]+(\/\d{1,3})?$/.test(one))
      throw new EngineError('invalid', `insecure registry ${one} is not valid: it is neither host[:port] nor CIDR`)
}

/** By name, or because its address is loopback's or in a listed range, as Docker has it. */
async function isInsecure(domain: string, listed: readonly string[]): Promise<boolean> {
  const host = domain.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  if (listed.includes(domain) || listed.includes(host) || host === 'localhost') return true
  const ranges = new BlockList()
  for (const one of [...loopback, ...listed]) {
    const [address = '', length] = one.split('/')
    const family = isIP(address)
    if (length !== undefined && family !== 0) ranges.addSubnet(address, Number(length), family === 4 ? 'ipv4' : 'ipv6')
  }
  const addresses = isIP(host) ? [{ address: host, family: isIP(host) }] : await addressesOf(host)
  return addresses.some(({ address, family }) => ranges.check(address, family === 4 ? 'ipv4' : 'ipv6'))
}

/** None of a name that cannot be looked up: connecting to it will tell why. */
const addressesOf = (host: string): Promise<{ address: string; family: number }[]> =>
  lookup(host, { all: true }).catch(() => [])
