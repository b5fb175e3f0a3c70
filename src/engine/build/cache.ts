import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Digest } from '../records.js'

/** What a step made, under the digest of everything that went into it. */
export interface CacheRecord {
  readonly layer: Digest
  /** When it was made, RFC 3339: a build of nothing but cached steps is the same image again. */
  readonly created: string
}

/** The digest of what a step is made from. Values are taken as JSON, so their order counts. */
export const cacheKey = (...ingredients: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(ingredients)).digest('hex')

/**
 * Step results by content: one small file a record, named by its key. Records are written once their layers are
 * durable; a torn or lost one is a miss and nothing more.
 */
export class BuildCache {
  readonly #root: string
  readonly #records = new Map<string, CacheRecord>()
  /** Key to milliseconds of the last use. */
  readonly #used = new Map<string, number>()
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
    if (record) this.#used.set(key, Date.now())
    return record
  }

  put(key: string, record: CacheRecord): void {
    this.#records.set(key, record)
    this.#used.set(key, Date.now())
    this.#unsaved.add(key)
  }

  /** Writes what is new. Only after the layers have been settled. */
  async save(): Promise<void> {
    const keys = [...this.#unsaved]
    this.#unsaved.clear()
    for (const key of keys) {
      const record = this.#records.get(key)
      if (record) await writeFile(join(this.#root, key), JSON.stringify(record))
    }
  }

  /** Tells the disk when records were last used, for the next process's idea of what is old. */
  async saveUse(since: number): Promise<void> {
    for (const [key, used] of this.#used)
      if (used >= since) await utimes(join(this.#root, key), used / 1000, used / 1000).catch(() => undefined)
  }

  /** Layers that records name, the longest unused first. */
  layers(): Digest[] {
    const byAge = [...this.#records].sort(([a], [b]) => (this.#used.get(a) ?? 0) - (this.#used.get(b) ?? 0))
    return [...new Set(byAge.reverse().map(([, { layer }]) => layer))].reverse()
  }

  /** Milliseconds since the epoch of the last use of any record of a layer. */
  lastUse(layer: Digest): number {
    return Math.max(
      0,
      ...[...this.#records].map(([key, one]) => (one.layer === layer ? (this.#used.get(key) ?? 0) : 0)),
    )
  }

  /** Forgets records for which `gone` is true. Answers with their keys. */
  async forget(gone: (record: CacheRecord) => boolean): Promise<string[]> {
    const keys = [...this.#records].flatMap(([key, record]) => (gone(record) ? [key] : []))
    for (const key of keys) {
      this.#records.delete(key)
      this.#used.delete(key)
      this.#unsaved.delete(key)
      await rm(join(this.#root, key), { force: true })
    }
    return keys
  }

  async #load(key: string): Promise<void> {
    const path = join(this.#root, key)
    try {
      const record = JSON.parse(await readFile(path, 'utf8')) as Partial<CacheRecord>
      if (/^[0-9a-f]{64}$/.test(key) && record.layer !== undefined && record.created !== undefined) {
        this.#records.set(key, { layer: record.layer, created: record.created })
        this.#used.set(key, (await stat(path)).mtimeMs)
        return
      }
    } catch {
      // torn by a power cut: it is removed as any stray file is
    }
    await rm(path, { force: true, recursive: true })
  }
}
