import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { EngineError } from '../errors.js'
import type { Digest } from '../records.js'
import { digestOf } from '../oci/manifest.js'
import { meter, shortId, type Tell } from '../oci/progress.js'
import { autoDecompress } from '../oci/compression.js'
import { readDocument, type StoredImage } from '../oci/document.js'
import { Cargo, type Packed } from './cargo.js'
import { readIndex } from './load-index.js'
import { readDockerManifest } from './load-manifest.js'
import { familiar, type Reference } from '../oci/reference.js'
import type { ImageStore } from './store.js'

/** What one load is told and kept with. */
interface Loading {
  readonly store: ImageStore
  readonly cargo: Cargo
  readonly held: Digest[]
  readonly fresh: Set<Digest>
  readonly tell: Tell
  readonly signal: AbortSignal
}

/**
 * Reads an image archive: Docker's, old or new, or an OCI image layout; compressed or not. It may be hostile. Nothing is
 * kept unless all of it is what it says. @throws EngineError `invalid`
 * @returns the images with the names they were given
 */
export async function loadImages(
  store: ImageStore,
  archive: Readable,
  tell: Tell,
  signal: AbortSignal,
): Promise<{ image: StoredImage; names: readonly string[] }[]> {
  await using stage = await store.layers.draft()
  const task = { upper: stage.upper, lowers: [], base: '/', as: 'context' as const }
  await store.pool.unpack(task, await autoDecompress(archive), signal)
  const cargo = new Cargo(stage.upper)
  const loading: Loading = { store, cargo, held: [], fresh: new Set(), tell, signal }
  try {
    const configs: Buffer[] = []
    const packed = await contents(cargo)
    for (const one of packed) configs.push(await loadLayers(loading, one))
    const loaded: { image: StoredImage; names: readonly string[] }[] = []
    for (const [index, { names }] of packed.entries()) {
      const bytes = configs[index] ?? Buffer.alloc(0)
      await tellMoved(loading, names, digestOf(bytes))
      const image = await store.persist(bytes, names.map(familiar))
      store.tell('load', image.id, names[0] === undefined ? image.id : familiar(names[0]))
      loaded.push({ image, names: names.map(familiar) })
    }
    return loaded
  } finally {
    for (const diffId of loading.held) store.layers.release(diffId)
    await store.discard(loading.fresh)
  }
}

/** The archive's own list of images: Docker's where there is one, as dockerd reads it. */
async function contents(cargo: Cargo): Promise<Packed[]> {
  const packed = cargo.has('/manifest.json')
    ? readDockerManifest(await cargo.read('/manifest.json'))
    : cargo.has('/index.json')
      ? await readIndex(cargo)
      : undefined
  if (packed === undefined)
    throw new EngineError('invalid', 'invalid image archive: it has neither manifest.json nor index.json')
  if (packed.length === 0) throw new EngineError('invalid', 'invalid image archive: it holds no image for this machine')
  return packed
}

/** @returns the configuration, its layers in the store and held */
async function loadLayers(loading: Loading, { config, layers }: Packed): Promise<Buffer> {
  const { store, cargo, held, fresh, tell, signal } = loading
  const bytes = await cargo.read(config)
  const document = readDocument(bytes)
  if (document.os !== 'linux' && document.os !== '')
    throw new EngineError('invalid', `cannot load ${document.os.slice(0, 40)} image on linux`)
  const diffIds = document.rootfs.diff_ids
  if (diffIds.length !== layers.length)
    throw new EngineError(
      'invalid',
      `invalid manifest, layers length mismatch: expected ${diffIds.length}, got ${layers.length}`,
    )
  for (const [index, diffId] of diffIds.entries()) {
    signal.throwIfAborted()
    const { place, size } = cargo.file(layers[index] ?? '')
    if (store.layers.has(diffId)) store.layers.hold(diffId)
    else {
      const note = meter(tell, shortId(diffId), 'Loading layer', size)
      await using stage = await store.layers.draft()
      const source = Readable.from(counted(createReadStream(place, { highWaterMark: 1 << 18 }), note), {
        objectMode: false,
      })
      await store.layers.adopt(stage, await autoDecompress(source), diffId, signal)
      fresh.add(diffId)
    }
    held.push(diffId)
  }
  return bytes
}

async function* counted(source: Readable, note: (bytes: number) => void): AsyncGenerator<Buffer> {
  let seen = 0
  for await (const chunk of source as AsyncIterable<Buffer>) {
    note((seen += chunk.length))
    yield chunk
  }
}

/** Says which names other images lose. */
async function tellMoved({ store, tell }: Loading, names: readonly Reference[], id: Digest): Promise<void> {
  for (const name of names) {
    const before = store.tags.get(name)
    if (before === undefined || before === id) continue
    const status = `The image ${familiar(name)} already exists, renaming the old one with ID ${before} to empty string`
    await tell({ stream: `${status}\n` })
  }
}
