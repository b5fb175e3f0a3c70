import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import {
  createServer,
  Server as HttpServer,
  request,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestListener,
  type RequestOptions,
} from 'node:http'
import { connect, createServer as createNetServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Challenges } from '../../src/router/challenge.js'
import type { Hold } from '../../src/router/exchange.js'
import type { FrontListener } from '../../src/router/origins.js'
import type { SsoDeps } from '../../src/router/rules/sso.js'
import type { Secrets } from '../../src/router/secure.js'
import type { Assets } from '../../src/router/rules/assets.js'
import { createFront } from '../../src/router/server.js'
import { Table } from '../../src/router/table.js'
import type { Applied, Target } from '../../src/store/routes.js'
import { createLog } from '../../src/log.js'

/** Told by every server of HTTP/1 in this process. */
const requestStart = 'http.server.request.start'

export const silent = createLog('test', { level: 'silent' })

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port

async function listening<S extends Server>(server: S): Promise<S> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

/** A process of an app: a real server on a port of its own. */
export interface App extends AsyncDisposable {
  readonly port: number
  readonly server: Server
  readonly sockets: ReadonlySet<Socket>
  target(id?: string): Target
}

function appOf(server: Server): App {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket))
  })
  const port = portOf(server)
  return {
    port,
    server,
    sockets,
    target: (id = `c${port}`) => ({ id, process: 'web.1', host: '127.0.0.1', port }),
    [Symbol.asyncDispose]: async () => {
      const closed = server.listening ? once(server, 'close') : undefined
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

export const app = async (handler: RequestListener): Promise<App> => appOf(await listening(createServer(handler)))

/** One that says this to every request. */
export const saying = (words: string): Promise<App> => app((_request, response) => response.end(words))

/** A process that speaks HTTP badly: it is handed the bare socket. */
export const rawApp = async (handler: (socket: Socket) => void): Promise<App> =>
  appOf(await listening(createNetServer(handler)))

export interface TestRouter extends AsyncDisposable {
  readonly table: Table
  readonly server: Server
  readonly port: number
  /** Of each listener. */
  readonly ports: readonly number[]
  /** Calls when a request of HTTP/1 has been parsed, before anybody acts on it. */
  onRequest(listener: () => void): void
  readonly drained: { applied: Applied; target: string }[]
  /** Points `<name>.test` at these; each call is a newer version. */
  route(name: string, ...targets: Target[]): void
  send(host: string, options?: RequestOptions & { body?: string }): Promise<Reply>
  /** Sends bytes as they are and answers with all that came back until the router closed, or `until` was seen. */
  raw(bytes: string, until?: RegExp): Promise<string>
  close(ms: number): Promise<void>
  leave(ms: number): Promise<void>
}

export interface RouterOptions {
  firstByte?: number
  apiSocket?: string
  trustedProxies?: readonly string[]
  clientConnections?: number
  listeners?: readonly FrontListener[]
  secrets?: Secrets
  headTime?: number
  hold?: (host: string) => Hold | undefined
  challenges?: Challenges
  httpsPort?: number
  /** Is told of hostnames that no app has. */
  unknown?: (host: string) => void
  /** Finds the pages that apps have of their own. */
  page?: (digest: string) => string | undefined
  /** What gates with a sign-in need. */
  sso?: SsoDeps
  /** Keeps the files of apps. */
  assets?: Assets
}

export async function router(options: RouterOptions = {}): Promise<TestRouter> {
  const drained: TestRouter['drained'] = []
  const table = new Table((applied, target) => drained.push({ applied, target }), {
    pages: options.page ?? (() => undefined),
    ...(options.assets && { assets: options.assets }),
    ...(options.sso && { sso: options.sso }),
  })
  const api = { host: 'berth.test', endpoint: { socketPath: options.apiSocket ?? '/nonexistent/api.sock' } }
  const listeners = options.listeners ?? [{ scheme: 'http', port: 8080 }]
  const { servers, close, leave } = createFront({ table, log: silent, ...options, listeners, api })
  const [server] = await Promise.all(servers.map(listening))
  if (!server) throw new Error('a router has a way in')
  const port = portOf(server)
  const heards: ((message: unknown) => void)[] = []
  let version = 0
  return {
    table,
    server,
    port,
    ports: servers.map(portOf),
    drained,
    onRequest: (listener) => {
      const heard = (message: unknown): void => {
        if ((message as { request: IncomingMessage }).request.socket.localPort === port) listener()
      }
      subscribe(requestStart, heard)
      heards.push(heard)
    },
    route: (name, ...targets) =>
      void table.apply({ app: `id-${name}`, name, hosts: [`${name}.test`], targets, version: ++version }),
    send: async (host, { body, headers, ...rest } = {}) => {
      const outgoing = request({
        host: '127.0.0.1',
        port,
        agent: false,
        ...rest,
        headers: { host, ...(headers as OutgoingHttpHeaders | undefined) },
      })
      const [answer] = (await once(outgoing.end(body), 'response')) as [IncomingMessage]
      return { status: answer.statusCode ?? 0, headers: answer.headers, body: await text(answer) }
    },
    raw: async (bytes, until) => {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => undefined).write(bytes)
      let received = ''
      socket.setEncoding('latin1').on('data', (chunk: string) => {
        received += chunk
        if (until?.test(received)) socket.destroy()
      })
      await new Promise((resolve) => socket.once('close', resolve))
      return received
    },
    close,
    leave,
    [Symbol.asyncDispose]: async () => {
      for (const heard of heards) unsubscribe(requestStart, heard)
      const closed = close(0)
      for (const one of servers) if (one instanceof HttpServer) one.closeAllConnections()
      await closed
    },
  }
}

/** Resolves when `condition` holds, rejects when it does not within 15 s, on a machine that is busy with others. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 15_000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`never came: ${condition.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}
