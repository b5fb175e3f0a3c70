import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'
import { Networks } from '../lib/networks.js'
import { normaliseHost } from './host.js'

/** How a request came in, or came to the first proxy. */
export type Scheme = 'http' | 'https'

/** Who really asked, and for what, as far as the hops before us are to be believed. */
export interface Visitor {
  /** An address, without a port. */
  readonly client: string
  readonly proto: Scheme
  /** The authority asked for, where it differs from `Host`. */
  readonly authority?: string
  /** The port asked for, where it is not ours. */
  readonly port?: number
}

interface Hop {
  readonly from: string | undefined
  readonly proto: string | undefined
  readonly host: string | undefined
}

const list = (value: string | string[] | undefined): string[] =>
  value === undefined
    ? []
    : String(value)
        .split(',')
        .map((item) => item.trim())

/** An address as a header has it, without its port or brackets; undefined when it is none (`unknown`, `_hidden`). */
function addressIn(text: string | undefined): string | undefined {
  const [, six, four] = /^(?:\[([0-9a-f:.]+)\](?::\d+)?|([0-9.]+):\d+)$/i.exec(text ?? '') ?? []
  const address = six ?? four ?? text ?? ''
  return isIP(address) === 0 ? undefined : address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '')
}

/** What each hop said, the nearest last, in `Forwarded` (RFC 7239 §4). */
function forwardedHops(value: string): Hop[] {
  // neither a comma nor a semicolon inside quotes ends anything
  const elements = value.match(/(?:"(?:[^"\\]|\\.)*"|[^,])+/g) ?? []
  return elements.map((element) => {
    const pairs = new Map<string, string>()
    for (const pair of element.match(/(?:"(?:[^"\\]|\\.)*"|[^;])+/g) ?? []) {
      const [, name, quoted, bare] = /^\s*([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s";]*))\s*$/.exec(pair) ?? []
      if (name !== undefined) pairs.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '')
    }
    return { from: pairs.get('for'), proto: pairs.get('proto'), host: pairs.get('host') }
  })
}

/** The same in `X-Forwarded-*`: a header with one value for all hops, as most proxies send it, is true of each. */
function xHops(headers: IncomingHttpHeaders): Hop[] {
  const from = list(headers['x-forwarded-for'])
  const each = (name: string) => {
    const values = list(headers[name])
    return (fromEnd: number) => values[Math.max(values.length - 1 - fromEnd, 0)]
  }
  const proto = each('x-forwarded-proto')
  const host = each('x-forwarded-host')
  const count = Math.max(from.length, 1)
  return Array.from({ length: count }, (_, i) => ({
    from: from[i],
    proto: proto(count - 1 - i),
    host: host(count - 1 - i),
  }))
}

const protocols: Record<string, Scheme> = { http: 'http', ws: 'http', https: 'https', wss: 'https' }

/** The proxies in front of the router whose word on their own clients is taken. */
export class TrustedProxies {
  readonly #known: Networks

  /** @param networks addresses and CIDR networks, IPv4 and IPv6 */
  constructor(networks: readonly string[]) {
    this.#known = new Networks(networks)
  }

  /** Whether an address is one of them. */
  has(address: string): boolean {
    return this.#known.has(address)
  }

  /**
   * Who a request came from. The hops are gone through from ours outwards for as long as each is trusted: what lies
   * before the first that is not is anybody's invention. `X-Forwarded-For` goes before `Forwarded` where both are sent.
   * @param scheme how it came to us, which is how it was asked unless a trusted proxy says otherwise
   */
  visitor(peer: string, headers: IncomingHttpHeaders, scheme: Scheme = 'http'): Visitor {
    if (!this.has(peer)) return { client: peer, proto: scheme }
    const old = headers['x-forwarded-for'] === undefined && headers.forwarded !== undefined
    const hops = old ? forwardedHops(headers.forwarded ?? '') : xHops(headers)
    let client = peer
    let said: Hop | undefined
    for (const hop of hops.reverse()) {
      if (!this.has(client)) break
      said = hop
      const from = addressIn(hop.from)
      if (from === undefined) break
      client = from
    }
    const proto = protocols[said?.proto?.toLowerCase() ?? ''] ?? scheme
    const authority = said?.host !== undefined && normaliseHost(said.host) !== null ? said.host : undefined
    const given = /^\d{1,5}$/.exec(list(headers['x-forwarded-port']).at(-1) ?? '')?.[0]
    const own = /:(\d{1,5})$/.exec(authority ?? '')?.[1]
    const standard = said?.proto === undefined ? undefined : proto === 'https' ? 443 : 80
    const port = given !== undefined && !old ? Number(given) : own === undefined ? standard : Number(own)
    return {
      client,
      proto,
      ...(authority === undefined ? {} : { authority }),
      ...(port === undefined || port < 1 || port > 65535 ? {} : { port }),
    }
  }
}
