import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { EngineConfig } from '../config.js'
import { codeOf, EngineError, isFault } from '../errors.js'
import type { Digest, Events, Image, Images, Usage } from '../records.js'
import { Configurations } from './configurations.js'
import { type ImageDocument, readDocument, type StoredImage } from '../oci/document.js'
import { KnownBlobs } from './known-blobs.js'
import { sweepDrafts } from '../system/durable.js'
import { KeyedMutex } from '../mutex.js'
import { Layers } from './layers.js'
import { JobPool } from './job-pool.js'
import { familiar, parseReference, type Reference } from '../oci/reference.js'
import { Tags } from './tags.js'

/**
 * Every image of the engine. An image is seen once its layers, its configuration and its name are on the disk, in
 * that order; what a crash left without a name on top of it is swept at the next start.
 *
 *     images/configs            see Configurations
 *     images/references.json    names
 *     images/digests.json       names by digest, `debian@sha256:…`: what registries call the images
 *     images/travels.json       see Travels
 *     images/layers, staging    see Layers
 */
export class ImageStore implements Images, AsyncDisposable {
  readonly pool: JobPool
  readonly layers: Layers
  readonly tags: Tags
  /** The same, for names by digest. */
  readonly digests: Tags
  readonly knownBlobs: KnownBlobs
  readonly usage: Usage
  readonly #events: Events
  readonly #configurations: Configurations
  readonly #images = new Map<Digest, StoredImage>()
  /** Images that are being put on disk: one pulled twice at once is written once. */
  readonly #keeping = new KeyedMutex()
  #spared: () => readonly Digest[] = () => []
  /** True when the pool are somebody else's. */
  #shared = false

  private constructor(
    configurations: Configurations,
    pool: JobPool,
    layers: Layers,
    names: { readonly tags: Tags; readonly digests: Tags; readonly knownBlobs: KnownBlobs },
    events: Events,
    usage: Usage,
  ) {
    this.#configurations = configurations
    this.pool = pool
    this.layers = layers
    this.tags = names.tags
    this.digests = names.digests
    this.knownBlobs = names.knownBlobs
    this.usage = usage
    this.#events = events
  }

  /** Opens the store and drops what an interrupted engine left half-made. `sweep` layers once the caches are known. */
  static async open(config: EngineConfig, events: Events, usage: Usage, shared?: JobPool): Promise<ImageStore> {
    const pool = shared ?? new JobPool()
    const root = join(config.root, 'images')
    await mkdir(root, { recursive: true, mode: 0o711 })
    await sweepDrafts(root)
    const layers = await Layers.open(root, pool)
    const tags = await Tags.open(join(root, 'references.json'))
    const digests = await Tags.open(join(root, 'digests.json'))
    const knownBlobs = await KnownBlobs.open(join(root, 'travels.json'), (diffId) => layers.has(diffId))
    const configurations = await Configurations.open(join(root, 'configs'), (id) => tags.of(id).length > 0)
    const store = new ImageStore(configurations, pool, layers, { tags, digests, knownBlobs }, events, usage)
    store.#shared = shared !== undefined
    for (const [id, bytes] of await configurations.all()) await store.#load(id, bytes)
    for (const names of [tags, digests]) {
      const lost = names.names().filter((name) => !store.#images.has(names.get(parseReference(name)) ?? ''))
      if (lost.length > 0) await names.change(new Map(lost.map((name) => [name, undefined])))
    }
    return store
  }

  /** @throws EngineError `invalid` for what is no name, `missing` "No such image: x" */
  // eslint-disable-next-line @typescript-eslint/require-await -- the contract leaves room for a slower store
  async get(reference: string): Promise<StoredImage> {
    return this.find(reference).image
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- as above
  async lowerDirs(image: Image): Promise<readonly string[]> {
    return image.layers.map((diffId) => this.layers.directory(diffId))
  }

  copyTree(from: string, to: string): Promise<void> {
    return this.pool.run('copyTree', { from, to })
  }

  /** The image, and the name it was found by when it was not its id. @throws EngineError `invalid` for what is no name, `missing` */
  find(reference: string): { image: StoredImage; name: string | undefined } {
    const byId = this.#images.get(reference.startsWith('sha256:') ? reference : `sha256:${reference}`)
    if (byId) return { image: byId, name: undefined }
    const name = readName(reference)
    const names = name?.digest === undefined ? this.tags : this.digests
    const tagged = name ? this.#images.get(names.get(name) ?? '') : undefined
    if (name && tagged) return { image: tagged, name: familiar(name) }
    const prefix = reference.replace(/^sha256:/, '')
    const matches = /^[0-9a-f]{1,64}$/.test(prefix)
      ? [...this.#images.values()].filter(({ id }) => id.startsWith(`sha256:${prefix}`))
      : []
    const [match, second] = matches
    if (match && !second) return { image: match, name: undefined }
    const wanted = name ?? (/^[0-9a-f]{64}$/.test(prefix) ? undefined : parseReference(reference))
    throw new EngineError('missing', `No such image: ${wanted ? familiar(wanted) : reference}`)
  }

  /** What `find` finds; undefined when there is none. @throws EngineError `invalid` */
  seek(reference: string): StoredImage | undefined {
    try {
      return this.find(reference).image
    } catch (error) {
      if (isFault(error, 'missing')) return undefined
      throw error
    }
  }

  /** The image that bears a name or has a digest; no id is one. */
  named(reference: string): StoredImage | undefined {
    const name = readName(reference)
    if (!name) return undefined
    return this.#images.get((name.digest === undefined ? this.tags : this.digests).get(name) ?? '')
  }

  hasPrivilegedFiles(id: Digest): boolean {
    return this.#images.get(id)?.layers.some((diffId) => this.layers.hasPrivilegedFiles(diffId)) ?? true
  }

  all(): StoredImage[] {
    return [...this.#images.values()]
  }

  /** Names an event after an image, with its labels, as Docker does. */
  tell(action: string, id: Digest, name?: string): void {
    const labels = this.#images.get(id)?.config.Labels ?? {}
    this.#events.emit('image', action, id, { ...labels, ...(name === undefined ? {} : { name }) })
  }

  /**
   * Stores an image over layers that are committed, and names it. When this resolves it survives a power cut.
   * The same configuration twice is the same image.
   */
  async create(document: ImageDocument, names: readonly string[] = []): Promise<StoredImage> {
    const same = this.all().find((image) => image.document === document)
    if (same) {
      await this.name(same.id, names)
      return same
    }
    return this.persist(Buffer.from(JSON.stringify(document)), names)
  }

  /** The same, for a configuration from elsewhere: an image's id is the digest of these bytes. @throws EngineError */
  async persist(bytes: Buffer, names: readonly string[] = []): Promise<StoredImage> {
    const references = names.map((name) => parseReference(name))
    const document = readDocument(bytes)
    const id = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
    await this.#keeping.run(id, () => this.#keep(id, document, bytes, references))
    return this.#must(id)
  }

  async #keep(id: Digest, document: ImageDocument, bytes: Buffer, references: readonly Reference[]): Promise<void> {
    if (this.#images.has(id)) return this.name(id, references.map(familiar))
    for (const diffId of document.rootfs.diff_ids) this.layers.directory(diffId)
    const settled = this.layers.settle()
    // with names to come it is seen at the next start only if they came, by when its layers are on the disk as well
    const pending = references.length > 0
    if (!pending) await settled
    await Promise.all([settled, this.#configurations.write(id, bytes, pending)])
    this.#images.set(id, this.#image(id, document))
    if (references.length > 0) await this.#publish(id, references)
  }

  /** Names a new image; one that cannot be named is none. */
  async #publish(id: Digest, references: readonly Reference[]): Promise<void> {
    try {
      await this.name(id, references.map(familiar))
    } catch (error) {
      this.#images.delete(id)
      await this.#configurations.remove(id)
      throw error
    }
    await this.#configurations.settle(id)
  }

  /** Gives an image names, taking them from the images that had them. */
  async name(id: Digest, names: readonly string[]): Promise<void> {
    if (names.length === 0) return
    await this.tags.change(new Map(names.map((name) => [name, id])))
    for (const name of names) this.tell('tag', id, name)
  }

  /** Notes what a registry calls an image: `name@digest`. */
  async nameByDigest(id: Digest, name: string): Promise<void> {
    await this.digests.change(new Map([[familiar(parseReference(name)), id]]))
  }

  /** The bytes an image's id is the digest of. @throws EngineError `missing` */
  async configuration(id: Digest): Promise<Buffer> {
    const bytes = await this.#configurations.read(id)
    if (!bytes) throw new EngineError('missing', `No such image: ${id}`)
    return bytes
  }

  /** Before the names of an image go, and it with them: a kill leaves all of that done, or none. */
  async retire({ id }: StoredImage): Promise<void> {
    await this.#keeping.run(id, () => this.#configurations.retire(id))
  }

  async untag(name: string): Promise<void> {
    const reference = parseReference(name)
    const names = reference.digest === undefined ? this.tags : this.digests
    const id = names.get(reference)
    await names.change(new Map([[name, undefined]]))
    if (id !== undefined) this.tell('untag', id, name)
  }

  /** Deletes an image and the layers that no other image and no cache has. Its names must be gone. Answers with the layers deleted. */
  async delete(image: StoredImage): Promise<{ layers: Digest[]; freed: number }> {
    this.tell('delete', image.id)
    this.#images.delete(image.id)
    const record = await this.#configurations.space(image.id)
    await this.#configurations.remove(image.id)
    const freed = record + (await this.discard(image.layers))
    return { layers: image.layers.filter((diffId) => !this.layers.has(diffId)), freed }
  }

  /** Keeps layers for the sake of a cache, which drops them itself. */
  spare(layers: () => readonly Digest[]): void {
    this.#spared = layers
  }

  /** Removes those of the layers that nothing needs: no image, no cache and nothing at work. Answers with the bytes set free. */
  async discard(layers: Iterable<Digest>): Promise<number> {
    let freed = 0
    for (const diffId of layers) {
      // looked at each time: another image may have been made of it while the last one was removed
      const needed = this.usedLayers().has(diffId) || this.#spared().includes(diffId)
      if (!needed) freed += await this.layers.remove([diffId])
    }
    return freed
  }

  /** Bytes on disk of an image: its layers, and its configuration. */
  async space(image: StoredImage): Promise<number> {
    const layers = await Promise.all([...new Set(image.layers)].map((diffId) => this.layers.space(diffId)))
    return layers.reduce((sum, bytes) => sum + bytes, await this.#configurations.space(image.id))
  }

  /** Layers that images are made of. */
  usedLayers(): Set<Digest> {
    return new Set(this.all().flatMap(({ layers }) => layers))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#shared) await this.pool[Symbol.asyncDispose]()
  }

  async #load(id: Digest, bytes: Buffer | undefined): Promise<void> {
    const document = bytes && readable(bytes)
    if (document?.rootfs.diff_ids.every((diffId) => this.layers.has(diffId))) {
      this.#images.set(id, this.#image(id, document))
      return
    }
    const lost = bytes ? 'layers of it are not here' : 'its configuration is damaged'
    process.stderr.write(`image ${id} is dropped: ${lost}; pull, load or build it again\n`)
    await this.#configurations.remove(id)
  }

  #image(id: Digest, document: ImageDocument): StoredImage {
    const { created, architecture, os, config, rootfs } = document
    const size = rootfs.diff_ids.reduce((sum, diffId) => sum + this.layers.size(diffId), 0)
    return { id, created, architecture, os, config, layers: rootfs.diff_ids, size, document }
  }

  #must(id: Digest): StoredImage {
    const image = this.#images.get(id)
    if (!image) throw new EngineError('missing', `No such image: ${id}`)
    return image
  }
}

/** undefined for what an older engine took and this one does not. */
function readable(bytes: Buffer): ImageDocument | undefined {
  try {
    return readDocument(bytes)
  } catch (error) {
    if (isFault(error, 'invalid')) return undefined
    throw error
  }
}

function readName(text: string): ReturnType<typeof parseReference> | undefined {
  try {
    return parseReference(text)
  } catch (error) {
    if (isFault(error, 'invalid') || codeOf(error) !== undefined) return undefined
    throw error
  }
}
