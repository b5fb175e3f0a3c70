import type { IncomingMessage } from 'node:http'
import { EngineError } from '../errors.js'
import { parseReference } from '../oci/reference.js'
import { type Filters, flagOf } from '../system/filters.js'
import type { RegistryCredentials } from './credentials.js'
import { mostBytes } from '../oci/manifest.js'
import { sanitize } from '../system/sanitize.js'
import type { RegistrySession } from './session.js'
import { hub } from './settings.js'
import { wholeBody, expecting } from './transport.js'

/** One line of `GET /images/search`. */
export interface SearchResult {
  readonly name: string
  readonly description: string
  readonly star_count: number
  readonly is_official: boolean
  readonly is_automated: boolean
}

/** What is looked for, checked. */
export interface Search {
  /** '' for Docker Hub, else a registry's `host[:port]`. */
  readonly domain: string
  readonly term: string
  /** 1 to 100 */
  readonly limit: number
  readonly filters: Filters
}

export const searchFilters = ['is-official', 'is-automated', 'stars'] as const

/** A catalog is read no further than this: pages of a thousand names. */
const mostPages = 50

const mostFound = 10_000

/** @throws EngineError `invalid` in dockerd's words */
export function readSearch(text: string, limit: string, filters: Filters): Search {
  if (text.includes('://'))
    throw new EngineError('invalid', 'invalid repository name (ex: "registry.domain.tld/myrepos")')
  if (!/^-?\d*$/.test(limit)) throw new EngineError('invalid', `invalid limit: "${limit.slice(0, 40)}" is not a number`)
  const most = limit === '' ? 25 : Number(limit)
  if (most < 1 || most > 100) throw new EngineError('invalid', `limit ${most} is outside the range of [1, 100]`)
  for (const key of ['is-official', 'is-automated']) flagOf(filters, key)
  for (const stars of filters.get('stars') ?? [])
    if (!/^[+-]?\d{1,9}$/.test(stars)) throw new EngineError('invalid', `invalid filter 'stars=${stars}'`)
  const [first = '', ...rest] = text.split('/')
  const named = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost')
  const { domain } = parseReference(named ? `${first}/x` : 'x')
  const term = named ? rest.join('/') : text
  return domain === hub.domain
    ? { domain: '', term: term.replace(/^library\//, ''), limit: most, filters }
    : { domain, term, limit: most, filters }
}

/** The findings that the filters let through. */
export function narrowed(found: readonly SearchResult[], { filters, limit }: Search): SearchResult[] {
  const official = flagOf(filters, 'is-official')
  const automated = flagOf(filters, 'is-automated')
  const stars = Math.max(0, ...(filters.get('stars') ?? []).map(Number))
  return found
    .filter(
      (one) =>
        (official === undefined || one.is_official === official) &&
        (automated === undefined || one.is_automated === automated) &&
        one.star_count >= stars,
    )
    .slice(0, limit)
}

/** Asks an index: the v1 search of Docker Hub, which old registries have too. */
export async function searchIndex(session: RegistrySession, { term, limit }: Search): Promise<SearchResult[]> {
  const url = session.url(`/v1/search?${new URLSearchParams({ q: term, n: String(limit) }).toString()}`)
  const answer = await expecting(await session.ask('', { method: 'GET', url }), 200)
  const { results } = await jsonOf(answer)
  return Array.isArray(results) ? results.flatMap(finding) : []
}

/** Looks through what a registry has; one that keeps no catalog is asked as an index. */
export async function searchRegistry(session: RegistrySession, search: Search): Promise<SearchResult[]> {
  const found: SearchResult[] = []
  let next: string | undefined = '/v2/_catalog?n=1000'
  for (let page = 0; next !== undefined && page < mostPages && found.length < mostFound; page++) {
    const answer: IncomingMessage = await session.ask('registry:catalog:*', { method: 'GET', url: session.url(next) })
    if (answer.statusCode !== 200 && page === 0) {
      const failure = await expecting(answer, 200).catch((error: unknown) => error)
      // one that is no index either is told of what it is: a registry without a catalog
      return searchIndex(session, search).catch(() => Promise.reject(failure as Error))
    }
    const { repositories } = await jsonOf(await expecting(answer, 200))
    for (const name of Array.isArray(repositories) ? repositories : [])
      if (typeof name === 'string' && name.includes(search.term))
        found.push(...finding({ name: `${search.domain}/${name}` }))
    next = /<([^>]+)>;\s*rel="?next"?/.exec(String(answer.headers.link ?? ''))?.[1]
  }
  return found
}

/** The index takes a name and a password as they are, not a token. */
export const forIndex = (credentials: RegistryCredentials | undefined): RegistryCredentials | undefined =>
  credentials?.password ? credentials : undefined

async function jsonOf(answer: IncomingMessage): Promise<Record<string, unknown>> {
  const bytes = await wholeBody(answer, mostBytes, "the registry's answer")
  try {
    return Object(JSON.parse(bytes.toString())) as Record<string, unknown>
  } catch (error) {
    throw new EngineError('broken', "the registry's answer is not JSON", error)
  }
}

function finding(value: unknown): SearchResult[] {
  const { name, description, star_count, is_official, is_automated } = Object(value) as Record<string, unknown>
  if (typeof name !== 'string') return []
  return [
    {
      star_count: typeof star_count === 'number' ? star_count : 0,
      is_official: is_official === true,
      name: sanitize(name),
      is_automated: is_automated === true,
      description: typeof description === 'string' ? sanitize(description) : '',
    },
  ]
}
