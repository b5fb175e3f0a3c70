import type { IncomingMessage } from 'node:http'

/** Where a request wants to go. */
export interface RequestAddress {
  /** Lower case, without port or trailing dot: the key of the route table. */
  readonly host: string
  /** Host and port as the client wrote them. */
  readonly authority: string
  /** The request target in origin form (`/path?query`), or `*` (RFC 9112 §3.2). */
  readonly path: string
}

const hostname = /^(?=.{1,253}$)[a-z0-9_][a-z0-9_-]*(?:\.[a-z0-9_-]+)*$/
const literal6 = /^\[[0-9a-f:.]{2,45}\]$/
const absolute = /^https?:\/\/([^/?#]+)(.*)$/i

/** The hostname in an authority such as `Blog.Example.com.:8080`, normalised; null when it is not one. */
export function normaliseHost(authority: string): string | null {
  const lower = authority.toLowerCase()
  const port = /:\d{0,5}$/.exec(lower)
  const bare = port ? lower.slice(0, port.index) : lower
  const name = bare.endsWith('.') ? bare.slice(0, -1) : bare
  return hostname.test(name) || literal6.test(name) ? name : null
}

function hostCount(raw: readonly string[]): number {
  let count = 0
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]
    if (name?.length === 4 && name.toLowerCase() === 'host') count++
  }
  return count
}

/**
 * Reads a request's address. Null, and so 400, when Host is absent, doubled or no hostname (RFC 9112 §3.2: what two
 * hosts disagree on, a cache or an app behind us would disagree on too). An absolute target wins over Host (§3.2.2).
 */
export function requestAddress(request: IncomingMessage): RequestAddress | null {
  const url = request.url ?? ''
  const given = request.headers.host
  if (given === undefined || hostCount(request.rawHeaders) !== 1) return null
  let authority = given
  let path = url
  if (!url.startsWith('/') && !(url === '*' && request.method === 'OPTIONS')) {
    const match = absolute.exec(url)
    if (!match) return null
    authority = match[1] ?? ''
    const rest = match[2] ?? ''
    path = rest.startsWith('/') ? rest : `/${rest}`
  }
  const host = normaliseHost(authority)
  return host === null ? null : { host, authority, path }
}
