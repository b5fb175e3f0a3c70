/**
 * What the router costs, beside Debian's proxies and a bare http-proxy in front of the same app in the same run: requests a
 * second, latency, and processor time a request of the proxy alone. wrk is the load, a closed loop over kept connections.
 * `npm run bench:router [-- [seconds] [connections] [rounds]]`; needs wrk, and of nginx, haproxy and caddy what is
 * there.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { connect, createServer as createNetServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import '../src/router/extend.js'
import httpProxy from 'http-proxy'
import { RouteCache } from '../src/router/route-cache.js'
import { median, table } from './figures.js'
import { readProc } from './processes.js'
import { makeRival } from './rivals.js'

const body = 'hello '.repeat(150)

/** The other processes of this bench, told apart by their first argument. */
const roles: Record<string, (port: number, appPort: number) => void> = {
  app: (port) => createServer((_req, res) => res.end(body)).listen(port, '127.0.0.1'),
  plain: (port, appPort) => void httpProxy.createProxyServer({ target: `http://127.0.0.1:${appPort}` }).listen(port),
}

async function freePort(): Promise<number> {
  const server = createNetServer().listen(0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** What bin/berth and the Procfile say to Node.js. */
const asInstalled = ['--v8-pool-size=1', '--max-semi-space-size=4']

const children: ChildProcess[] = []
function start(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): number {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'ignore'] })
  children.push(child)
  return child.pid ?? 0
}
const startNode = (script: string, args: readonly string[], env?: NodeJS.ProcessEnv): number =>
  start(process.execPath, [...process.execArgv, fileURLToPath(new URL(script, import.meta.url)), ...args], env)

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

/** Processor time a process has taken, ms (proc_pid_stat(5), a tick is 10 ms). */
function processorTime(pid: number): number {
  const fields = readProc(`${pid}/stat`)
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

interface Figures {
  readonly perSecond: number
  readonly micros: number
  readonly p50: number
  readonly p99: number
}

const inMs = (text: string, unit: string): number => Number(text) * ({ us: 0.001, ms: 1, s: 1000 }[unit] ?? NaN)

/** One round of load. */
async function load(port: number, pid: number, { seconds, connections }: Settings): Promise<Figures> {
  const before = processorTime(pid)
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '-H', 'Host: blog.localhost']
  const { stdout } = await promisify(execFile)('wrk', [...args, `http://127.0.0.1:${port}/`])
  const spent = processorTime(pid) - before
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1])
  const quantileOf = (q: string) => {
    const [, value = '', unit = ''] = new RegExp(`${q}%\\s+([\\d.]+)(us|ms|s)`).exec(stdout) ?? []
    return inMs(value, unit)
  }
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`port ${port}: ${stdout}`)
  return {
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]),
    micros: (spent * 1000) / requests,
    p50: quantileOf('50'),
    p99: quantileOf('99'),
  }
}

interface Settings {
  readonly seconds: number
  readonly connections: number
  readonly rounds: number
}

async function startAll(root: string): Promise<Map<string, { port: number; pid: number }>> {
  const appPort = await freePort()
  const seen = new Map([
    ['the app alone', { port: appPort, pid: startNode('router.ts', ['app', String(appPort), '0']) }],
  ])
  const target = { id: 'c1', process: 'web.1', host: '127.0.0.1', port: appPort }
  await new RouteCache(root).save(() => [
    { app: 'a1', name: 'blog', hosts: ['blog.localhost'], targets: [target], version: 1 },
  ])
  const port = await freePort()
  const env = { BERTH_ROOT: root, BERTH_RUN: join(root, 'run'), BERTH_HTTP_PORT: String(port), LISTEN_FDS: '' }
  const script = fileURLToPath(new URL('../dist/router/main.js', import.meta.url))
  seen.set('router', { port, pid: start(process.execPath, [...asInstalled, script], env) })
  const plain = await freePort()
  seen.set('plain http-proxy', { port: plain, pid: startNode('router.ts', ['plain', String(plain), String(appPort)]) })
  for (const name of ['caddy', 'nginx', 'haproxy'] as const) {
    const place = { dir: root, port: await freePort(), appPort }
    const rival = await makeRival(name, place)
    if (rival) seen.set(name, { port: place.port, pid: start(rival.command, rival.args, { HOME: root }) })
  }
  return seen
}

async function measure(settings: Settings): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'berth-bench-'))
  try {
    const proxies = await startAll(root)
    for (const { port } of proxies.values()) await untilUp(port)
    const figures = new Map<string, Figures[]>([...proxies.keys()].map((name) => [name, []]))
    for (let round = 0; round <= settings.rounds; round++)
      for (const [name, { port, pid }] of proxies) {
        const one = await load(port, pid, settings)
        if (round > 0) figures.get(name)?.push(one) // the first is to warm up
      }
    const { seconds, connections, rounds } = settings
    console.log(`${connections} connections, ${body.length} bytes, medians of ${rounds} x ${seconds} s`)
    const of = (all: readonly Figures[], key: keyof Figures) => median(all.map((one) => one[key]))
    console.log(
      table([
        ['', 'requests/s', 'µs/request', 'p50 ms', 'p99 ms'],
        ...[...figures].map(([name, all]) => [
          name,
          Math.round(of(all, 'perSecond')).toString(),
          Math.round(of(all, 'micros')).toString(),
          of(all, 'p50'),
          of(all, 'p99'),
        ]),
      ]),
    )
  } finally {
    for (const child of children) child.kill('SIGKILL')
    await Promise.all(children.filter((child) => child.exitCode === null).map((child) => once(child, 'exit')))
    await rm(root, { recursive: true })
  }
}

const [role = '', port, appPort] = process.argv.slice(2)
const play = roles[role]
if (play) play(Number(port), Number(appPort))
else {
  const [seconds = 3, connections = 64, rounds = 5] = process.argv.slice(2).map(Number)
  await measure({ seconds, connections, rounds })
}
