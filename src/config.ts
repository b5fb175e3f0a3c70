import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parse } from 'dotenv'
import { parseDuration } from './lib/duration.js'
import { readPortRanges, type PortRange } from './lib/port-ranges.js'
import { BerthError, messageOf } from './errors.js'
import { inOrder, listed, readSettings, settings, type Settings } from './settings.js'

const mebibyte = 1024 * 1024

/** What a push may take of the machine. */
export interface PushLimits {
  /** Bytes of memory, of one git process and of all together. */
  readonly memory: number
  /** Processor time of one git process. */
  readonly seconds: number
  /** Bytes that are sent. */
  readonly size: number
  /** Bytes of the commit's files. */
  readonly tree: number
  /** Files and directories of the commit. */
  readonly files: number
}

/** One CA. */
export interface AuthoritySettings {
  /** URL of its directory. */
  readonly directory: string
  /** Path of a PEM file. */
  readonly caFile: string | undefined
  readonly profile: string | undefined
  readonly external: { readonly kid: string; readonly hmac: string } | undefined
}

/** Where certificates are ordered. */
export interface AcmeSettings {
  /** In order: the next is asked where one has failed. */
  readonly authorities: readonly [AuthoritySettings, ...AuthoritySettings[]]
  readonly email: string | undefined
  /** How hostnames are proven first. */
  readonly challenge: 'http-01' | 'tls-alpn-01'
}

/** A name server that takes updates, signed. */
export interface DnsSettings {
  readonly server: string
  readonly key: { readonly algorithm: string; readonly name: string; readonly secret: string }
}

/** Where one instance of Berth lives. Every path, port and kernel name follows from here. */
export interface Config {
  readonly name: string
  readonly root: string
  readonly run: string
  readonly cache: string
  readonly domain: string
  readonly httpPort: number
  /** Undefined where HTTPS is not served. */
  readonly httpsPort: number | undefined
  /** That apps may have. */
  readonly ports: readonly PortRange[]
  /** Name of the data plane in front of the router; undefined where there is none. */
  readonly plane: string | undefined
  /** A data plane that can speak HTTP/3 is to, where HTTPS is served. */
  readonly http3: boolean
  /** The router's unix socket, which the data plane comes by. */
  readonly frontSocket: string
  readonly pool: string
  /** Addresses and CIDR networks. */
  readonly trustedProxies: readonly string[]
  /** Connections of trusted proxies begin with a PROXY head. */
  readonly proxyProtocol: boolean
  readonly clientConnections: number
  /** Addresses of this machine as the world knows them, where somebody has said so. */
  readonly addresses: readonly string[]
  /** DNS servers that domains are looked up at; none are the system's. */
  readonly resolvers: readonly string[]
  readonly acme: AcmeSettings
  /** The name server that takes updates, if there is one. */
  readonly dns: DnsSettings | undefined
  readonly push: PushLimits
  /** Hosts of submodules that may have private addresses. */
  readonly gitPrivateHosts: readonly string[]
  /** Hosts of issuers that may have private addresses, and be asked by plain HTTP. */
  readonly ssoPrivateHosts: readonly string[]
  /** Bytes of the disk that are left free, a tenth of a small disk at most. */
  readonly diskReserve: number
  /** Directories of the server that administrators may mount into apps. */
  readonly hostDirectories: readonly string[]
  /** Bytes of the disk that an app may have of which nothing else is said; undefined: no limit. */
  readonly appDisk: number | undefined
  /** Builds at once. */
  readonly builds: number
  /** Other changes at once. */
  readonly changes: number
  /** How long what runs once may take, in milliseconds. */
  readonly limits: { readonly build: number; readonly release: number; readonly run: number; readonly cron: number }
  /** Path of the Docker Engine socket the platform drives. */
  readonly engineSocket: string
  /** True when the engine is Berth's own and started by `berth serve`. */
  readonly ownEngine: boolean
  /** Path of the control API's socket (also serves git). */
  readonly apiSocket: string
  readonly redisSocket: string
  /** `http://berth.<domain>[:port]`: by HTTPS it is there, too, where that is served; see `httpsUrl`. */
  readonly url: string
  /** `https://berth.<domain>[:port]`; undefined where neither this Berth nor a proxy before it speaks HTTPS. */
  readonly httpsUrl: string | undefined
  /** `http://<app>.<domain>[:port]`, https where clients of the app are sent on to that. */
  appUrl(app: { readonly name: string; readonly https?: boolean }): string
  /** `<app>.<domain>` */
  appHost(app: string): string
  /** Same names as the environment, to hand to child processes. */
  readonly env: Readonly<Record<string, string>>
}

/** Where an instance's settings are written down. */
export const settingsFile = (root: string): string => join(root, 'berth.env')

/** What a settings file says; an empty value is as good as none. @throws BerthError `invalid` when it cannot be read */
export function storedSettings(root: string): Record<string, string> {
  const file = settingsFile(root)
  try {
    const all = existsSync(file) ? parse(readFileSync(file)) : {}
    return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''))
  } catch (cause) {
    throw new BerthError('invalid', `${file} cannot be read: ${messageOf(cause)}`, 'only root may; use sudo', cause)
  }
}

/** @throws BerthError `invalid` naming the bad setting */
function settingsOf(root: string, env: NodeJS.ProcessEnv): Settings {
  const stored = env.BERTH_SUPERVISED === '1' ? {} : storedSettings(root)
  const unknown = Object.keys(stored).filter((key) => key.startsWith('BERTH_') && !(key in settings))
  if (unknown.length > 0)
    throw new BerthError(
      'invalid',
      `${settingsFile(root)}: there is no setting ${unknown.join(', ')}`,
      `the settings are ${Object.keys(settings).join(', ')}`,
    )
  const given = Object.fromEntries(Object.entries(env).filter(([key, value]) => key in settings && value !== ''))
  const all: Record<string, string | undefined> = { ...stored, ...given, BERTH_ROOT: root }
  const problems: string[] = []
  const read = readSettings(all, (name, problem) => {
    const where = name in given ? 'the environment' : settingsFile(root)
    problems.push(`${name}="${(all[name] ?? '').slice(0, 80)}" (from ${where}): ${problem}`)
  })
  if (problems.length > 0)
    throw new BerthError('invalid', problems.join('\n'), 'docs/operating.md lists the settings and their values')
  return read
}

const pushLimits = (s: Settings): Config['push'] => ({
  memory: s.BERTH_GIT_MEMORY * mebibyte,
  seconds: s.BERTH_GIT_SECONDS,
  size: s.BERTH_PUSH_SIZE * mebibyte,
  tree: s.BERTH_PUSH_TREE * mebibyte,
  files: s.BERTH_PUSH_FILES,
})

/** @throws BerthError `invalid` where more is said than there are CAs */
function acmeSettings(s: Settings): AcmeSettings {
  const [first = '', ...others] = listed(s.BERTH_ACME_DIRECTORY)
  const each = {
    BERTH_ACME_CA: s.BERTH_ACME_CA,
    BERTH_ACME_PROFILE: s.BERTH_ACME_PROFILE,
    BERTH_ACME_EAB: s.BERTH_ACME_EAB,
  }
  for (const [name, text] of Object.entries(each))
    if (inOrder(text).length > others.length + 1)
      throw new BerthError(
        'invalid',
        `${name} says something of ${inOrder(text).length} CAs, and there are ${others.length + 1}`,
        'it goes by the order of BERTH_ACME_DIRECTORY, by commas; what is empty is said of none',
      )
  const authority = (directory: string, at: number): AuthoritySettings => {
    const said = (text: string | undefined): string | undefined => inOrder(text)[at] || undefined
    const [kid = '', hmac = ''] = said(s.BERTH_ACME_EAB)?.split(':') ?? []
    return {
      ...{ directory, caFile: said(s.BERTH_ACME_CA), profile: said(s.BERTH_ACME_PROFILE) },
      external: kid === '' ? undefined : { kid, hmac },
    }
  }
  return {
    authorities: [authority(first, 0), ...others.map((directory, at) => authority(directory, at + 1))],
    email: s.BERTH_ACME_EMAIL,
    challenge: s.BERTH_ACME_CHALLENGE === 'tls-alpn-01' ? 'tls-alpn-01' : 'http-01',
  }
}

/** @throws BerthError `invalid` where there is the one without the other */
function dnsSettings({ BERTH_DNS_UPDATE: server, BERTH_DNS_KEY: given }: Settings): DnsSettings | undefined {
  if (server === undefined && given === undefined) return undefined
  if (server === undefined || given === undefined)
    throw new BerthError('invalid', 'BERTH_DNS_UPDATE and BERTH_DNS_KEY go together', 'set both, or neither')
  const [secret = '', name = '', algorithm = 'hmac-sha256'] = given.split(':').reverse()
  return { server, key: { algorithm, name, secret } }
}

const portOf = (port: number, usual: number): string => (port === usual ? '' : `:${String(port)}`)

/** Itself, or a proxy before it. */
const speaksHttps = (s: Settings): boolean =>
  s.BERTH_HTTPS_PORT !== undefined || listed(s.BERTH_TRUSTED_PROXIES).length > 0

const diskSettings = (s: Settings): Pick<Config, 'diskReserve' | 'appDisk' | 'hostDirectories'> => ({
  diskReserve: Number(s.BERTH_DISK_RESERVE ?? 512) * mebibyte,
  appDisk: Number(s.BERTH_APP_DISK ?? 0) * mebibyte || undefined,
  hostDirectories: listed(s.BERTH_HOST_DIRECTORIES),
})

const timeLimits = (s: Settings): Config['limits'] => ({
  build: parseDuration(s.BERTH_BUILD_LIMIT) ?? 0,
  release: parseDuration(s.BERTH_RELEASE_LIMIT) ?? 0,
  run: parseDuration(s.BERTH_RUN_LIMIT) ?? 0,
  cron: parseDuration(s.BERTH_CRON_LIMIT) ?? 0,
})

/** @throws BerthError `invalid` where one setting does not go with another */
function checkTogether(s: Settings): void {
  if (s.BERTH_HTTPS_PORT === s.BERTH_HTTP_PORT)
    throw new BerthError(
      'invalid',
      `BERTH_HTTPS_PORT and BERTH_HTTP_PORT are both ${s.BERTH_HTTP_PORT}`,
      'HTTPS wants a port of its own',
    )
  if (s.BERTH_PROXY_PROTOCOL === '1' && s.BERTH_TRUSTED_PROXIES === undefined)
    throw new BerthError(
      'invalid',
      'BERTH_PROXY_PROTOCOL is 1, and there is no proxy whose word is taken',
      'say which in BERTH_TRUSTED_PROXIES',
    )
}

/**
 * Reads the instance's settings. Values from `env` win over `<root>/berth.env`. Processes that the supervisor started have
 * all of theirs from it: an edited file takes effect by `bin/up`, for all of them at once.
 * @throws BerthError `invalid` naming the bad setting
 */
export function loadConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const root = resolve(env.BERTH_ROOT || '/var/lib/berth')
  const s = settingsOf(root, env)
  checkTogether(s)
  const at = { http: portOf(s.BERTH_HTTP_PORT, 80), https: portOf(s.BERTH_HTTPS_PORT ?? 443, 443) }
  const appHost = (app: string) => `${app}.${s.BERTH_DOMAIN}`
  const engineSocket = s.BERTH_ENGINE?.replace(/^unix:\/\//, '') ?? join(s.BERTH_RUN, 'engine.sock')
  return {
    name: s.BERTH_NAME,
    root,
    run: s.BERTH_RUN,
    cache: s.BERTH_CACHE ?? join(root, 'cache'),
    domain: s.BERTH_DOMAIN,
    httpPort: s.BERTH_HTTP_PORT,
    httpsPort: s.BERTH_HTTPS_PORT,
    ports: readPortRanges(s.BERTH_PORTS) ?? [],
    plane: s.BERTH_ROUTER === 'node' ? undefined : s.BERTH_ROUTER,
    http3: s.BERTH_HTTP3 === 'on',
    frontSocket: join(s.BERTH_RUN, 'router', 'front.sock'),
    pool: s.BERTH_POOL,
    trustedProxies: listed(s.BERTH_TRUSTED_PROXIES),
    proxyProtocol: s.BERTH_PROXY_PROTOCOL === '1',
    clientConnections: s.BERTH_CLIENT_CONNECTIONS,
    addresses: listed(s.BERTH_ADDRESSES),
    resolvers: listed(s.BERTH_RESOLVERS),
    acme: acmeSettings(s),
    dns: dnsSettings(s),
    push: pushLimits(s),
    gitPrivateHosts: listed(s.BERTH_GIT_PRIVATE_HOSTS).map((host) => host.toLowerCase()),
    ssoPrivateHosts: listed(s.BERTH_SSO_PRIVATE_HOSTS).map((host) => host.toLowerCase()),
    ...diskSettings(s),
    builds: s.BERTH_DEPLOYS,
    changes: s.BERTH_CHANGES,
    limits: timeLimits(s),
    engineSocket,
    ownEngine: s.BERTH_ENGINE === undefined,
    apiSocket: join(s.BERTH_RUN, 'api', 'api.sock'),
    redisSocket: join(s.BERTH_RUN, 'redis', 'redis.sock'),
    url: `http://${appHost('berth')}${at.http}`,
    httpsUrl: speaksHttps(s) ? `https://${appHost('berth')}${at.https}` : undefined,
    appUrl: ({ name, https }) => (https ? `https://${appHost(name)}${at.https}` : `http://${appHost(name)}${at.http}`),
    appHost,
    env: Object.fromEntries(
      Object.entries(s)
        .filter(([, value]) => value !== undefined)
        .map(([key, value]) => [key, String(value)]),
    ),
  }
}

/** Labels a container that the platform started, so that one engine can serve several instances. */
export const label = {
  instance: 'berth.instance',
  app: 'berth.app',
  release: 'berth.release',
  process: 'berth.process',
  type: 'berth.type',
  /** Of what runs at times. */
  run: 'berth.run',
  /** Of a service's container, volume and networks: its id. */
  service: 'berth.service',
} as const

/** SHA-256 in hex: tokens are stored as this and nothing else. */
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
