import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Digest } from '../records.js'
import { removeIfPossible } from '../system/remove.js'
import { KnownDigests } from './known-digests.js'

/** What a step made, under the digest of everything that went into it. */
export interface CacheRecord {
  readonly layer: Digest
  /** The layer that it lies upon, of an earlier run of the same step: the two together are what the step makes. */
  readonly base?: Digest
  /** When it was made, RFC 3339: a build of nothing but cached steps is the same image again. */
  readonly created: string
  /** The step, as the Dockerfile has it. */
  readonly description?: string
  /** What it has in common with the same instruction of other builds of the same names, whatever files that took. */
  readonly like?: string
  /** What it was made upon and how, if a layer of a step alike may lie upon its own. */
  readonly over?: string
  /** Whose build made it. */
  readonly owner?: string
}

/** The layers that a step adds, bottom first. */
export const layersOf = ({ base, layer }: CacheRecord): readonly Digest[] =>
  base === undefined ? [layer] : [base, layer]

/** A record as its file has it: an engine that knows of no `base` finds no layer in one that has it. */
const written = ({ layer, ...rest }: CacheRecord): Omit<CacheRecord, 'layer'> & { layer?: Digest; top?: Digest } =>
  rest.base === undefined ? { layer, ...rest } : { top: layer, ...rest }

/** The digest of what a step is made from. Values are taken as JSON, so their order counts. */
export const cacheKey = (...ingredients: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(ingredients)).digest('hex')

/** What an image's history says of a step: `--cache-from` finds its layer again, on whatever machine the image has come to. */
export const stepMark = (key: string): string => `berth.step.v1 ${key}`

/**
 * Step results by content: one small file a record, named by its key. Records are written once their layers are
 * durable; a torn or lost one is a miss and nothing more.
 */
export class BuildCache {
  readonly digests = new KnownDigests()
  readonly #root: string
  readonly #records = new Map<string, CacheRecord>()
  /** Key to milliseconds of the last use. */
  readonly #used = new Map<string, number>()
  /** Uses since the engine started. */
  readonly #uses = new Map<string, number>()
  readonly #unsaved = new Set<string>()

  private constructor(root: string) {
    this.#root = root
  }

  static async open(root: string): Promise<BuildCache> {
    const cache = new BuildCache(root)
    await mkdir(root, { recursive: true, mode: 0o700 })
    for (const key of await readdir(root)) await cache.#load(key)
    return cache
  }

  get(key: string): CacheRecord | undefined {
    const record = this.#records.get(key)
    if (record) this.#use(key)
    return record
  }

  /** The last step that was made like this. */
  latest(like: string): CacheRecord | undefined {
    let latest: CacheRecord | undefined
    for (const record of this.#records.values())
      if (record.like === like && (latest === undefined || record.created > latest.created)) latest = record
    return latest
  }

  put(key: string, record: CacheRecord): void {
    this.#records.set(key, record)
    this.#use(key)
    this.#unsaved.add(key)
  }

  /** Writes what is new, once `settle` has made durable what there is of layers: another build may put more meanwhile. */
  async save(settle: () => Promise<void>): Promise<void> {
    const keys = [...this.#unsaved]
    await settle()
    for (const key of keys) {
      this.#unsaved.delete(key)
      const record = this.#records.get(key)
      if (record) await writeFile(join(this.#root, key), JSON.stringify(written(record)))
    }
  }

  /** Tells the disk when records were last used, for the next process's idea of what is old. */
  async saveUse(since: number): Promise<void> {
    for (const [key, used] of this.#used)
      // it is only a hint of what is old
      if (used >= since) await utimes(join(this.#root, key), used / 1000, used / 1000).catch(() => undefined)
  }

  /** Layers that records name. */
  layers(): Digest[] {
    return [...new Set([...this.#records.values()].flatMap(layersOf))]
  }

  /** Every record with its key and its use. */
  all(): { key: string; record: CacheRecord; used: number; uses: number }[] {
    return [...this.#records].map(([key, record]) => ({
      key,
      record,
      used: this.#used.get(key) ?? 0,
      uses: this.#uses.get(key) ?? 0,
    }))
  }

  /** Forgets the records of layers that are gone. */
  forgetLost(has: (layer: Digest) => boolean): Promise<string[]> {
    return this.forget((record) => !layersOf(record).every(has))
  }

  /** Forgets records for which `gone` is true. Answers with their keys. */
  async forget(gone: (record: CacheRecord, key: string) => boolean): Promise<string[]> {
    const keys = [...this.#records].flatMap(([key, record]) => (gone(record, key) ? [key] : []))
    for (const key of keys) {
      this.#records.delete(key)
      this.#used.delete(key)
      this.#uses.delete(key)
      this.#unsaved.delete(key)
      await rm(join(this.#root, key), { force: true })
    }
    return keys
  }

  #use(key: string): void {
    this.#used.set(key, Date.now())
    this.#uses.set(key, (this.#uses.get(key) ?? 0) + 1)
  }

  async #load(key: string): Promise<void> {
    const path = join(this.#root, key)
    try {
      const { top, ...rest } = JSON.parse(await readFile(path, 'utf8')) as Partial<ReturnType<typeof written>>
      const { layer = top, created } = rest
      if (/^[0-9a-f]{64}$/.test(key) && layer !== undefined && created !== undefined) {
        this.#records.set(key, { description: '', ...rest, layer, created })
        this.#used.set(key, (await stat(path)).mtimeMs)
        return
      }
    } catch {
      // torn by a power cut: it is removed as any stray file is
    }
    await removeIfPossible(path, 'no record of the build cache')
  }
}
