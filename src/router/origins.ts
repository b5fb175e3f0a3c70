import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { BodyFraming } from '../framing.js'
import { Backend } from './backend.js'
import type { BackendAddress } from './connection.js'
import type { AskedTarget, Hold, Origin } from './exchange.js'
import { requestHeaders, requestIdOf } from './headers.js'
import { normaliseHost, type RequestAddress } from './host.js'
import { isMisdirected, isMisled } from './misdirected.js'
import type { Scheme, TrustedProxies } from './proxies.js'
import { urlAt } from './redirect.js'
import { Destination, type Table } from './table.js'

/** A way in, as the world sees it. */
export interface FrontListener {
  readonly scheme: Scheme
  /** For `X-Forwarded-Port`. */
  readonly port: number
  /** Which connections a proxy introduces (PROXY protocol): those of trusted proxies, or all, as nobody else can come; default none. */
  readonly introduced?: 'trusted' | 'all'
}

/** The way in that a connection came by. */
export interface WayTaken extends FrontListener {
  /** That its client asked the data plane for in a handshake. */
  readonly named?: string
}

/** What requests are directed by. */
export interface OriginsDeps {
  readonly table: Table
  /** The control API, which no app's route can take over. */
  readonly api: { readonly host: string; readonly endpoint: BackendAddress }
  /** ms an app has until the first byte of its answer, counted from the last byte of the request; default 30 s. */
  readonly firstByte?: number
  /** Where HTTPS is; default 443. */
  readonly httpsPort?: number | undefined
  /** Names of the certificate that is shown to who asks for one; default nothing is shown. */
  readonly namesFor?: (servername: string) => readonly string[] | undefined
  /** What a request to a hostname waits for while none of its processes can be reached; default nothing. */
  readonly hold?: (host: string) => Hold | undefined
}

/** What a client asks for. */
export interface Asked {
  readonly headers: IncomingHttpHeaders
  /** Null where it does not say, or says two things. */
  readonly address: RequestAddress | null
  readonly frame: BodyFraming
  /** The address that it comes from. */
  readonly peer: string
  /** The connection that it came over. */
  readonly socket: Socket
}

/** A request that leads nowhere. */
export interface Undirected {
  readonly id: string
  readonly address: RequestAddress | null
  /** Its connection was made for another host. */
  readonly misdirected?: true
}

/** A request whose way is known. */
export interface Directed {
  readonly id: string
  /** As it is sent on. */
  readonly address: RequestAddress
  readonly asked: AskedTarget
  readonly origin: Origin
  /** Who asks, as far as the proxies before us are believed. */
  readonly client: string
  /** To be sent on. */
  readonly headers: readonly string[]
  /** URL that the client is sent on to instead. */
  readonly redirect?: string
}

interface Place {
  readonly origin: Origin
  /** To be sent on. */
  readonly path: string
  /** Taken from it. */
  readonly prefix?: string
  /** That led there. */
  readonly base: string
}

/** Who gets which request. */
export class Origins {
  readonly #deps: OriginsDeps
  readonly #proxies: TrustedProxies
  readonly #api: Origin

  constructor(deps: OriginsDeps, proxies: TrustedProxies) {
    this.#deps = deps
    this.#proxies = proxies
    const destination = new Destination(undefined, [new Backend('api', deps.api.endpoint)])
    this.#api = { find: () => destination, firstByte: 0, away: () => 'api-away' } // a push may build in silence for long
  }

  /** Finds where a request goes, and with which headers; else what its page says. */
  direct({ scheme, port, named: shaken }: WayTaken, asked: Asked): Directed | Undirected {
    const { headers: given, address, frame } = asked
    const id = requestIdOf(given) ?? randomUUID()
    if (!address) return { id, address }
    // a proxy names whom it likes, and sends on what it likes
    const { namesFor = () => undefined } = this.#deps
    const isElsewhere =
      shaken === undefined ? isMisdirected(asked.socket, address.host) : isMisled(shaken, address.host, namesFor)
    if (isElsewhere && !this.#proxies.has(asked.peer)) return { id, address, misdirected: true }
    const visitor = this.#proxies.visitor(asked.peer, given, scheme)
    const { authority } = visitor
    // a proxy that puts its own name for us into Host says elsewhere what its client asked for
    const theirs = authority === undefined ? null : normaliseHost(authority)
    const named = this.#placeOf(address.host, address.path)
    const place = named === undefined && theirs !== null ? this.#placeOf(theirs, address.path) : named
    if (!place) return { id, address: place === null ? null : address }
    const { origin, path, prefix, base } = place
    const headers = requestHeaders(given, frame, {
      client: visitor.client,
      authority: address.authority,
      ...(authority === undefined ? {} : { asked: authority }),
      port: visitor.port ?? port,
      proto: visitor.proto,
      id,
      ...(prefix === undefined ? {} : { prefix }),
    })
    const host = named || theirs === null ? address.host : theirs
    const url = this.#elsewhere(host, visitor.proto, {
      authority: (named ? undefined : authority) ?? address.authority,
      path: address.path,
    })
    const redirect = url === null ? {} : { redirect: url }
    const target = { target: address.path, base }
    return {
      ...{ id, address: { ...address, path }, asked: target, origin },
      ...{ client: visitor.client, headers, ...redirect },
    }
  }

  /** Where a client is sent on to; null: nowhere. */
  #elsewhere(host: string, scheme: Scheme, by: { readonly authority: string; readonly path: string }): string | null {
    const { table, httpsPort = 443 } = this.#deps
    const to = table.redirect(host)
    if (scheme === 'https' || !table.isSecure(host)) return to === undefined ? null : urlAt(to, scheme, by)
    const authority = httpsPort === 443 ? '' : `:${String(httpsPort)}`
    return urlAt(to ?? host, 'https', { authority, path: by.path })
  }

  /** Null where it leads to different apps, as one reads it; undefined where it leads to none. */
  #placeOf(host: string, path: string): Place | null | undefined {
    const { table, api, firstByte = 30_000, hold } = this.#deps
    if (host === api.host) return { origin: this.#api, path, base: '' }
    const way = table.way(host, path)
    if (!way) return way
    const find = (): Destination | undefined => {
      if (way.prefix === undefined) return table.find(host)
      const now = table.way(host, path)
      // what was read by one route is not sent by another
      return now && now.prefix === way.prefix && now.path === way.path ? now.destination : undefined
    }
    const origin: Origin = {
      find,
      firstByte: way.destination.rules?.firstByte ?? firstByte,
      away: () => find()?.away ?? 'not-running',
      hold: () => hold?.(host),
    }
    const { prefix: base = '', isStripped } = way
    return { origin, path: way.path, base, ...(isStripped && base !== '' ? { prefix: base } : {}) }
  }
}
