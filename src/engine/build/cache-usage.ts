import type { ImageStore } from '../images/store.js'
import type { Digest } from '../records.js'
import { type BuildCache, layersOf } from './cache.js'
import type { CacheMounts } from './cache-mounts.js'
import type { SourceCaches } from './sources.js'
import { type CacheItem, toPrune, overBudget, type PruneRequest } from './items.js'

/** What the build cache holds on disk: the layers of its records, and the directories of cache mounts. */
export class CacheUsage {
  readonly #images: ImageStore
  readonly #cache: BuildCache
  readonly #mounts: CacheMounts
  readonly #sources: SourceCaches

  constructor(images: ImageStore, cache: BuildCache, mounts: CacheMounts, sources: SourceCaches) {
    this.#sources = sources
    this.#images = images
    this.#cache = cache
    this.#mounts = mounts
  }

  /** A layer is one item, however many steps made it. */
  async items(): Promise<CacheItem[]> {
    const { layers } = this.#images
    const shared = this.#images.usedLayers()
    const items = new Map<Digest, CacheItem>()
    for (const { record, used, uses } of this.#cache.all()) {
      const { layer, created, description = '', owner } = record
      if (!layers.has(layer)) continue // being removed, by itself or with its image
      const known = items.get(layer)
      items.set(layer, {
        id: idOf(layer),
        type: 'regular',
        description,
        size: await layers.space(layer),
        created: Math.min(Date.parse(created) || 0, known?.created ?? Infinity),
        used: Math.max(used, known?.used ?? 0),
        uses: uses + (known?.uses ?? 0),
        inUse: layers.isHeld(layer),
        shared: shared.has(layer),
        owner: known === undefined || known.owner === owner ? owner : undefined,
      })
    }
    return [...items.values(), ...(await this.#mounts.items()), ...(await this.#sources.items())]
  }

  /** Removes what the request selects. Answers with the ids removed and the bytes set free. */
  async prune(request: PruneRequest): Promise<{ ids: string[]; freed: number }> {
    return this.#remove(toPrune(await this.items(), request))
  }

  /** Removes the longest unused, until what no image has is no more than `budget` bytes. */
  async trim(budget: number): Promise<void> {
    await this.#remove(overBudget(await this.items(), budget))
  }

  async #remove(items: readonly CacheItem[]): Promise<{ ids: string[]; freed: number }> {
    const { layers } = this.#images
    const ids: string[] = []
    let freed = 0
    for (const { id, type, size } of items) {
      if (type === 'exec.cachemount') {
        if (!(await this.#mounts.remove(id))) continue
        freed += size
      } else if (type === 'source.local') {
        if (await this.#sources.remove(id)) freed += size
      } else {
        const layer = this.#cache.layers().find((one) => idOf(one) === id)
        if (layer === undefined || layers.isHeld(layer)) continue
        // what lies upon it is nothing without it, and what it lies upon may be nobody else's
        const lost = this.#cache.all().filter(({ record }) => layersOf(record).includes(layer))
        await this.#cache.forget((_, key) => lost.some((one) => one.key === key))
        freed += await this.#images.discard(new Set(lost.flatMap(({ record }) => layersOf(record))))
      }
      ids.push(id)
    }
    await this.#cache.forgetLost((layer) => layers.has(layer))
    return { ids, freed }
  }
}

const idOf = (layer: Digest): string => layer.slice('sha256:'.length, 'sha256:'.length + 25)
