import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer as createNetServer, type AddressInfo } from 'node:net'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadConfig } from '../src/config.js'
import { KeptList } from '../src/router/kept-list.js'
import { RouteCache } from '../src/router/route-cache.js'
import { selfSigned } from '../src/router/self-signed.js'
import { planeProgram } from '../src/serve/plane.js'
import { openListener } from '../src/serve/socket.js'
import type { Certificate } from '../src/store/certificates.js'
import type { Route } from '../src/store/routes.js'
import { memoryField, parents, readProc } from './processes.js'
import { makeRival } from './rivals.js'

/** What the app behind all of them answers. */
export const answer = 'hello '.repeat(150)

/** How busy the machine is, for who reads the figures. */
export const loadAverage = (): string => `load ${(loadavg()[0] ?? 0).toFixed(1)}`

/** Something that stands before the app. */
export interface Proxy {
  readonly name: string
  readonly port: number
  /** Undefined where it speaks no TLS. */
  readonly securePort: number | undefined
  /** Its processes. */
  readonly pids: () => readonly number[]
}

/** Proxies in front of one app. */
export interface ProxyStage extends AsyncDisposable {
  readonly proxies: readonly Proxy[]
}

/** What the routers of Berth have beside the app at blog.localhost. */
export interface StageOptions {
  readonly routes?: readonly Route[]
  readonly certificates?: readonly Certificate[]
  /** Names of the proxies; default all that there are. */
  readonly only?: readonly string[]
}

export async function freePort(): Promise<number> {
  const server = createNetServer().listen(0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Processor time that processes have taken, ms (proc_pid_stat(5), a tick is 10 ms). */
export const processorTime = (pids: readonly number[]): number =>
  pids
    .map((pid) =>
      readProc(`${pid}/stat`)
        .replace(/^.*\) /, '')
        .split(' '),
    )
    .reduce((sum, fields) => sum + (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * 10, 0)

/** KiB that they take (PSS). */
export const memoryOf = (pids: readonly number[]): number => pids.reduce((sum, pid) => sum + memoryField(pid, 'Pss'), 0)

/** What bin/berth and the Procfile say to Node.js. */
const asInstalled = ['--v8-pool-size=1', '--max-semi-space-size=4']
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** A process and those that it has started. */
const family = (pid: number): number[] => [pid, ...[...parents()].flatMap(([child, of]) => (of === pid ? [child] : []))]

/** Resolves when somebody listens. */
async function untilUp(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1')
    const up = await new Promise<boolean>((resolve) =>
      socket.on('connect', () => resolve(true)).on('error', () => resolve(false)),
    )
    socket.destroy()
    if (up) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

class Stage implements ProxyStage {
  readonly proxies: Proxy[] = []
  readonly #children: ChildProcess[] = []
  readonly #root: string

  constructor(root: string) {
    this.#root = root
  }

  start(
    command: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
    sockets: readonly number[] = [],
  ): number {
    const child = spawn(command, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'ignore', ...sockets],
    })
    this.#children.push(child)
    return child.pid ?? 0
  }

  node(...args: string[]): number {
    return this.start(process.execPath, [...process.execArgv, here('proxied-app.ts'), ...args])
  }

  /** The router by itself, or with a data plane before it. */
  async berth(
    plane: string,
    { routes, certificates }: Required<Pick<StageOptions, 'routes' | 'certificates'>>,
  ): Promise<Proxy> {
    const root = join(this.#root, plane)
    const [port, securePort] = [await freePort(), await freePort()]
    const env = {
      ...{ BERTH_ROOT: root, BERTH_RUN: join(root, 'run'), BERTH_DOMAIN: 'bench.test', BERTH_ROUTER: plane },
      ...{ BERTH_HTTP_PORT: String(port), BERTH_HTTPS_PORT: String(securePort), BERTH_CLIENT_CONNECTIONS: '100000' },
    }
    await new RouteCache(root).save(() => routes)
    await new KeptList<Certificate>(
      join(root, 'router', 'certificates.json'),
      (one): one is Certificate => one !== null,
    ).save(() => certificates)
    const args = [...asInstalled, here('../dist/router/main.js')]
    const config = loadConfig(env)
    const router = this.start(process.execPath, args, { ...env, LISTEN_FDS: '' })
    const program = await planeProgram(config)
    if (!program) return { name: 'router', port, securePort, pids: () => [router] }
    const sockets = [openListener(port), openListener(securePort)]
    while (readProc(`${router}/status`) !== '' && !(await isThere(config.frontSocket)))
      await new Promise((resolve) => setTimeout(resolve, 50))
    const fds = sockets.map(({ fd }) => fd)
    const master = this.start(program.command, program.args, {}, fds)
    for (const socket of sockets) socket[Symbol.dispose]()
    return { name: `router, ${plane}`, port, securePort, pids: () => [router, ...family(master)] }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const living = this.#children.filter((child) => child.exitCode === null && child.signalCode === null)
    const ends = living.map((child) => once(child, 'exit'))
    for (const child of living) child.kill('SIGKILL')
    await Promise.all(ends)
    await rm(this.#root, { recursive: true })
  }
}

const isThere = (socket: string): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = connect(socket, () => resolve(true)).on('error', () => resolve(false))
    probe.once('connect', () => probe.destroy())
  })

/** Starts an app, and before it the router, the router with HAProxy, and the rivals that are installed. */
export async function startProxies(options: StageOptions = {}): Promise<ProxyStage> {
  const root = await mkdtemp(join(tmpdir(), 'berth-bench-'))
  await chmod(root, 0o755)
  const stage = new Stage(root)
  const wants = (name: string): boolean => options.only?.includes(name) ?? true
  const appPort = await freePort()
  const app = stage.node('app', String(appPort))
  const { chain, key } = selfSigned('blog.localhost')
  const files = { chain: join(root, 'chain.pem'), key: join(root, 'key.pem'), pair: join(root, 'pair.pem') }
  await writeFile(files.chain, chain)
  await writeFile(files.key, key)
  await writeFile(files.pair, chain + key)
  if (wants('the app alone'))
    stage.proxies.push({ name: 'the app alone', port: appPort, securePort: undefined, pids: () => [app] })
  const target = { id: 'c1', process: 'web.1', host: '127.0.0.1', port: appPort }
  const routes = [
    { app: 'a1', name: 'blog', hosts: ['blog.localhost'], targets: [target], version: 1 },
    ...(options.routes ?? []).map((route) => ({ ...route, targets: [{ ...target, id: `c-${route.app}` }] })),
  ]
  const mine = {
    id: 'm1',
    names: ['blog.localhost'],
    chain,
    key,
    notBefore: 0,
    notAfter: Date.now() + 1e10,
    source: 'own',
  }
  const certificates = [{ ...mine, app: 'a1' } as const, ...(options.certificates ?? [])] as Certificate[]
  if (wants('router')) stage.proxies.push(await stage.berth('node', { routes, certificates }))
  if (wants('router, haproxy')) stage.proxies.push(await stage.berth('haproxy', { routes, certificates }))
  if (wants('plain http-proxy')) {
    const port = await freePort()
    const pid = stage.node('plain', String(port), String(appPort))
    stage.proxies.push({ name: 'plain http-proxy', port, securePort: undefined, pids: () => [pid] })
  }
  for (const name of ['caddy', 'nginx', 'haproxy'] as const) {
    const place = { dir: root, port: await freePort(), appPort, securePort: await freePort(), ...files }
    const rival = wants(name) ? await makeRival(name, place) : undefined
    if (!rival) continue
    const pid = stage.start(rival.command, rival.args, { HOME: root })
    stage.proxies.push({ name, port: place.port, securePort: place.securePort, pids: () => family(pid) })
  }
  for (const { port, securePort } of stage.proxies) await Promise.all([port, securePort ?? port].map(untilUp))
  return stage
}
