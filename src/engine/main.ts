import { createHash } from 'node:crypto'
import { chown } from 'node:fs/promises'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { parse } from 'dotenv'
import { serveApi } from './api/server.js'
import type { BuildConfig, EngineConfig } from './config.js'
import { destroyEngine } from './destroy.js'
import { openEngine } from './engine.js'
import { EngineError, messageOf } from './errors.js'
import { parseReach } from './networks/reach.js'
import { proxiesOf } from './registry/proxy.js'
import { defaultSettings } from './registry/settings.js'
import { parseSpan } from './runtime/id-ranges.js'
import { isolate } from './runtime/isolate.js'
import { leave } from './kernel/libc.js'
import { busy } from './kernel/memory.js'

const usage = `Usage: berth engine [options]

Runs Berth's container engine alone: the Docker Engine API on a unix socket.
Stopping it leaves containers running; the next start finds them again.

  --root DIR         images, containers, volumes, build cache  (/var/lib/berth/engine)
  --run DIR          pid files and runtime state               (/run/berth/engine)
  --socket PATH      where the API is served                   (/run/berth/engine.sock)
  --name NAME        names its nft table, bridges and cgroup   (berth)
  --pool CIDR        IPv4 /16 that networks are cut from       (10.87.0.0/16)
  --cache DIR        bootstrapped base images                  (<root>/cache)
  --registry-mirror URL      asked before Docker Hub; may be repeated
  --insecure-registry HOST   host[:port] or CIDR that may speak HTTP or have no known certificate; may be repeated
  --registry-certs DIR       <host:port>/*.crt to trust, *.cert and *.key to show   (/etc/docker/certs.d)
  --build-env FILE   variables that builds see (dotenv)        (<root>/../build.env)
  --build-cache MB   what the build cache may hold             (10240)
  --build-time SEC   how long a build may take                 (1800)
  --build-memory MB  what memory one build may take; 0: all    (half of the machine's)
  --build-pids N     processes that one build may have; 0: any number   (4096)
  --build-cpus N     processors that one build may take, 1.5 for one; 0: all   (all)
  --disk-reserve MB  of the disk of --root that no container or build may take; 0: none   (512, or a tenth of a small disk)
  --userns-ids FIRST:COUNT   host ids that ids in containers become, 65536 each   (1879048192:268435456)
  --deny-host-userns         refuse --userns=host, and --privileged, which takes it
  --deny-privileged          refuse --privileged
  --reach LIST       what of this machine builds and apps reach: host, host:PORT[/udp], link-local, by commas   (nothing)
  --build-ssh        let local clients lend builds an ssh agent
  --destroy          end its containers and leave nothing in the kernel; the daemon must be stopped
  --help

HTTP_PROXY, HTTPS_PROXY and NO_PROXY of its environment are the way to registries.

Example:
  sudo berth engine & DOCKER_HOST=unix:///run/berth/engine.sock docker ps
`

const text = { type: 'string' } as const
const options = {
  root: text,
  run: text,
  socket: text,
  name: text,
  pool: text,
  cache: text,
  'registry-mirror': { type: 'string', multiple: true },
  'insecure-registry': { type: 'string', multiple: true },
  'registry-certs': text,
  'build-env': text,
  'build-cache': text,
  'build-time': text,
  'build-memory': text,
  'build-pids': text,
  'build-cpus': text,
  'build-ssh': { type: 'boolean' },
  'disk-reserve': text,
  reach: text,
  'userns-ids': text,
  'deny-host-userns': { type: 'boolean' },
  'deny-privileged': { type: 'boolean' },
  destroy: { type: 'boolean' },
  help: { type: 'boolean' },
} as const
type Values = ReturnType<typeof parseArgs<{ options: typeof options }>>['values']

function configure(): { config: EngineConfig; destroy: boolean } | undefined {
  const { values } = parseArgs({ options })
  if (values.help) return undefined
  const { BERTH_ROOT = '/var/lib/berth', BERTH_RUN = '/run/berth', BERTH_NAME, BERTH_POOL, BERTH_CACHE } = process.env
  const { BERTH_REGISTRY_MIRRORS, BERTH_INSECURE_REGISTRIES, BERTH_REGISTRY_CERTS } = process.env
  const root = resolve(values.root ?? join(BERTH_ROOT, 'engine'))
  const run = resolve(values.run ?? join(BERTH_RUN, 'engine'))
  const name = values.name ?? BERTH_NAME ?? 'berth'
  const pool = values.pool ?? BERTH_POOL ?? '10.87.0.0/16'
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(name))
    throw new EngineError('invalid', `--name wants lower-case letters, digits and dashes, not "${name}"`)
  if (!/^\d+\.\d+\.0\.0\/16$/.test(pool)) throw new EngineError('invalid', `--pool wants an IPv4 /16, not "${pool}"`)
  const ids = values['userns-ids'] ?? process.env.BERTH_USERNS_IDS
  const reserve = values['disk-reserve'] ?? process.env.BERTH_DISK_RESERVE
  const envFile = values['build-env'] ?? join(values.root ?? BERTH_ROOT, 'build.env')
  const buildEnv = existsSync(envFile) ? parse(readFileSync(envFile)) : {}
  const config = {
    name,
    root,
    run,
    socket: resolve(values.socket ?? join(BERTH_RUN, 'engine.sock')),
    cache: resolve(values.cache ?? BERTH_CACHE ?? join(values.root ?? BERTH_ROOT, 'cache')),
    pool,
    buildEnv,
    registry: {
      mirrors: values['registry-mirror'] ?? listed(BERTH_REGISTRY_MIRRORS),
      insecure: values['insecure-registry'] ?? listed(BERTH_INSECURE_REGISTRIES),
      certificates: resolve(values['registry-certs'] ?? BERTH_REGISTRY_CERTS ?? defaultSettings.certificates),
      proxies: proxiesOf({ ...buildEnv, ...process.env }),
    },
    build: buildConfig(values),
    ...(reserve === undefined ? {} : { diskReserve: number('--disk-reserve', reserve) * 2 ** 20 }),
    ...(ids === undefined ? {} : { ids: parseSpan(ids, '--userns-ids') }),
    reach: parseReach(
      reachOf(values.reach ?? process.env.BERTH_REACH, [process.env.BERTH_HTTP_PORT, process.env.BERTH_HTTPS_PORT]),
    ),
    deny: {
      hostUserns: values['deny-host-userns'] ?? flag(process.env, 'BERTH_DENY_HOST_USERNS'),
      privileged: values['deny-privileged'] ?? flag(process.env, 'BERTH_DENY_PRIVILEGED'),
    },
    prefix: createHash('sha256').update(name).digest('hex').slice(0, 4),
  }
  return { config, destroy: values.destroy ?? false }
}

const buildConfig = (values: Values): BuildConfig => ({
  ...(values['build-cache'] === undefined
    ? {}
    : { cacheBytes: number('--build-cache', values['build-cache']) * 2 ** 20 }),
  ...(values['build-time'] === undefined ? {} : { deadlineMs: number('--build-time', values['build-time']) * 1000 }),
  ...buildLimitsOf({
    '--build-memory': values['build-memory'] ?? process.env.BERTH_BUILD_MEMORY,
    '--build-pids': values['build-pids'] ?? process.env.BERTH_BUILD_PIDS,
    '--build-cpus': values['build-cpus'] ?? process.env.BERTH_BUILD_CPUS,
  }),
  ssh: values['build-ssh'] ?? false,
})

/** Berth's router answers everybody, and so those behind it: an app may ask another for what strangers may. */
const reachOf = (text = '', routerPorts: readonly (string | undefined)[] = []): string =>
  [text, ...routerPorts.filter(Boolean).map((port) => `host:${String(port)}`)].filter(Boolean).join(',')

const listed = (text = ''): string[] =>
  text
    .split(',')
    .map((one) => one.trim())
    .filter(Boolean)

/** What is not said is not there. @throws EngineError `invalid` */
function buildLimitsOf(said: Readonly<Record<string, string | undefined>>): BuildConfig {
  const [memory, pids, cpus] = Object.entries(said).map(([option, text = '']) => {
    if (text === '') return undefined
    if (option !== '--build-cpus') return number(option, text)
    if (!/^\d{1,4}(\.\d{1,2})?$/.test(text)) throw new EngineError('invalid', `${option} wants a number, not "${text}"`)
    return Number(text)
  })
  return {
    ...(memory === undefined ? {} : { memoryBytes: memory * 2 ** 20 }),
    ...(pids === undefined ? {} : { pids }),
    ...(cpus === undefined ? {} : { cpus }),
  }
}

/** A refusal that cannot be read must not be none. @throws EngineError `invalid` */
function flag(env: NodeJS.ProcessEnv, name: string): boolean {
  const text = env[name] ?? ''
  if (!['', '0', '1'].includes(text)) throw new EngineError('invalid', `${name} wants 0 or 1, not "${text}"`)
  return text === '1'
}

function number(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new EngineError('invalid', `${option} wants a number, not "${text}"`)
  return Number(text)
}

async function main(): Promise<void> {
  const asked = configure()
  if (!asked) {
    process.stdout.write(usage)
    return
  }
  if (process.getuid?.() !== 0) throw new EngineError('denied', 'the engine needs root: it makes namespaces and mounts')
  const { config, destroy } = asked
  if (destroy) {
    await destroyEngine(config)
    return
  }
  isolate()
  await using engine = await openEngine(config)
  const server = await serveApi(config.socket, engine.routes)
  server.on('request', ({ method = '', url = '' }, response) => {
    engine.hasten(method, url)
    busy()
    response.once('close', () => busy())
  })
  if (process.env.BERTH_GROUP) await chown(config.socket, 0, Number(process.env.BERTH_GROUP))
  console.log(`engine "${config.name}" serves ${config.socket}`)
  busy() // its start has left something, too
  await new Promise<void>((done) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => done())
  })
  server.close()
  server.closeAllConnections()
}

main().then(
  () => leave(0),
  (error: unknown) => {
    process.stderr.write(` ▸    ${error instanceof EngineError ? messageOf(error) : String((error as Error).stack)}\n`)
    leave(1)
  },
)
