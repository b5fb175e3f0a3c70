import { EngineError } from '../errors.js'
import type { ApiRoute } from './route.js'
import { unserved } from './unserved.js'

/** The API version served, and the oldest a client may ask for: skopeo speaks 1.22, moby's own tests 1.19. */
export const apiVersion = { current: '1.47', oldest: '1.19' } as const

interface Entry<T> {
  readonly of: T
  readonly method: string
  readonly pattern: RegExp
  readonly names: readonly string[]
}

/** A request's path, its version prefix taken off. */
export interface RequestTarget {
  readonly path: string
  readonly version: number
}

const number = (version: string): number => {
  const [major = '0', minor = '0'] = version.split('.')
  return Number(major) * 100 + Number(minor)
}

/**
 * Splits `/v1.47/containers/json` into version and path.
 * @throws EngineError `invalid` for a version this engine does not speak
 */
export function targetOf(pathname: string): RequestTarget {
  const versioned = /^\/v(\d+\.\d+)(\/.*)$/.exec(pathname)
  if (!versioned) return { path: pathname, version: number(apiVersion.current) }
  const [, asked = '', path = '/'] = versioned
  if (number(asked) > number(apiVersion.current))
    throw new EngineError(
      'invalid',
      `client version ${asked} is too new. Maximum supported API version is ${apiVersion.current}`,
    )
  if (number(asked) < number(apiVersion.oldest))
    throw new EngineError(
      'invalid',
      `client version ${asked} is too old. Minimum supported API version is ${apiVersion.oldest}, please upgrade your client to a newer version`,
    )
  return { path, version: number(asked) }
}

function compile<T>(method: string, path: string, of: T): Entry<T> {
  const names: string[] = []
  // a container may be asked for by what another calls it, `web/db`; `{alias}` is the rest of such a name
  const greedy = /^\/(images|distribution|plugins)\/|^\/containers\/\{id\}\/[a-z]/.test(path)
  const pattern = path.replace(/[.]/g, '\\.').replace(/\{(\w+)\}/g, (_, name: string) => {
    names.push(name)
    return greedy ? '(.+)' : '([^/]+)'
  })
  return { of, method, names, pattern: new RegExp(`^${pattern}/?$`) }
}

const notServed = unserved.flatMap((one) =>
  one.endpoints.map((endpoint) => {
    const [method = '', path = ''] = endpoint.split(' ')
    return compile(method, path, one)
  }),
)

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new EngineError('invalid', `"${text}" is not a well-formed URL`)
  }
}

/** The endpoints of an engine; literal paths win over those with parameters. */
export class RouteTable {
  readonly #entries: readonly Entry<ApiRoute>[]
  constructor(routes: readonly ApiRoute[]) {
    this.#entries = routes
      .map((route) => compile(route.method, route.path, route))
      .sort((a, b) => a.names.length - b.names.length)
  }

  /** @throws EngineError as `unserved` has it for an endpoint of Docker's that is not served, `missing` for any other */
  find(method: string, path: string): { route: ApiRoute; params: Record<string, string> } {
    const fits = (entry: Entry<unknown>): boolean => entry.method === method && entry.pattern.test(path)
    const found = this.#entries.find(fits)
    if (!found) {
      const known = notServed.find(fits)
      if (known?.of.answer) throw known.of.answer(decode(known.pattern.exec(path)?.[1] ?? ''))
      if (known) throw new EngineError('unsupported', `${method} ${path}: ${known.of.why}`)
      throw new EngineError('missing', `page not found: ${method} ${path}`)
    }
    const match = found.pattern.exec(path) ?? []
    return {
      route: found.of,
      params: Object.fromEntries(found.names.map((name, i) => [name, decode(match[i + 1] ?? '')])),
    }
  }
}
