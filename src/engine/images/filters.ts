import { anyOf, type Filters, flagOf, labelsMatch, parseFilters } from '../system/filters.js'
import { parseTimestamp } from '../system/timestamp.js'
import type { StoredImage } from '../oci/document.js'
import { readPattern } from './glob.js'
import { familiarName, parseReference } from '../oci/reference.js'
import type { ImageStore } from './store.js'

export type { Filters }

/** What `GET /images/json` may be narrowed by. @throws EngineError `invalid` */
export const imageFilters = (query: URLSearchParams): Filters =>
  checked(parseFilters(query, ['reference', 'dangling', 'label', 'before', 'since', 'until']))

/** What `POST /images/prune` may be narrowed by. @throws EngineError `invalid` */
export const pruneFilters = (query: URLSearchParams): Filters =>
  checked(parseFilters(query, ['dangling', 'label', 'label!', 'until']))

/** A bad value is refused even where there is no image to try it on. */
function checked(filters: Filters): Filters {
  flagOf(filters, 'dangling')
  for (const time of filters.get('until') ?? []) parseTimestamp(time)
  for (const pattern of filters.get('reference') ?? []) pattern.split('/').forEach(readPattern)
  return filters
}

/** True when an image passes all filters but `reference`, which narrows names: see `matchesReference`. */
export function matches(store: ImageStore, image: StoredImage, filters: Filters): boolean {
  const created = (reference: string) => Date.parse(store.find(reference).image.created)
  const at = Date.parse(image.created)
  const dangling = flagOf(filters, 'dangling')
  return (
    (dangling === undefined || dangling === (store.tags.of(image.id).length === 0)) &&
    anyOf(filters, 'before', (reference) => at < created(reference)) &&
    anyOf(filters, 'since', (reference) => at > created(reference)) &&
    anyOf(filters, 'until', (time) => at < parseTimestamp(time)) &&
    labelsMatch(filters, image.config.Labels ?? {})
  )
}

/** True when a name passes a `reference` filter: `debian`, `debian:*slim`, `me/*`. */
export function matchesReference(name: string, pattern: string): boolean {
  const reference = parseReference(name)
  const parts = pattern.split('/').map(readPattern)
  return [familiarName(reference), name, `${reference.domain}/${reference.path}`].some((candidate) => {
    const components = candidate.split('/')
    return components.length === parts.length && parts.every((part, index) => part(components[index] ?? ''))
  })
}
