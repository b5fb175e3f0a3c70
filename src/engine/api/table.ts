import { EngineError } from '../errors.js'
import type { ApiRoute } from './route.js'

/** The API version served, and the oldest a client may ask for: skopeo speaks 1.22. */
export const apiVersion = { current: '1.47', oldest: '1.22' } as const

interface Entry {
  readonly route: ApiRoute
  readonly pattern: RegExp
  readonly names: readonly string[]
}

/** A request's path, its version prefix taken off. */
export interface Target {
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
export function targetOf(pathname: string): Target {
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

function compile(route: ApiRoute): Entry {
  const names: string[] = []
  const greedy = /^\/(images|distribution)\//.test(route.path)
  const pattern = route.path.replace(/[.]/g, '\\.').replace(/\{(\w+)\}/g, (_, name: string) => {
    names.push(name)
    return greedy ? '(.+)' : '([^/]+)'
  })
  return { route, names, pattern: new RegExp(`^${pattern}/?$`) }
}

/** Docker endpoints that Berth knows of and does not serve. */
const unserved =
  /^\/(swarm|nodes|services|tasks|secrets|configs|plugins|session|grpc|commit|auth|distribution|containers|images|build|system|networks|volumes|exec)(\/|$)/

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new EngineError('invalid', `"${text}" is not a well-formed URL`)
  }
}

/** The endpoints of an engine; literal paths win over those with parameters. */
export class RouteTable {
  readonly #entries: readonly Entry[]
  constructor(routes: readonly ApiRoute[]) {
    this.#entries = routes.map(compile).sort((a, b) => a.names.length - b.names.length)
  }

  /** @throws EngineError `missing` or `unsupported` */
  find(method: string, path: string): { route: ApiRoute; params: Record<string, string> } {
    for (const { route, pattern, names } of this.#entries) {
      if (route.method !== method) continue
      const match = pattern.exec(path)
      if (!match) continue
      return { route, params: Object.fromEntries(names.map((name, i) => [name, decode(match[i + 1] ?? '')])) }
    }
    // a GET for an object of an unserved kind must be 404: an untyped `docker inspect` walks over all kinds
    if (unserved.test(path) && method !== 'GET')
      throw new EngineError('unsupported', `${method} ${path} is not served by this engine`)
    throw new EngineError('missing', `no such endpoint: ${method} ${path}`)
  }
}
