import { randomBytes } from 'node:crypto'
import { isIPv6 } from 'node:net'
import type { Config } from '../../config.js'
import { toUnicode } from '../../lib/hostname.js'
import { finderOf, ownAddresses, serverAddresses, type FindHost } from '../../lib/leads-here.js'
import type { Found } from '../../lib/lookup.js'
import type { App } from '../../store/apps.js'
import type { DomainCheck } from './contract.js'

/** Hostnames that are asked for at once. */
const atOnce = 10

/** What DNS says of an app's hostnames, and what it should say. */
export async function checkDomains(config: Config, app: App): Promise<DomainCheck[]> {
  const find = finderOf(config)
  const should = await ownAddresses(config, find)
  const own = config.appHost(app.name)
  const hosts = [...new Set([own, ...[...(app.domains ?? []), ...(app.paths ?? [])].map(({ host }) => host)])]
  return checkAll(hosts, { own, should }, find)
}

/**
 * The same of Berth's own hostname, and of the wildcard by which apps answer under their names. Where they lead is no word for where this server
 * is, as it is for domains of apps.
 */
export async function checkPlatform(config: Config): Promise<DomainCheck[]> {
  const find = finderOf(config)
  const own = config.appHost('berth')
  const isLocal = /(^|\.)localhost$/.test(own)
  const should = isLocal ? [...(await find(own)).addresses] : serverAddresses(config)
  return checkAll([own, config.appHost('*')], { own, should }, find)
}

async function checkAll(hosts: readonly string[], by: Omit<Asked, 'host'>, find: FindHost): Promise<DomainCheck[]> {
  const checks: DomainCheck[] = []
  for (let at = 0; at < hosts.length; at += atOnce)
    checks.push(
      ...(await Promise.all(
        hosts.slice(at, at + atOnce).map(async (host) => judge({ host, ...by }, await find(nameOf(host)))),
      )),
    )
  return checks
}

/** A name that nobody has asked for yet stands for all that a wildcard does. */
const nameOf = (host: string): string =>
  host.startsWith('*.') ? `berth-${randomBytes(4).toString('hex')}${host.slice(1)}` : host

interface Asked {
  readonly host: string
  /** The app's hostname by its name, or Berth's. */
  readonly own: string
  readonly should: readonly string[]
}

function judge({ host, own, should }: Asked, found: Found): DomainCheck {
  const { addresses, cname, differs, problem } = found
  const here = addresses.filter((address) => should.includes(address))
  const status = statusOf(found, here.length, should.length)
  const foreign = addresses.filter((address) => !should.includes(address)).join(', ')
  const says: Record<DomainCheck['status'], string> = {
    here: 'leads here',
    partly: `leads here and to ${foreign}${differs ? ', and the answers differ each time' : ''}: clients go either way`,
    elsewhere: `leads to ${foreign}, which is not here`,
    nothing: 'DNS has nothing of it',
    unknown: problem ?? 'it is not known which addresses this server has: set BERTH_ADDRESSES',
  }
  return {
    ...{ host, shown: toUnicode(host), status, says: says[status], addresses: [...addresses], cname },
    should: status === 'here' || should.length === 0 ? [] : recordsOf(host, own, should),
  }
}

function statusOf({ addresses, problem }: Found, here: number, should: number): DomainCheck['status'] {
  if (problem !== null || should === 0) return 'unknown'
  if (addresses.length === 0) return 'nothing'
  return here === 0 ? 'elsewhere' : here === addresses.length ? 'here' : 'partly'
}

/** The records to make: addresses, or instead of them a CNAME where that may be (RFC 1034 §3.6.2: never at the top of a zone). */
function recordsOf(host: string, own: string, should: readonly string[]): string[] {
  const records = should.map((address) => `${host}. ${isIPv6(address) ? 'AAAA' : 'A'} ${address}`)
  const isSelf = host === own || own.endsWith('.localhost')
  return isSelf || host.split('.').length < 3 ? records : [...records, `${host}. CNAME ${own}.`]
}
