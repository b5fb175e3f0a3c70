import { EngineError } from '../errors.js'
import { anyOf, type Filters, flagOf, labelsMatch } from '../system/filters.js'
import { parseTimestamp } from '../system/timestamp.js'
import { ownerLabel } from '../system/owner.js'

/** One thing the build cache holds. Times in milliseconds since the epoch. */
export interface CacheItem {
  /** 25 hex digits, or the name of an archive. */
  readonly id: string
  /** What a step made, a cache directory of RUN steps, or the archive of a base image. */
  readonly type: 'regular' | 'exec.cachemount' | 'source.local'
  readonly description: string
  /** Bytes. */
  readonly size: number
  readonly created: number
  readonly used: number
  readonly uses: number
  /** A build has it now; it cannot be removed. */
  readonly inUse: boolean
  /** An image has it too; removing it sets nothing free. */
  readonly shared: boolean
  /** Whose builds alone have it. */
  readonly owner?: string | undefined
}

/** What `POST /build/prune` is asked. */
export interface PruneRequest {
  /** Those that images share too, and the archives of base images, which take long to make. */
  readonly all: boolean
  /** Bytes that may stay. */
  readonly keep: number
  readonly filters: Filters
}

export const pruneFilters = [
  'until',
  'unused-for',
  'id',
  'parent',
  'type',
  'description',
  'inuse',
  'shared',
  'private',
  'label',
  'label!',
] as const

/** An item as `GET /system/df` has it; whose it is, where it is somebody's, as the label of their images says it. */
export const describeItem = (item: CacheItem) => ({
  ID: item.id,
  Type: item.type,
  Description: item.description,
  InUse: item.inUse,
  Shared: item.shared,
  Size: item.size,
  CreatedAt: new Date(item.created).toISOString(),
  LastUsedAt: item.used === 0 ? null : new Date(item.used).toISOString(),
  UsageCount: item.uses,
  ...(item.owner === undefined ? {} : { Labels: { [ownerLabel]: item.owner } }),
})

/**
 * The items a prune takes away, the longest unused first. The only label that an item can have is its owner's.
 * @throws EngineError `invalid` for a value of a filter that means nothing
 */
export function toPrune(items: readonly CacheItem[], { all, keep, filters }: PruneRequest): CacheItem[] {
  const until = [...(filters.get('until') ?? []), ...(filters.get('unused-for') ?? [])]
  if (until.length > 1) throw new EngineError('invalid', 'more than one "until" filter specified')
  const [before] = until.map((text) => parseTimestamp(text))
  const flags = {
    inuse: flagOf(filters, 'inuse'),
    shared: flagOf(filters, 'shared'),
    private: flagOf(filters, 'private'),
  }
  const wanted = (item: CacheItem): boolean =>
    !item.inUse &&
    (all || !(item.shared || item.type === 'source.local')) &&
    (before === undefined || item.used <= before) &&
    anyOf(filters, 'id', (id) => id !== '' && item.id.startsWith(id.slice(0, 25))) &&
    anyOf(filters, 'parent', () => false) &&
    anyOf(filters, 'type', (type) => item.type === type) &&
    anyOf(filters, 'description', (text) => item.description.includes(text)) &&
    (flags.inuse ?? item.inUse) === item.inUse &&
    (flags.shared ?? item.shared) === item.shared &&
    (flags.private ?? !item.shared) === !item.shared &&
    labelsMatch(filters, item.owner === undefined ? {} : { [ownerLabel]: item.owner })
  return overBudget(items, keep, wanted)
}

/** The longest unused of the items that `may` names, until what is left is no more than `budget` bytes. */
export function overBudget(
  items: readonly CacheItem[],
  budget: number,
  may: (item: CacheItem) => boolean = ({ inUse, shared, type }) => !inUse && !shared && type !== 'source.local',
): CacheItem[] {
  let left = items.reduce((sum, { size, shared }) => sum + (shared ? 0 : size), 0)
  return [...items]
    .sort((a, b) => a.used - b.used)
    .filter((item) => {
      if (!may(item) || (budget > 0 && left <= budget)) return false
      left -= item.shared ? 0 : item.size
      return true
    })
}
