import type { Digest } from '../records.js'
import { readOr, writeDurably } from '../system/durable.js'
import { Mutex } from '../mutex.js'

/** One form in which a layer has been on the wire, its bytes seen here. */
export interface KnownBlob {
  readonly diffId: Digest
  /** Of the bytes as they travel, compressed or not. */
  readonly digest: Digest
  readonly size: number
  readonly compression: 'none' | 'gzip' | 'zstd'
  /** Repositories known to hold it, `domain/path`, the latest first. */
  readonly repositories: readonly string[]
}

const most = { travelsOfLayer: 8, repositories: 8 }

/**
 * Which blobs of registries hold which layers. A push looks here for what the other side may have already; nothing
 * depends on it being complete. Only bytes that were verified on the way are noted: a manifest's word is not enough.
 */
export class KnownBlobs {
  readonly #path: string
  readonly #has: (diffId: Digest) => boolean
  #all: readonly KnownBlob[]
  readonly #mutex = new Mutex()

  private constructor(path: string, has: (diffId: Digest) => boolean, all: readonly KnownBlob[]) {
    this.#path = path
    this.#has = has
    this.#all = all.filter(({ diffId }) => has(diffId))
  }

  /** Opens the record; what it says of layers that are gone is dropped. */
  static async open(path: string, has: (diffId: Digest) => boolean): Promise<KnownBlobs> {
    const text = await readOr(path, '[]')
    return new KnownBlobs(path, has, JSON.parse(text) as KnownBlob[])
  }

  /** What is known of a layer, the latest first. */
  of(diffId: Digest): readonly KnownBlob[] {
    return this.#all.filter((travel) => travel.diffId === diffId)
  }

  /** Notes that a repository holds a layer in this form. */
  note(travel: Omit<KnownBlob, 'repositories'>, repository: string): void {
    const known = this.of(travel.diffId)
    const same = known.find(({ digest }) => digest === travel.digest)
    const repositories = [repository, ...(same?.repositories ?? []).filter((one) => one !== repository)]
    const fresh = { ...travel, repositories: repositories.slice(0, most.repositories) }
    const kept = [fresh, ...known.filter((one) => one !== same)].slice(0, most.travelsOfLayer)
    this.#all = [...kept, ...this.#all.filter(({ diffId }) => diffId !== travel.diffId)]
  }

  /** Makes what was noted so far survive a restart, but for what is noted of layers that are gone. */
  save(): Promise<void> {
    this.#all = this.#all.filter(({ diffId }) => this.#has(diffId))
    return this.#mutex.run(() => writeDurably(this.#path, JSON.stringify(this.#all, null, 1)))
  }
}
