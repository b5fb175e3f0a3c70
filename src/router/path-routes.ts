/** An app that answers below a path of a hostname whose root is another's. */
export interface PathRoute<Lead> {
  /** `/api`; it stands for whole segments. */
  readonly path: string
  /** Id of the app that had the hostname when it let this one in: when another has it, this leads nowhere. */
  readonly root: string
  /** The app is asked without it. */
  readonly strip: boolean
  readonly lead: Lead
}

/** Where a request target leads, and as what it is sent on. */
export interface PathMatch<Lead> {
  readonly route: PathRoute<Lead> | undefined
  readonly target: string
}

/** A request target, and the ways in which an app may read its path. */
export interface ReadTarget {
  /** In the one form of all that mean the same (RFC 3986 §6.2.2.2). */
  readonly path: string
  readonly readings: readonly string[]
  /** With its query, from `?` on. */
  readonly query: string
}

const encoded = /%([0-9a-f]{2})/gi
const unreserved = /^[a-z0-9._~-]$/i
/** Of a segment; Java's servers take them off. */
const parameters = /;[^/]*/g

const charOf = (hex: string): string => String.fromCharCode(parseInt(hex, 16))

/** Decodes all, however often it was encoded. */
const decoded = (path: string): string => path.replace(/%(?:25)*([0-9a-f]{2})/gi, (_, hex: string) => charOf(hex))

/**
 * Reads a request target in origin form. Null where it is none (a fragment, a backslash, `%` that encodes nothing), and where an app may
 * read a dot segment in it, which leads to another path.
 */
export function readTarget(target: string): ReadTarget | null {
  const [given = '', query = ''] = target.split(/(?=\?)(.*)/s)
  if (/[#\\]|%(?![0-9a-f]{2})/i.test(given)) return null
  const path = given.replace(encoded, (all, hex: string) => (unreserved.test(charOf(hex)) ? charOf(hex) : all))
  const whole = decoded(path)
  const all = [whole, whole.replace(parameters, ''), decoded(path.replace(parameters, ''))].map((one) =>
    one.split(/[/\\]+/),
  )
  if (all.some((segments) => segments.some((one) => /^\.\.?(?:[?#]|$)/.test(one)))) return null
  const joined = all.map((segments) => segments.join('/'))
  return { path, readings: [...joined, ...joined.map((one) => one.replace(/[?#].*/s, ''))], query }
}

/** The paths of hostnames that have apps of their own; of several that fit the longest counts. */
export class PathRoutes<Lead> {
  /** By hostname, the longest path first. */
  readonly #routes = new Map<string, PathRoute<Lead>[]>()

  put(host: string, route: PathRoute<Lead>): void {
    const all = [...(this.#routes.get(host) ?? []), route]
    this.#routes.set(
      host,
      all.sort((a, b) => b.path.length - a.path.length),
    )
  }

  /** Takes away all that a hostname has of this. */
  remove(host: string, lead: Lead): void {
    const left = this.#routes.get(host)?.filter((route) => route.lead !== lead) ?? []
    if (left.length > 0) this.#routes.set(host, left)
    else this.#routes.delete(host)
  }

  /**
   * The path that is matched is the path that is sent on. Null where the app might read another path than that which was matched.
   * @param root id of the app that has the hostname
   */
  match(host: string, root: string, target: string): PathMatch<Lead> | null {
    const all = this.#routes.get(host)?.filter((route) => route.root === root) ?? []
    if (all.length === 0) return { route: undefined, target }
    const read = readTarget(target)
    if (!read) return null
    const { path, readings, query } = read
    const find = (one: string) => all.find((route) => one === route.path || one.startsWith(`${route.path}/`))
    const route = find(path)
    if (readings.some((one) => find(one) !== route)) return null
    const sent = route?.strip === true ? path.slice(route.path.length) : path
    return { route, target: (sent === '' ? '/' : sent) + query }
  }
}
