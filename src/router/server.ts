import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'
import { hasBody, type BodyFraming } from '../framing.js'
import { createStrictServer, type AdmittedRequest } from '../http-server.js'
import type { Logger } from '../log.js'
import { Backend } from './backend.js'
import { answerChallenge, tokenIn, type Challenges } from './challenge.js'
import { Clients } from './clients.js'
import type { BackendAddress } from './connection.js'
import { connectionsOfAKind } from './descriptors.js'
import { passBody } from './body.js'
import type { Hold, Origin, RequestBody } from './exchange.js'
import { Forwarder } from './forward.js'
import { clientOf, requestHeaders, requestIdOf } from './headers.js'
import { requestAddress, normaliseHost, type RequestAddress } from './host.js'
import { sendPage, sendRawPage } from './pages.js'
import { Http1Reply } from './reply.js'
import { TrustedProxies, type Scheme } from './proxies.js'
import { Destination, type Table } from './table.js'
import { Tunnels } from './tunnel.js'

/** A way in, as the world sees it. */
export interface FrontListener {
  readonly scheme: Scheme
  /** For `X-Forwarded-Port`. */
  readonly port: number
}

/** What a router serves. */
export interface RouterDeps {
  readonly table: Table
  readonly log: Logger
  /** The control API, which no app's route can take over. */
  readonly api: { readonly host: string; readonly endpoint: BackendAddress }
  /** Where clients come in: a server is made for each. */
  readonly listeners: readonly FrontListener[]
  /** ms an app has until the first byte of its answer, counted from the last byte of the request; default 30 s. */
  readonly firstByte?: number
  /** What a request to a hostname waits for while none of its processes can be reached; default nothing. */
  readonly hold?: (host: string) => Hold | undefined
  /** What CAs are answered that ask whether a hostname leads here; default nothing. */
  readonly challenges?: Challenges
  /** Networks of the proxies in front that are believed; default none. */
  readonly trustedProxies?: readonly string[]
  /** Connections that one client address may have; default 1,000. */
  readonly clientConnections?: number
}

/** The router's HTTP front: addresses, limits, and who gets which request. */
export interface Front {
  /** One for each listener, in their order. */
  readonly servers: readonly Server[]
  /** Stops accepting, lets requests end for up to `ms`, then cuts them. WebSockets are cut at once. */
  readonly close: (ms: number) => Promise<void>
  /**
   * Leaves the ports to another router: stops accepting, answers what comes over the connections it has and asks each client
   * to come anew, and keeps WebSockets. Idle connections are closed by their time limit alone, never as a request may be on
   * its way. After `ms` all are cut.
   */
  readonly leave: (ms: number) => Promise<void>
}

/** A request whose way is known. */
interface Directed {
  readonly id: string
  readonly address: RequestAddress
  readonly origin: Origin
  /** Who asks, as far as the proxies before us are believed. */
  readonly client: string
  /** To be sent on. */
  readonly headers: readonly string[]
}

/** Makes the servers; the caller lets them listen. */
export function createFront(deps: RouterDeps): Front {
  const proxies = new TrustedProxies(deps.trustedProxies ?? [])
  const clients = new Clients({
    each: deps.clientConnections ?? 1000,
    all: connectionsOfAKind,
    exempt: (address) => proxies.has(address),
  })
  const tunnels = new Tunnels()
  const reception = new Reception(deps, { origins: new Origins(deps, proxies), clients, tunnels })
  const servers = deps.listeners.map((listener) => reception.serverOf(listener))
  return { servers, ...closing(servers, clients, tunnels) }
}

/** Who gets which request. */
class Origins {
  readonly #deps: RouterDeps
  readonly #proxies: TrustedProxies
  readonly #api: Origin

  constructor(deps: RouterDeps, proxies: TrustedProxies) {
    this.#deps = deps
    this.#proxies = proxies
    const destination = new Destination(undefined, [new Backend('api', deps.api.endpoint)])
    this.#api = { find: () => destination, firstByte: 0, away: () => 'api-away' } // a push may build in silence for long
  }

  /** Finds where a request goes, and with which headers; else what its page says. */
  direct(
    { scheme, port }: FrontListener,
    request: IncomingMessage,
    frame: BodyFraming,
  ): Directed | { id: string; address: RequestAddress | null } {
    const id = requestIdOf(request.headers) ?? randomUUID()
    const address = requestAddress(request)
    if (!address) return { id, address }
    const visitor = this.#proxies.visitor(clientOf(request), request.headers, scheme)
    const { authority: asked } = visitor
    // a proxy that puts its own name for us into Host says elsewhere what its client asked for
    const origin =
      this.#originOf(address.host) ?? (asked === undefined ? undefined : this.#originOf(normaliseHost(asked) ?? ''))
    if (!origin) return { id, address }
    const headers = requestHeaders(request.headers, frame, {
      client: visitor.client,
      authority: address.authority,
      ...(asked === undefined ? {} : { asked }),
      port: visitor.port ?? port,
      proto: visitor.proto,
      id,
    })
    return { id, address, origin, client: visitor.client, headers }
  }

  #originOf(host: string): Origin | undefined {
    const { table, api, firstByte = 30_000, hold } = this.#deps
    if (host === api.host) return this.#api
    if (!table.find(host)) return undefined
    return {
      find: () => table.find(host),
      firstByte: table.find(host)?.rules?.firstByte ?? firstByte,
      away: () => table.find(host)?.away ?? 'not-running',
      hold: () => hold?.(host),
    }
  }
}

interface ReceptionDeps {
  readonly origins: Origins
  readonly clients: Clients
  readonly tunnels: Tunnels
}

/** Takes in what clients send: to an app or the API, or with a page that says why not. */
class Reception {
  readonly #log: Logger
  readonly #deps: ReceptionDeps
  readonly #forwarder = new Forwarder()
  readonly #challenges: Challenges | undefined

  constructor({ log, challenges }: Pick<RouterDeps, 'log' | 'challenges'>, deps: ReceptionDeps) {
    this.#log = log
    this.#challenges = challenges
    this.#deps = deps
  }

  serverOf(listener: FrontListener): Server {
    const server = createStrictServer(
      {
        headersTimeout: 15_000,
        requestTimeout: 0, // an upload may take hours; one that stalls is let go by the first-byte timer
        connectionsCheckingInterval: 5_000,
        keepAliveTimeout: 75_000,
      },
      {
        serve: (call) => this.#serve(listener, call),
        upgrade: (request, socket, head) => this.#upgrade(listener, request, socket, head),
        refuse: (request, response, why) => sendPage({ request, response }, why, {}),
        refuseSocket: (socket, why, request) => sendRawPage(socket, why, {}, request?.headers.accept),
      },
    )
    return server.on('connection', (socket: Socket) => {
      if (this.#deps.clients.admit(socket, clientOf({ socket }))) return
      sendRawPage(socket, 'too-many-connections')
      socket.destroySoon()
    })
  }

  #serve(listener: FrontListener, call: AdmittedRequest): void {
    const { origins, clients } = this.#deps
    const { request, response, frame } = call
    clients.works(request.socket)
    response.once('close', () => clients.rests(request.socket))
    const { method = '' } = request
    const directed = origins.direct(listener, request, frame)
    const { id, address } = directed
    if (this.#log.isLevelEnabled('debug')) record(this.#log, call, id, address)
    const subject = { id, ...(address ? { host: address.host } : {}) }
    if (!address) {
      response.shouldKeepAlive = false // what leads to nobody here may have led another reader to somebody
      sendPage(call, 'bad-request', subject)
    } else if (method === 'TRACE') sendPage(call, 'no-such-method', subject)
    else if (!('origin' in directed)) sendPage(call, 'unknown-host', subject)
    else {
      const token = this.#challenges && !hasBody(frame) ? tokenIn(request, address.path) : null
      const forward = () => this.#forward(call, { ...directed, address })
      if (token === null || !this.#challenges) forward()
      else void answerChallenge(response, this.#challenges(token), forward)
    }
  }

  #forward({ request, response, frame, expectsContinue }: AdmittedRequest, directed: Directed): void {
    const { method = '' } = request
    const body = hasBody(frame) ? bodyOf(request) : undefined
    const reply = new Http1Reply(request, response)
    const chunked = frame.kind === 'chunked'
    this.#forwarder.forward({ ...directed, method, body, chunked, expectsContinue, reply })
  }

  #upgrade(listener: FrontListener, request: IncomingMessage, socket: Socket, head: Buffer): void {
    const { origins, clients, tunnels } = this.#deps
    clients.works(socket)
    const directed = origins.direct(listener, request, { kind: 'none' })
    const { id, address } = directed
    if (address && 'origin' in directed) void tunnels.upgrade({ request, socket, head, ...directed })
    else
      sendRawPage(
        socket,
        address ? 'unknown-host' : 'bad-request',
        address ? { id, host: address.host } : { id },
        request.headers.accept,
      )
  }
}

const bodyOf = (request: IncomingMessage): RequestBody => ({
  get complete() {
    return request.complete
  },
  pass: (into, moved) => {
    passBody(request, into)
    request.on('data', moved)
  },
})

/** Has each connection end with its next answer. */
function partAfterAnswers(servers: readonly Server[]): void {
  for (const server of servers)
    for (const event of ['request', 'checkContinue'])
      server.prependListener(event, (_request: IncomingMessage, response: ServerResponse) =>
        response.setHeader('connection', 'close'),
      )
}

/** How servers come to their end: see `Front`. */
function closing(servers: readonly Server[], clients: Clients, tunnels: Tunnels): Pick<Front, 'close' | 'leave'> {
  const closed = Promise.all(servers.map((server) => once(server, 'close')))
  const cutAll = () => {
    for (const server of servers) server.closeAllConnections()
  }
  const closeIdle = () => {
    for (const server of servers) server.closeIdleConnections()
  }
  return {
    leave: async (ms) => {
      for (const server of servers) NetServer.prototype.close.call(server) // http.Server's own closes idle connections too (since Node 19)
      partAfterAnswers(servers)
      const late = setTimeout(() => {
        tunnels.close()
        cutAll()
      }, ms)
      await closed
      clearTimeout(late)
    },
    close: async (ms) => {
      for (const server of servers) if (server.listening) server.close()
      tunnels.close()
      // Opened ahead by a browser and never used, which Node does not count as idle.
      for (const socket of clients.sockets()) if (socket.bytesRead === 0) socket.destroy()
      closeIdle()
      // Connections become idle one by one as their answers end; each is closed then instead of kept alive.
      partAfterAnswers(servers)
      const sweep = setInterval(closeIdle, 100)
      const late = setTimeout(cutAll, ms)
      await closed
      clearInterval(sweep)
      clearTimeout(late)
    },
  }
}

function record(log: Logger, { request, response }: AdmittedRequest, id: string, to: RequestAddress | null): void {
  const began = performance.now()
  const { socket } = request
  const written = socket.bytesWritten
  response.once('close', () => {
    const { method, url } = request
    const ms = Math.round((performance.now() - began) * 10) / 10
    const whole = response.writableFinished
    const bytes = socket.bytesWritten - written
    log.debug({ id, method, host: to?.host, path: to?.path ?? url, status: response.statusCode, ms, bytes, whole })
  })
}
