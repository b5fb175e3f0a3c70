import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { isIP } from 'node:net'
import { join, resolve } from 'node:path'
import { parse } from 'dotenv'
import { z } from 'zod'
import { parseDuration } from './lib/duration.js'
import { BerthError, messageOf } from './errors.js'

const mebibyte = 1024 * 1024
// setTimeout counts milliseconds in 31 bits
const longestLimit = 20 * 24 * 3_600_000

const Duration = z
  .string()
  .refine(
    (text) => (parseDuration(text) ?? longestLimit + 1) <= longestLimit,
    'write it as 90s, 30m or 2h, 20d at most',
  )

const listed = (text: string | undefined): string[] =>
  (text ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')

/** Whether a text is an address or a CIDR network. */
function isNetwork(text: string): boolean {
  const [, address = '', prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const family = isIP(address)
  return family !== 0 && Number(prefix ?? 0) <= (family === 4 ? 32 : 128)
}

/** The settings of one instance: `<root>/berth.env` (dotenv), overridden by the environment. */
export const Settings = z.object({
  BERTH_ROOT: z.string().startsWith('/').default('/var/lib/berth').describe('all durable state'),
  BERTH_RUN: z.string().startsWith('/').default('/run/berth').describe('sockets and pids; gone after a reboot'),
  BERTH_NAME: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,30}$/)
    .default('berth')
    .describe('instance name: names its nft table, bridges and cgroup'),
  BERTH_DOMAIN: z
    .string()
    .toLowerCase()
    .max(180)
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/, 'not a domain name')
    .default('localhost')
    .describe('apps answer at <app>.<domain>'),
  BERTH_HTTP_PORT: z.coerce.number().int().min(1).max(65535).default(80).describe('where the router listens'),
  BERTH_POOL: z
    .string()
    .regex(/^\d+\.\d+\.0\.0\/16$/)
    .default('10.87.0.0/16')
    .describe('IPv4 /16 that container networks are cut from'),
  BERTH_CACHE: z.string().startsWith('/').optional().describe('bootstrapped base images; default <root>/cache'),
  BERTH_REGISTRY_MIRRORS: z.string().optional().describe('URLs asked before Docker Hub, by commas'),
  BERTH_INSECURE_REGISTRIES: z
    .string()
    .optional()
    .describe('host[:port] or CIDR of registries that may speak HTTP or have no known certificate, by commas'),
  BERTH_REGISTRY_CERTS: z
    .string()
    .startsWith('/')
    .optional()
    .describe('<host:port>/*.crt to trust, *.cert and *.key to show; default /etc/docker/certs.d'),
  BERTH_ENGINE: z.string().optional().describe('Docker Engine socket to deploy on; default the embedded engine'),
  BERTH_USERNS_IDS: z
    .string()
    .regex(/^\d+:\d+$/)
    .optional()
    .describe('FIRST:COUNT, the host ids that ids in containers become; default 1879048192:268435456'),
  BERTH_DISK_RESERVE: z
    .string()
    .regex(/^\d{1,9}$/)
    .optional()
    .describe(
      'MiB of the disk that no container or build may take, 0 for none; default 512, or a tenth of a small disk',
    ),
  BERTH_BUILD_MEMORY: z
    .string()
    .regex(/^\d{1,9}$/)
    .optional()
    .describe('MiB of memory that one build may take, 0 for no limit; default half of the machine’s, 512 at least'),
  BERTH_BUILD_PIDS: z
    .string()
    .regex(/^\d{1,9}$/)
    .optional()
    .describe('processes that one build may have, 0 for no limit; default 4096'),
  BERTH_BUILD_CPUS: z
    .string()
    .regex(/^\d{1,4}(\.\d{1,2})?$/)
    .optional()
    .describe('processors that one build may take, 1.5 for one; default all, less where apps want them too'),
  BERTH_REACH: z
    .string()
    .regex(/^ *(host|host:\d{1,5}(\/(tcp|udp))?|link-local)( *, *(host|host:\d{1,5}(\/(tcp|udp))?|link-local))* *$/)
    .optional()
    .describe(
      'what apps and builds may reach of this machine: host (all that listens on it), host:PORT[/udp], link-local ' +
        '(its metadata at a cloud), by commas; default nothing, but for the router',
    ),
  BERTH_DENY_HOST_USERNS: z
    .enum(['0', '1'])
    .optional()
    .describe('1: the engine refuses --userns=host, and --privileged, which takes it'),
  BERTH_DENY_PRIVILEGED: z.enum(['0', '1']).optional().describe('1: the engine refuses --privileged'),
  BERTH_GIT_MEMORY: z.coerce
    .number()
    .int()
    .min(64)
    .max(1_048_576)
    .default(() => Math.max(64, Math.min(1024, Math.floor(totalmem() / mebibyte / 2))))
    .describe('MiB of memory that git may take for all pushes; default 1024, or half of a small machine'),
  BERTH_GIT_SECONDS: z.coerce
    .number()
    .int()
    .min(1)
    .max(86_400)
    .default(600)
    .describe('seconds of processor time that one git process may take for a push'),
  BERTH_PUSH_SIZE: z.coerce.number().int().min(1).max(1_048_576).default(1024).describe('MiB that a push may send'),
  BERTH_PUSH_TREE: z.coerce
    .number()
    .int()
    .min(1)
    .max(1_048_576)
    .default(4096)
    .describe('MiB that the files of a pushed commit may take'),
  BERTH_PUSH_FILES: z.coerce
    .number()
    .int()
    .min(1)
    .max(10_000_000)
    .default(200_000)
    .describe('files and directories that a pushed commit may hold'),
  BERTH_TRUSTED_PROXIES: z
    .string()
    .refine((text) => listed(text).every(isNetwork), 'must be addresses or CIDR networks, IPv4 or IPv6, by commas')
    .optional()
    .describe(
      'addresses and CIDR networks of proxies in front whose X-Forwarded-* and Forwarded are believed, by commas',
    ),
  BERTH_CLIENT_CONNECTIONS: z.coerce
    .number()
    .int()
    .min(1)
    .max(1_000_000)
    .default(1000)
    .describe('connections that one client address may have to the router; IPv6: one /64 network'),
  BERTH_DEPLOYS: z.coerce.number().int().min(1).max(64).default(2).describe('builds at once over all apps'),
  BERTH_CHANGES: z.coerce
    .number()
    .int()
    .min(1)
    .max(1000)
    .default(16)
    .describe('roll-outs, restarts and other changes at once over all apps; builds do not count'),
  BERTH_BUILD_LIMIT: Duration.default('30m').describe('how long a build may take: 90s, 30m, 2h'),
  BERTH_RELEASE_LIMIT: Duration.default('1h').describe('how long a release command may take'),
  BERTH_RUN_LIMIT: Duration.default('24h').describe('how long a one-off process may take'),
})

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

/** Where one instance of Berth lives. Every path, port and kernel name follows from here. */
export interface Config {
  readonly name: string
  readonly root: string
  readonly run: string
  readonly cache: string
  readonly domain: string
  readonly httpPort: number
  readonly pool: string
  /** Addresses and CIDR networks. */
  readonly trustedProxies: readonly string[]
  readonly clientConnections: number
  readonly push: PushLimits
  /** Bytes of the disk that are left free, a tenth of a small disk at most. */
  readonly diskReserve: number
  /** Builds at once. */
  readonly builds: number
  /** Other changes at once. */
  readonly changes: number
  /** How long what runs once may take, in milliseconds. */
  readonly limits: { readonly build: number; readonly release: number; readonly run: number }
  /** Path of the Docker Engine socket the platform drives. */
  readonly engineSocket: string
  /** True when the engine is Berth's own and started by `berth serve`. */
  readonly ownEngine: boolean
  /** Path of the control API's socket (also serves git). */
  readonly apiSocket: string
  readonly redisSocket: string
  /** `http://berth.<domain>[:port]` */
  readonly url: string
  /** `http://<app>.<domain>[:port]` */
  appUrl(app: string): string
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

/**
 * Reads the instance's settings. Values from `env` win over `<root>/berth.env`. Processes that the supervisor started have
 * all of theirs from it: an edited file takes effect by `bin/up`, for all of them at once.
 * @throws BerthError `invalid` naming the bad setting
 */
export function loadConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const root = resolve(env.BERTH_ROOT || '/var/lib/berth')
  const stored = env.BERTH_SUPERVISED === '1' ? {} : storedSettings(root)
  const unknown = Object.keys(stored).filter((key) => key.startsWith('BERTH_') && !(key in Settings.shape))
  if (unknown.length > 0)
    throw new BerthError(
      'invalid',
      `${settingsFile(root)}: there is no setting ${unknown.join(', ')}`,
      `the settings are ${Object.keys(Settings.shape).join(', ')}`,
    )
  const given = Object.fromEntries(Object.entries(env).filter(([key, value]) => key in Settings.shape && value !== ''))
  const parsed = Settings.safeParse({ ...stored, ...given, BERTH_ROOT: root })
  if (!parsed.success) {
    const issues = parsed.error.issues.map(({ path, message }) => {
      const name = path.join('.')
      const where = name in given ? 'the environment' : settingsFile(root)
      return `${name}="${({ ...stored, ...given }[name] ?? '').slice(0, 80)}" (from ${where}): ${message}`
    })
    throw new BerthError('invalid', issues.join('\n'), 'docs/operating.md lists the settings and their values')
  }
  const s = parsed.data
  const port = s.BERTH_HTTP_PORT === 80 ? '' : `:${String(s.BERTH_HTTP_PORT)}`
  const appHost = (app: string) => `${app}.${s.BERTH_DOMAIN}`
  const engineSocket = s.BERTH_ENGINE?.replace(/^unix:\/\//, '') ?? join(s.BERTH_RUN, 'engine.sock')
  return {
    name: s.BERTH_NAME,
    root,
    run: s.BERTH_RUN,
    cache: s.BERTH_CACHE ?? join(root, 'cache'),
    domain: s.BERTH_DOMAIN,
    httpPort: s.BERTH_HTTP_PORT,
    pool: s.BERTH_POOL,
    trustedProxies: listed(s.BERTH_TRUSTED_PROXIES),
    clientConnections: s.BERTH_CLIENT_CONNECTIONS,
    push: {
      memory: s.BERTH_GIT_MEMORY * mebibyte,
      seconds: s.BERTH_GIT_SECONDS,
      size: s.BERTH_PUSH_SIZE * mebibyte,
      tree: s.BERTH_PUSH_TREE * mebibyte,
      files: s.BERTH_PUSH_FILES,
    },
    diskReserve: Number(s.BERTH_DISK_RESERVE ?? 512) * mebibyte,
    builds: s.BERTH_DEPLOYS,
    changes: s.BERTH_CHANGES,
    limits: {
      build: parseDuration(s.BERTH_BUILD_LIMIT) ?? 0,
      release: parseDuration(s.BERTH_RELEASE_LIMIT) ?? 0,
      run: parseDuration(s.BERTH_RUN_LIMIT) ?? 0,
    },
    engineSocket,
    ownEngine: s.BERTH_ENGINE === undefined,
    apiSocket: join(s.BERTH_RUN, 'api', 'api.sock'),
    redisSocket: join(s.BERTH_RUN, 'redis', 'redis.sock'),
    url: `http://${appHost('berth')}${port}`,
    appUrl: (app) => `http://${appHost(app)}${port}`,
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
} as const

/** SHA-256 in hex: tokens are stored as this and nothing else. */
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
