import type { IncomingMessage, Server } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import type { Server as NetServer, Socket } from 'node:net'
import { messageOf } from '../errors.js'
import { hasBody, type BodyFraming } from '../framing.js'
import { createStrictServer, type AdmittedRequest, type Refusal } from '../http-server.js'
import { RateLimit } from '../lib/rate.js'
import type { Logger } from '../log.js'
import { passBody } from './body.js'
import { answerChallenge, tokenIn, type Challenges } from './challenge.js'
import { Clients } from './clients.js'
import { connectionsOfAKind } from './descriptors.js'
import { closing, listenerOf, type Ends, type Entrance } from './entrances.js'
import type { Call, RequestBody } from './exchange.js'
import { Forwarder } from './forward.js'
import { clientOf } from './headers.js'
import { normaliseHost, requestAddress } from './host.js'
import { introductionOf, listenInFront } from './introductions.js'
import {
  Origins,
  type Directed,
  type FrontListener,
  type OriginsDeps,
  type Undirected,
  type WayTaken,
} from './origins.js'
import { sendRedirect } from './redirect.js'
import { sendPage, sendRawPage, type ErrorKind } from './pages.js'
import { PlainListener } from './plain.js'
import { TrustedProxies } from './proxies.js'
import { Http1Reply } from './reply.js'
import { SecureListener, type Secrets } from './secure.js'
import { bodyOfStream, StreamReply } from './stream-reply.js'
import { readStreamRequest, type StreamRequest } from './stream-request.js'
import type { Table } from './table.js'
import { Tunnels } from './tunnel.js'

/** What a router serves. */
export interface RouterDeps extends OriginsDeps {
  readonly log: Logger
  /** Where clients come in: a server is made for each. */
  readonly listeners: readonly FrontListener[]
  /** For listeners of https. */
  readonly secrets?: Secrets
  /** What CAs are answered that ask whether a hostname leads here; default nothing. */
  readonly challenges?: Challenges
  /** Is told of hostnames that no app has; default nobody is. */
  readonly unknown?: (host: string) => void
  /** Networks of the proxies in front that are believed; default none. */
  readonly trustedProxies?: readonly string[]
  /** Connections that one client address may have; default 1,000. */
  readonly clientConnections?: number
  /** ms a client has for the head of a request; default 15 s. */
  readonly headTime?: number
}

/** The router's HTTP front: addresses, limits, and who gets which request. */
export interface Front extends Ends {
  /** One for each listener, in their order. */
  readonly servers: readonly NetServer[]
  /** Who holds how many connections, those to ports of apps too. */
  readonly clients: Clients
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
  const origins = new Origins({ ...deps, namesFor: (name) => deps.secrets?.certificates.namesFor(name) }, proxies)
  const reception = new Reception(deps, { origins, proxies, clients, tunnels })
  const entrances = deps.listeners.map((listener) => reception.entranceFor(listener))
  return { servers: entrances.map(listenerOf), clients, ...closing(entrances, clients, tunnels) }
}

interface ReceptionDeps {
  readonly origins: Origins
  readonly proxies: TrustedProxies
  readonly clients: Clients
  readonly tunnels: Tunnels
}

/** Takes in what clients send: to an app or the API, or with a page that says why not. */
class Reception {
  readonly #log: Logger
  readonly #deps: ReceptionDeps
  readonly #table: Table
  readonly #secrets: Secrets | undefined
  readonly #headTime: number
  readonly #challenges: Challenges | undefined
  readonly #unknownHost: (host: string) => void
  readonly #forwarder = new Forwarder()
  /** A balancer that is set up wrong is wrong at every connection. */
  readonly #warnings = new RateLimit(1, 1 / 60, () => performance.now())

  constructor({ log, table, secrets, headTime, challenges, unknown, api }: RouterDeps, deps: ReceptionDeps) {
    this.#unknownHost = (host) => {
      if (host !== api.host && table.ownerOf(host) === null) unknown?.(host)
    }
    this.#table = table
    this.#log = log
    this.#challenges = challenges
    this.#headTime = headTime ?? 15_000
    this.#secrets = secrets
    this.#deps = deps
  }

  entranceFor(listener: FrontListener): Entrance {
    const entrance = this.#plainEntrance(listener)
    const { introduced } = listener
    if (introduced === undefined) return entrance
    const isIntroduced = (socket: Socket): boolean =>
      introduced === 'all' || this.#deps.proxies.has(clientOf({ socket }))
    const refused = (_: Socket, why: string): void => {
      if (this.#warnings.take(why))
        this.#log.warn(`a connection of a trusted proxy was closed: its PROXY head is ${why}`)
    }
    return {
      ...entrance,
      front: listenInFront(listenerOf(entrance), { isIntroduced, refused, headTime: this.#headTime }),
    }
  }

  #plainEntrance(listener: FrontListener): Entrance {
    const http1 = this.#serverOf(listener)
    const { clients } = this.#deps
    const stream = (one: ServerHttp2Stream, raw: readonly string[], ended: boolean, socket: Socket) =>
      this.#serveStream(cameBy(listener, socket), one, { read: readStreamRequest(raw, ended), socket })
    const handlers = { http1, clients, stream }
    if (listener.scheme === 'http') {
      const isHttp2Wanted = (): boolean => this.#table.isHttp2Wanted
      return { http1, plain: new PlainListener({ ...handlers, isHttp2Wanted, headTime: this.#headTime }) }
    }
    if (!this.#secrets) throw new TypeError('a listener of https wants certificates')
    return { http1, secure: new SecureListener(this.#secrets, { ...handlers, named: (name) => this.#named(name) }) }
  }

  #named(name: string): void {
    const host = normaliseHost(name)
    if (host !== null) this.#unknownHost(host)
  }

  #serverOf(listener: FrontListener): Server {
    const server = createStrictServer(
      {
        headersTimeout: this.#headTime,
        requestTimeout: 0, // an upload may take hours; one that stalls is let go by the first-byte timer
        connectionsCheckingInterval: this.#headTime / 3,
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
    const { request, response, frame, expectsContinue } = call
    clients.works(request.socket)
    response.once('close', () => clients.rests(request.socket))
    const address = requestAddress(request)
    const { socket } = request
    const asked = { headers: request.headers, address, frame, peer: clientOf(request), socket }
    const directed = origins.direct(cameBy(listener, socket), asked)
    if (this.#log.isLevelEnabled('debug')) record(this.#log, call, directed)
    if (!address) response.shouldKeepAlive = false // what leads to nobody here may have led another reader to somebody
    const body = hasBody(frame) ? bodyOf(request) : undefined
    const { method = '' } = request
    const reply = new Http1Reply(request, response)
    const admit = (): void => this.#admit({ method, body, frame, expectsContinue, reply }, directed)
    const token = 'origin' in directed && !body ? tokenIn(request, address?.path ?? '') : null
    if (token === null || !this.#challenges) admit()
    else void answerChallenge(response, this.#challenges(token).catch(this.#unknown), admit)
  }

  /** Where the store is away, a token may be one that the app has ordered with. */
  readonly #unknown = (error: unknown): null => {
    this.#log.warn(`cannot say whether a challenge is of Berth's: ${messageOf(error)}`)
    return null
  }

  #serveStream(listener: FrontListener, stream: ServerHttp2Stream, { read, socket }: ReadStream): void {
    if (typeof read === 'string') {
      new StreamReply(stream, undefined).page(read, {})
      return
    }
    const { method, address, headers, frame } = read
    const directed = this.#deps.origins.direct(listener, {
      headers,
      address,
      frame,
      peer: clientOf({ socket }),
      socket,
    })
    const reply = new StreamReply(stream, headers.accept)
    const body = hasBody(frame) ? bodyOfStream(stream, frame) : undefined
    this.#admit(
      { method, body, frame, expectsContinue: headers.expect !== undefined && body !== undefined, reply },
      directed,
    )
  }

  #admit({ frame, ...call }: Admitted, directed: Directed | Undirected): void {
    const { id, address } = directed
    const { reply, method } = call
    if (!address) reply.page('bad-request', { id })
    else if (method === 'TRACE') reply.page('no-such-method', { id, host: address.host })
    else if (!('origin' in directed)) {
      this.#unknownHost(address.host)
      reply.page(nowhere(directed), { id, host: address.host })
    } else if (directed.redirect !== undefined) sendRedirect(reply, method, { redirect: directed.redirect, id })
    else this.#forwarder.forward({ ...call, ...directed, chunked: frame.kind === 'chunked' })
  }

  #upgrade(listener: FrontListener, request: IncomingMessage, socket: Socket, head: Buffer): void {
    const { origins, clients, tunnels } = this.#deps
    clients.works(socket)
    const asked = { headers: request.headers, address: requestAddress(request), peer: clientOf(request), socket }
    const directed = origins.direct(cameBy(listener, socket), { ...asked, frame: { kind: 'none' } })
    const { id, address } = directed
    if (address && 'origin' in directed) void tunnels.upgrade({ request, socket, head, ...directed })
    else
      sendRawPage(
        socket,
        address && !('origin' in directed) ? nowhere(directed) : 'bad-request',
        address ? { id, host: address.host } : { id },
        request.headers.accept,
      )
  }
}

const nowhere = ({ misdirected }: Undirected): ErrorKind => (misdirected ? 'misdirected' : 'unknown-host')

/** What a stream says, and the connection that it came over. */
interface ReadStream {
  readonly read: StreamRequest | Refusal
  readonly socket: Socket
}

/** The way in as a proxy that has introduced a connection saw it. */
function cameBy(listener: FrontListener, socket: Socket): WayTaken {
  const { port = listener.port, secure, name } = introductionOf(socket) ?? {}
  // a proxy may have certificates of its own, a plane has ours
  const named = listener.introduced === 'all' && name !== undefined ? { named: name } : {}
  return { scheme: secure === true ? 'https' : listener.scheme, port, ...named }
}

/** A request that has been let in, before it is known where it goes. */
type Admitted = Pick<Call, 'method' | 'body' | 'expectsContinue' | 'reply'> & { readonly frame: BodyFraming }

const bodyOf = (request: IncomingMessage): RequestBody => ({
  get complete() {
    return request.complete
  },
  pass: (into, moved) => {
    passBody(request, into)
    request.on('data', moved)
  },
})

function record(log: Logger, { request, response }: AdmittedRequest, { id, address: to }: Undirected): void {
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
