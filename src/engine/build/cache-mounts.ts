import { createHash, createHmac } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { codeOf } from '../errors.js'
import { bytesBelow } from '../system/disk.js'
import { syncAll, writeDurably } from '../system/durable.js'
import { Semaphore } from '../system/semaphore.js'
import type { CacheItem } from './items.js'
import type { RunMount } from './mounts.js'
import { removeIfPossible, sweepTrees } from '../system/remove.js'
import { orMissing } from '../system/missing.js'

/** A cache directory that a step has mounted; disposing gives it back. */
export interface MountedCache extends AsyncDisposable {
  readonly directory: string
}

/** What is written beside a cache directory. Times in milliseconds since the epoch. */
interface Kept {
  readonly id: string
  /** Whose builds alone have it. */
  readonly owner?: string
  readonly created: number
  used: number
  uses: number
}

interface Cache extends Kept {
  /** Steps that have it now. */
  busy: number
  /** Bytes; undefined when a step may have changed it. */
  size: number | undefined
  readonly lock: Semaphore
}

/**
 * The directories behind `RUN --mount=type=cache`: kept between builds, never part of a layer.
 *
 *     mounts/<hash of the id>/       the cache; of owner and id where the build has an owner
 *     mounts/<hash of the id>.json   what it is; written when it is given back
 */
export class CacheMounts {
  readonly #root: string
  readonly #caches = new Map<string, Cache>()

  private constructor(root: string) {
    this.#root = root
  }

  /** Finds the caches again, and removes what an interrupted engine left. */
  static async open(root: string): Promise<CacheMounts> {
    const mounts = new CacheMounts(root)
    await mkdir(root, { recursive: true, mode: 0o711 })
    const names = new Set(await readdir(root))
    const left: string[] = []
    for (const name of names) {
      if (names.has(name.replace(/\.json$/, '')) && name.endsWith('.json')) continue
      if (!/^[0-9a-f]{32}$/.test(name)) left.push(join(root, name))
      else mounts.#caches.set(name, fresh(await readKept(join(root, `${name}.json`), name)))
    }
    await sweepTrees('cache directories of single steps, or never quite removed', left)
    return mounts
  }

  /**
   * Gives a step the cache that an owner's builds have by an id, or that all builds have which are nobody's. Waits for it when it is
   * `locked`; a `private` one in use is replaced by an empty one.
   * @param seed fills a cache that is new
   */
  async mount(
    { id, owner }: { readonly id: string; readonly owner: string | undefined },
    { sharing, mode, uid, gid }: RunMount,
    signal: AbortSignal,
    seed: (directory: string) => Promise<void>,
  ): Promise<MountedCache> {
    const name = nameOf(id, owner)
    const setAttributes = async (directory: string): Promise<void> => {
      await chown(directory, uid, gid)
      await chmod(directory, mode ?? 0o755)
    }
    const cache =
      this.#caches.get(name) ??
      fresh({ id, ...(owner === undefined ? {} : { owner }), created: Date.now(), used: 0, uses: 0 })
    if (sharing === 'private' && cache.busy > 0) {
      const directory = await mkdtemp(join(this.#root, 'private-'))
      await setAttributes(directory)
      return { directory, [Symbol.asyncDispose]: () => removeIfPossible(directory, privateCache) }
    }
    this.#caches.set(name, cache)
    cache.busy++
    let lock: Disposable | undefined
    const directory = join(this.#root, name)
    const giveBack = async (): Promise<void> => {
      cache.busy--
      lock?.[Symbol.dispose]()
      cache.used = Date.now()
      cache.size = undefined
      await this.#keep(name, cache)
    }
    try {
      if (sharing === 'locked') lock = await cache.lock.take(signal)
      cache.uses++
      if (!existsSync(directory)) await this.#make(directory, seed, setAttributes)
    } catch (error) {
      await giveBack()
      throw error
    }
    return { directory, [Symbol.asyncDispose]: giveBack }
  }

  /** Every cache, as `system df` tells of it. */
  async items(): Promise<CacheItem[]> {
    const items: CacheItem[] = []
    for (const [name, cache] of this.#caches) {
      const size = cache.size ?? (await bytesBelow(join(this.#root, name)))
      if (cache.busy === 0) cache.size = size
      items.push({
        id: name.slice(0, 25),
        type: 'exec.cachemount',
        description: `cached mount ${cache.id}${cache.owner === undefined ? '' : ` of ${cache.owner}`}`,
        size,
        created: cache.created,
        used: cache.used,
        uses: cache.uses,
        inUse: cache.busy > 0,
        shared: false,
        owner: cache.owner,
      })
    }
    return items
  }

  /** Removes a cache by the id its item has, unless a step is using it. Answers with whether it did. */
  async remove(id: string): Promise<boolean> {
    const [name, cache] = [...this.#caches].find(([one]) => one.slice(0, 25) === id) ?? []
    if (name === undefined || !cache || cache.busy > 0) return false
    this.#caches.delete(name)
    // out of the way first: a step may ask for the same cache anew while this is removed
    const removed = join(await mkdtemp(join(this.#root, 'doomed-')), 'cache')
    await rename(join(this.#root, name), removed).catch(orMissing(undefined))
    await rm(join(this.#root, `${name}.json`), { force: true })
    await removeIfPossible(dirname(removed), 'a cache directory that is gone')
    return true
  }

  /** A new cache appears whole: one seeded by halves would be taken for what a step left there. */
  async #make(directory: string, ...works: readonly ((draft: string) => Promise<void>)[]): Promise<void> {
    const draft = await mkdtemp(join(this.#root, 'fresh-'))
    try {
      for (const work of works) await work(draft)
      if ((await readdir(draft)).length > 0) await syncAll(draft)
      await rename(draft, directory)
    } catch (error) {
      await removeIfPossible(draft, 'a cache directory that was never finished')
      // another step was faster
      if (codeOf(error) !== 'ENOTEMPTY' && codeOf(error) !== 'EEXIST') throw error
    }
  }

  async #keep(name: string, { id, owner, created, used, uses }: Kept): Promise<void> {
    const kept: Kept = { id, ...(owner === undefined ? {} : { owner }), created, used, uses }
    await writeDurably(join(this.#root, `${name}.json`), JSON.stringify(kept))
  }
}

/** Keyed, so that no id of a build that is nobody's has the name of one that is somebody's. */
function nameOf(id: string, owner: string | undefined): string {
  const hash = owner === undefined ? createHash('sha256') : createHmac('sha256', owner)
  return hash.update(id).digest('hex').slice(0, 32)
}
const privateCache = "a cache directory that was one step's"

const fresh = (kept: Kept): Cache => ({ ...kept, busy: 0, size: undefined, lock: new Semaphore(1) })

async function readKept(path: string, name: string): Promise<Kept> {
  try {
    const known = JSON.parse(await readFile(path, 'utf8')) as Partial<Kept>
    const { id = name, owner, created = 0, used = 0, uses = 0 } = known
    return { id, ...(owner === undefined ? {} : { owner }), created, used, uses }
  } catch {
    return { id: name, created: 0, used: 0, uses: 0 } // torn by a power cut: the first to be evicted
  }
}
