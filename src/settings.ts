import { isIP } from 'node:net'
import { isNetwork } from './lib/networks.js'
import { totalmem } from 'node:os'
import { parseDuration } from './lib/duration.js'
import { readPortRanges } from './lib/port-ranges.js'

/** Reads a setting's text. @throws Error saying what it must be */
type Reader<T> = (text: string) => T

/** A text that looks so. */
const like =
  (pattern: RegExp, otherwise: string): Reader<string> =>
  (text) => {
    if (!pattern.test(text)) throw new Error(otherwise)
    return text
  }
const path = like(/^\//, 'must be an absolute path')
const text: Reader<string> = (text) => text
const yesOrNo = like(/^[01]$/, 'must be 0 or 1')
const amount = like(/^\d{1,9}$/, 'must be a whole number')

const count =
  (least: number, most: number): Reader<number> =>
  (text) => {
    const value = Number(text)
    if (!Number.isInteger(value) || value < least || value > most)
      throw new Error(`must be a whole number from ${least} to ${most}`)
    return value
  }

// setTimeout counts milliseconds in 31 bits
const longestLimit = 20 * 24 * 3_600_000

const duration: Reader<string> = (text) => {
  if ((parseDuration(text) ?? longestLimit + 1) > longestLimit)
    throw new Error('write it as 90s, 30m or 2h, 20d at most')
  return text
}

const domain: Reader<string> = (text) => {
  const name = text.toLowerCase()
  const label = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?'
  if (name.length > 180 || !new RegExp(`^${label}(\\.${label})*$`).test(name)) throw new Error('not a domain name')
  return name
}

/** The items of a list that commas separate. */
export const listed = (text: string | undefined): string[] =>
  (text ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')

/** The same where the place of each says what it is of: an empty one is there, too. */
export const inOrder = (text: string | undefined): string[] =>
  text === undefined ? [] : text.split(',').map((item) => item.trim())

/** A list, of which each item is read; with `empty` some may say nothing. */
const each =
  (read: Reader<string>, empty = false): Reader<string> =>
  (text) => {
    for (const item of inOrder(text)) if (item !== '' || !empty) read(item)
    return text
  }

const networks: Reader<string> = (text) => {
  if (!listed(text).every(isNetwork)) throw new Error('must be addresses or CIDR networks, IPv4 or IPv6, by commas')
  return text
}

const ports: Reader<string> = (text) => {
  if (readPortRanges(text) === null)
    throw new Error('must be ports or ranges as 1024-32767, of 1024 to 65535, by commas; or none')
  return text
}

const addresses: Reader<string> = (text) => {
  if (!listed(text).every((address) => isIP(address) !== 0)) throw new Error('must be IP addresses, by commas')
  return text
}

const servers: Reader<string> = (text) => {
  const isServer = (one: string): boolean =>
    isIP(one) !== 0 || /^\[[0-9a-f:.]+\]:\d{1,5}$/i.test(one) || isIP(one.replace(/:\d{1,5}$/, '')) === 4
  if (!listed(text).every(isServer)) throw new Error('must be IP addresses, each with :PORT or without, by commas')
  return text
}

const hosts: Reader<string> = (text) => {
  if (!listed(text).every((host) => /^([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/i.test(host)))
    throw new Error('must be names or addresses, each with :PORT or without, by commas')
  return text
}

const httpsUrl: Reader<string> = (text) => {
  if (!URL.canParse(text) || new URL(text).protocol !== 'https:') throw new Error('must be an https URL')
  return text
}

/** A list that may have one item only. */
const one =
  (read: Reader<string>, otherwise: string): Reader<string> =>
  (text) => {
    if (listed(text).length !== 1) throw new Error(otherwise)
    return read(text.trim())
  }

/** What is read where nothing is given. */
const or =
  <T>(standard: string, read: Reader<T>) =>
  (text?: string): T =>
    read(text ?? standard)
const optional =
  <T>(read: Reader<T>) =>
  (text?: string): T | undefined =>
    text === undefined ? undefined : read(text)

const halfOfMemory = Math.max(64, Math.min(1024, Math.floor(totalmem() / 1024 / 1024 / 2)))
const reach = 'host|host:\\d{1,5}(/(tcp|udp))?|link-local'

/**
 * The settings of one instance: `<root>/berth.env` (dotenv), overridden by the environment. Without a schema library: it
 * would take three MiB of every process.
 */
export const settings = {
  /** All durable state. */
  BERTH_ROOT: or('/var/lib/berth', path),
  /** Sockets and pids; gone after a reboot. */
  BERTH_RUN: or('/run/berth', path),
  /** Instance name: names its nft table, bridges and cgroup. */
  BERTH_NAME: or('berth', like(/^[a-z][a-z0-9-]{0,30}$/, 'must be up to 31 of a-z, 0-9 and -, a letter first')),
  /** Apps answer at <app>.<domain>. */
  BERTH_DOMAIN: or('localhost', domain),
  /** Where the router listens. */
  BERTH_HTTP_PORT: or('80', count(1, 65535)),
  /** Where the router listens for HTTPS; default nowhere. */
  BERTH_HTTPS_PORT: optional(count(1, 65535)),
  /** Ports of this machine that apps may have, by commas, or none; those above 32767 may be taken by outgoing connections. */
  BERTH_PORTS: or('1024-32767', ports),
  /** Who listens: the router itself (node), or a data plane in front of it by this name (haproxy). */
  BERTH_ROUTER: or('node', like(/^[a-z][a-z0-9-]{0,39}$/, 'must be node, or the name of a data plane: haproxy')),
  /** Whether a data plane that can speak HTTP/3 does, on the UDP port of BERTH_HTTPS_PORT: on or off. */
  BERTH_HTTP3: or('on', like(/^(on|off)$/, 'must be on or off')),
  /** IPv4 /16 that container networks are cut from. */
  BERTH_POOL: or(
    '10.87.0.0/16',
    like(/^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){2}0\.0\/16$/, 'must be an IPv4 network like 10.87.0.0/16'),
  ),
  /** Bootstrapped base images; default <root>/cache. */
  BERTH_CACHE: optional(path),
  /** URLs asked before Docker Hub, by commas. */
  BERTH_REGISTRY_MIRRORS: optional(text),
  /** host[:port] or CIDR of registries that may speak HTTP or have no known certificate, by commas. */
  BERTH_INSECURE_REGISTRIES: optional(text),
  /** <host:port>/*.crt to trust, *.cert and *.key to show; default /etc/docker/certs.d. */
  BERTH_REGISTRY_CERTS: optional(path),
  /** Docker Engine socket to deploy on; default the embedded engine. */
  BERTH_ENGINE: optional(text),
  /** FIRST:COUNT, the host ids that ids in containers become; default 1879048192:268435456. */
  BERTH_USERNS_IDS: optional(like(/^\d+:\d+$/, 'must be FIRST:COUNT, two numbers')),
  /** MiB of the disk that no container or build may take, 0 for none; default 512, or a tenth of a small disk. */
  BERTH_DISK_RESERVE: optional(amount),
  /** Directories of the server that administrators may mount into apps, separated by commas; default none. */
  BERTH_HOST_DIRECTORIES: optional(like(/^\/[^,]+(,\/[^,]+)*$/, 'must be absolute paths, separated by commas')),
  /** MiB of the disk that one app may have unless an administrator says otherwise of it; default no limit. */
  BERTH_APP_DISK: optional(amount),
  /** MiB of memory that one build may take, 0 for no limit; default half of the machine’s, 512 at least. */
  BERTH_BUILD_MEMORY: optional(amount),
  /** Processes that one build may have, 0 for no limit; default 4096. */
  BERTH_BUILD_PIDS: optional(amount),
  /** Processors that one build may take, 1.5 for one; default all, less where apps want them too. */
  BERTH_BUILD_CPUS: optional(like(/^\d{1,4}(\.\d{1,2})?$/, 'must be a number like 2 or 1.5')),
  /**
   * What apps and builds may reach of this machine: host (all that listens on it), host:PORT[/udp], link-local (its
   * metadata at a cloud), by commas; default nothing, but for the router.
   */
  BERTH_REACH: optional(
    like(new RegExp(`^ *(${reach})( *, *(${reach}))* *$`), 'must be host, host:PORT[/udp] or link-local, by commas'),
  ),
  /** 1: the engine refuses --userns=host, and --privileged, which takes it. */
  BERTH_DENY_HOST_USERNS: optional(yesOrNo),
  /** 1: the engine refuses --privileged. */
  BERTH_DENY_PRIVILEGED: optional(yesOrNo),
  /** MiB of memory that git may take for all pushes; default 1024, or half of a small machine. */
  BERTH_GIT_MEMORY: or(String(halfOfMemory), count(64, 1_048_576)),
  /** Seconds of processor time that one git process may take for a push. */
  BERTH_GIT_SECONDS: or('600', count(1, 86_400)),
  /** Hosts, with their ports or without, that submodules may be fetched from though their addresses are private, by commas. */
  BERTH_GIT_PRIVATE_HOSTS: optional(hosts),
  /** Hosts, with their ports or without, of issuers that people may sign in at though their addresses are private, by commas. */
  BERTH_SSO_PRIVATE_HOSTS: optional(hosts),
  /** MiB that a push may send. */
  BERTH_PUSH_SIZE: or('1024', count(1, 1_048_576)),
  /** MiB that the files of a pushed commit may take. */
  BERTH_PUSH_TREE: or('4096', count(1, 1_048_576)),
  /** Files and directories that a pushed commit may hold. */
  BERTH_PUSH_FILES: or('200000', count(1, 10_000_000)),
  /** Addresses of this machine as the world knows them, by commas; default where Berth's own hostname leads. */
  BERTH_ADDRESSES: optional(addresses),
  /** DNS servers that domains are looked up at, by commas; default the system's. */
  BERTH_RESOLVERS: optional(servers),
  /** Directories of the CAs that certificates are ordered from (ACME), by commas: the next is asked where one has failed. */
  BERTH_ACME_DIRECTORY: or('https://acme-v02.api.letsencrypt.org/directory', each(httpsUrl)),
  /** PEM file of those who vouch for the CA's own certificate, where the system does not know them; by commas, as the CAs. */
  BERTH_ACME_CA: optional(each(path, true)),
  /** Where the CA writes to. */
  BERTH_ACME_EMAIL: optional(like(/^[^\s@,?]+@[^\s@,?]+$/, 'must be an e-mail address')),
  /** What kind of certificate is ordered, where the CA has several; by commas, as the CAs. */
  BERTH_ACME_PROFILE: optional(each(like(/^[\w.-]{1,64}$/, 'must be a name'), true)),
  /** How hostnames are proven to the CA first; the other way follows where it refuses that. */
  BERTH_ACME_CHALLENGE: or('http-01', like(/^(http|tls-alpn)-01$/, 'must be http-01 or tls-alpn-01')),
  /** KID:KEY, for a CA that wants accounts it knows (external account binding); by commas, as the CAs. */
  BERTH_ACME_EAB: optional(each(like(/^[^:\s]{1,200}:[\w-]{1,200}=*$/, 'must be KID:KEY, the key in base64url'), true)),
  /** ADDRESS[:PORT] of the name server that takes updates (RFC 2136): TXT records prove wildcards there. */
  BERTH_DNS_UPDATE: optional(one(servers, 'must be one address, with :PORT or without')),
  /** [ALGORITHM:]NAME:SECRET, the key that updates are signed with (TSIG); hmac-sha256 unless it says. */
  BERTH_DNS_KEY: optional(
    like(/^(hmac-sha(224|256|384|512):)?[\w.-]{1,200}:[A-Za-z0-9+/]{8,200}={0,2}$/, 'must be [ALGORITHM:]NAME:SECRET'),
  ),
  /** Addresses and CIDR networks of proxies in front whose X-Forwarded-* and Forwarded are believed, by commas. */
  BERTH_TRUSTED_PROXIES: optional(networks),
  /** 1: connections of those proxies begin with a PROXY head, version 1 or 2, which says whose they are. */
  BERTH_PROXY_PROTOCOL: optional(yesOrNo),
  /** Connections that one client address may have to the router; IPv6: one /64 network. */
  BERTH_CLIENT_CONNECTIONS: or('1000', count(1, 1_000_000)),
  /** Builds at once over all apps. */
  BERTH_DEPLOYS: or('2', count(1, 64)),
  /** Roll-outs, restarts and other changes at once over all apps; builds do not count. */
  BERTH_CHANGES: or('16', count(1, 1000)),
  /** How long a build may take: 90s, 30m, 2h. */
  BERTH_BUILD_LIMIT: or('30m', duration),
  /** How long a release command may take. */
  BERTH_RELEASE_LIMIT: or('1h', duration),
  /** How long a one-off process may take. */
  BERTH_RUN_LIMIT: or('24h', duration),
  /** How long one run of a cron entry may take, unless the entry says. */
  BERTH_CRON_LIMIT: or('24h', duration),
}

/** The settings as read. */
export type Settings = { readonly [Name in keyof typeof settings]: ReturnType<(typeof settings)[Name]> }

/** @param complain gets what is wrong with each setting that cannot be read */
export function readSettings(
  given: Readonly<Record<string, string | undefined>>,
  complain: (name: string, problem: string) => void,
): Settings {
  const entries = Object.entries(settings).map(([name, read]) => {
    try {
      return [name, read(given[name])]
    } catch (error) {
      complain(name, (error as Error).message)
      return [name, undefined]
    }
  })
  return Object.fromEntries(entries) as Settings
}
