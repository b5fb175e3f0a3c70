import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { request as requestHttp, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { request as requestHttps } from 'node:https'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { loadConfig, type Config } from '../../src/config.js'
import { defaultLimits } from '../../src/scheduler/limits.js'
import { Traffic } from '../../src/scheduler/traffic.js'
import { Child, type ChildSpec } from '../../src/serve/child.js'
import { planeName, planeProgram } from '../../src/serve/plane.js'
import { specs } from '../../src/serve/processes.js'
import { openDatagrams, openListener, openUnixListener } from '../../src/serve/socket.js'
import type { Route, Target } from '../../src/store/routes.js'
import { openStore, type Store } from '../../src/store/store.js'
import { freePort } from '../free.js'
import { startRedis, type RedisChild } from '../redis.js'
import { typescript } from '../run.js'
import type { Reply } from './parts.js'

/** A router as Berth runs it, on ports of its own, over a real Redis: what the scheduler and clients see of it. */
export interface RouterUnderTest extends AsyncDisposable {
  readonly config: Config
  readonly store: Store
  readonly redis: RedisChild
  /** The scheduler's side of it. */
  readonly traffic: Traffic
  readonly port: number
  readonly securePort: number
  /** Kills the process that listens to the world, which is started again; or the router itself, which may be another. */
  kill(which: 'listening' | 'router'): Promise<void>
  /** Of a process that runs: `router` or `plane`. */
  pid(name: string): number
  /** Makes the next route of an app, and waits until it is applied. */
  route(name: string, targets: readonly Target[], more?: Partial<Omit<Route, 'app' | 'version'>>): Promise<number>
  /** Takes an app away. */
  forget(name: string): Promise<void>
}

const main = fileURLToPath(new URL('../../src/router/main.ts', import.meta.url))

/** The process's arguments, of the code as it lies here. */
const fromSource = (spec: ChildSpec): ChildSpec =>
  spec.name === 'router' ? { ...spec, args: [typescript, main] } : spec

/** Starts a router with this data plane, or none (`node`); what is built, or the code as it lies here. */
export async function startRouter(
  plane: string,
  code: 'built' | 'source' = 'source',
  settings: Readonly<Record<string, string>> = {},
): Promise<RouterUnderTest> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-plane-'))
  const [port, securePort] = [await freePort(), await freePort()]
  const config = loadConfig({
    ...{ BERTH_ROOT: join(dir, 'root'), BERTH_RUN: join(dir, 'run'), BERTH_DOMAIN: 'test', BERTH_ROUTER: plane },
    ...{ BERTH_HTTP_PORT: String(port), BERTH_HTTPS_PORT: String(securePort), ...settings },
  })
  const user = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  for (const folder of [join(config.root, 'log'), join(config.run, 'router'), join(config.run, 'api')])
    await mkdir(folder, { recursive: true })
  const redis = await startRedis(config)
  const store = await openStore(config)
  const traffic = await Traffic.open(store, (name) => config.appHost(name), defaultLimits)
  const program = await planeProgram(config)
  const held = {
    http3: config.http3 && program?.http3 === true ? openDatagrams(securePort) : undefined,
    ...{ router: openListener(port), https: openListener(securePort) },
    ...{ front: openUnixListener(config.frontSocket, user), api: openUnixListener(config.apiSocket, user) },
  }
  const pids = new Map<string, number>()
  const gitGroup = { directories: [], admit: () => undefined }
  const children = specs(config, user, held, { gitGroup, plane: program })
    .filter(({ name }) => name === 'router' || name === planeName)
    .map(
      (spec) =>
        new Child(code === 'built' ? spec : fromSource(spec), { started: (pid) => void pids.set(spec.name, pid) }),
    )
  const [first, second] = children
  first?.start()
  second?.start(first?.ready)
  await Promise.all(children.map((child) => child.ready))
  const appOf = (name: string): string => `id-${name}`
  return {
    ...{ config, store, redis, traffic, port, securePort },
    pid: (name) => pids.get(name) ?? 0,
    kill: async (which) => {
      const name = which === 'router' || plane === 'node' ? 'router' : planeName
      const pid = pids.get(name) ?? 0
      process.kill(pid, 'SIGKILL')
      while (pids.get(name) === pid) await new Promise((resolve) => setTimeout(resolve, 5))
    },
    route: async (name, targets, more = {}) => {
      const app = appOf(name)
      await store.redis.multi().hset('apps:names', name, app).hset('apps', app, '{}').exec()
      const next = { name, hosts: [`${name}.test`], targets, ...more }
      const version = await store.routes.change(app, () => Promise.resolve(next))
      await traffic.whenApplied(app, version, AbortSignal.timeout(10_000))
      return version
    },
    forget: (name) => traffic.forget(appOf(name)),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(children.map((child) => child.stop(5000)))
      await traffic[Symbol.asyncDispose]()
      store.redis.disconnect()
      await redis[Symbol.asyncDispose]()
      for (const one of Object.values(held)) one?.[Symbol.dispose]()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** What a request says beside its host. */
export interface AskOptions {
  readonly method?: string
  readonly path?: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string | Buffer | Readable
  /** Over TLS, HTTP/1. */
  readonly secure?: boolean
}

/** Asks over a connection of its own. */
export async function begin(front: RouterUnderTest, host: string, options: AskOptions = {}): Promise<IncomingMessage> {
  const { body, secure, headers, ...rest } = options
  const given = { host: '127.0.0.1', agent: false as const, ...rest, headers: { host, ...headers } }
  const outgoing = secure
    ? requestHttps({ ...given, port: front.securePort, servername: host, rejectUnauthorized: false })
    : requestHttp({ ...given, port: front.port })
  if (body !== undefined && typeof body !== 'string' && !Buffer.isBuffer(body)) body.pipe(outgoing)
  else outgoing.end(body)
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
  return answer
}

export async function ask(front: RouterUnderTest, host: string, options: AskOptions = {}): Promise<Reply> {
  const answer = await begin(front, host, options)
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: await text(answer) }
}

/** Sends bytes as they are, and answers with all that comes until the connection is closed or these words have come. */
export async function talk(front: RouterUnderTest, bytes: string, until?: RegExp): Promise<string> {
  const socket = connect(front.port, '127.0.0.1').setEncoding('latin1')
  socket.on('error', () => undefined).write(bytes, 'latin1')
  let said = ''
  socket.on('data', (more: string) => {
    said += more
    if (until?.test(said)) socket.destroy()
  })
  await once(socket, 'close')
  return said
}

/** A WebSocket of an app that sends back what it is sent. */
export async function tunnel(front: RouterUnderTest, host: string) {
  const socket: Socket = connect(front.port, '127.0.0.1').setEncoding('latin1')
  let said = ''
  socket.on('error', () => undefined).on('data', (more: string) => (said += more))
  const heard = async (words: string): Promise<void> => {
    while (!said.includes(words)) {
      if (socket.destroyed) throw new Error(`the WebSocket ended without "${words}": ${said}`)
      await Promise.race([once(socket, 'data'), once(socket, 'close')])
    }
  }
  socket.write(
    `GET /socket HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${Buffer.alloc(16, 'k').toString('base64')}\r\n\r\n`,
  )
  await heard('\r\n\r\n')
  return {
    socket,
    status: said.slice(9, 12),
    echo: async (words: string) => {
      socket.write(words)
      await heard(words)
    },
  }
}

/** As long as a test waits for the scheduler's side. */
export const noon = (): AbortSignal => AbortSignal.timeout(20_000)

/** Resolves when it holds, by asking again. */
export async function eventually(holds: () => Promise<boolean>): Promise<void> {
  const late = Date.now() + 15_000
  while (!(await holds())) {
    if (Date.now() > late) throw new Error(`never came: ${holds.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
