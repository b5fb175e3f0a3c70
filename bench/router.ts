/**
 * What the router costs: the same app asked directly, through plain http-proxy and through the router, each in a process
 * of its own, interleaved. Closed loop over kept-alive connections. `npm run bench:router [-- [seconds] [connections]]`.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { connect, createServer as createNetServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import '../src/router/extend.js'
import httpProxy from 'http-proxy'
import { RouteCache } from '../src/router/route-cache.js'
import { quantile, table } from './figures.js'
import { typescript } from '../test/run.js'

const end = '~the end~'
const body = `${'hello '.repeat(150)}${end}`

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

const children: ChildProcess[] = []
function start(script: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): void {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const options = { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'inherit'] as const }
  children.push(spawn(process.execPath, [typescript, path, ...args], { ...options, stdio: [...options.stdio] }))
}

/** Asks one request after the other until `until`; a server that closes after each answer costs a connection each. */
function ask(port: number, until: number, latencies: number[]): Promise<void> {
  return new Promise((resolve, reject) => {
    let began = performance.now()
    const open = () => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true })
      let tail = ''
      const next = () => {
        tail = ''
        began = performance.now()
        if (began >= until) socket.end()
        else socket.write('GET / HTTP/1.1\r\nhost: blog.localhost\r\n\r\n')
      }
      socket.on('connect', next).on('error', reject)
      socket.on('close', () => (performance.now() >= until ? resolve() : open()))
      socket.setEncoding('latin1').on('data', (chunk: string) => {
        tail = (tail + chunk).slice(-end.length)
        if (tail !== end) return
        latencies.push(performance.now() - began)
        next()
      })
    }
    open()
  })
}

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

async function measure(): Promise<void> {
  const seconds = Number(process.argv[2] ?? 3)
  const connections = Number(process.argv[3] ?? 32)
  const root = await mkdtemp(join(tmpdir(), 'berth-bench-'))
  const ports = { direct: await freePort(), 'plain http-proxy': await freePort(), router: await freePort() }
  const appPort = String(ports.direct)
  const target = { id: 'c1', process: 'web.1', host: '127.0.0.1', port: ports.direct }
  try {
    await new RouteCache(root).save(() => [
      { app: 'a1', name: 'blog', hosts: ['blog.localhost'], targets: [target], version: 1 },
    ])
    start('router.ts', ['app', appPort, appPort])
    start('router.ts', ['plain', String(ports['plain http-proxy']), appPort])
    start('../src/router/main.ts', [], {
      BERTH_ROOT: root,
      BERTH_RUN: join(root, 'run'),
      BERTH_HTTP_PORT: String(ports.router),
      LISTEN_FDS: '',
    })
    const seen = new Map<string, { latencies: number[]; seconds: number }>()
    for (let round = 0; round < 4; round++)
      for (const [name, port] of Object.entries(ports)) {
        await untilUp(port)
        const latencies: number[] = []
        const began = performance.now()
        const until = began + (seconds * 1000) / 3
        await Promise.all(Array.from({ length: connections }, () => ask(port, until, latencies)))
        if (round === 0) continue // to warm up
        const so = seen.get(name) ?? { latencies: [], seconds: 0 }
        so.latencies.push(...latencies)
        so.seconds += (performance.now() - began) / 1000
        seen.set(name, so)
      }
    console.log(`${connections} connections, ${body.length} bytes, ${seconds} s each`)
    console.log(
      table([
        ['', 'requests/s', 'p50 ms', 'p99 ms', 'max ms'],
        ...[...seen].map(([name, one]) => [
          name,
          Math.round(one.latencies.length / one.seconds).toString(),
          ...[0.5, 0.99, 1].map((q) => quantile(one.latencies, q)),
        ]),
      ]),
    )
  } finally {
    for (const child of children) child.kill('SIGKILL')
    await rm(root, { recursive: true })
  }
}

const [role, port, appPort] = process.argv.slice(2)
const play = roles[role ?? '']
if (play) play(Number(port), Number(appPort))
else await measure()
