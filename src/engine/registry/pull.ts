import { createReadStream } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineError } from '../errors.js'
import { compressionOfFile, decompress } from '../oci/compression.js'
import { readDocument, type StoredImage } from '../oci/document.js'
import { familiar, familiarName, type Reference } from '../oci/reference.js'
import type { ImageStore } from '../images/store.js'
import type { Digest } from '../records.js'
import type { KeyedMutex } from '../mutex.js'
import type { Semaphore } from '../system/semaphore.js'
import {
  chooseManifest,
  type Descriptor,
  mostBytes,
  type Platform,
  readManifest,
  showPlatform,
} from '../oci/manifest.js'
import { meter, shortId, type Tell, teller } from '../oci/progress.js'
import type { Repository, FetchedManifest } from './repository.js'
import { quoted, sanitize } from '../system/sanitize.js'

/** What one image is pulled with. */
export interface PullDeps {
  readonly store: ImageStore
  readonly repository: Repository
  readonly semaphore: Semaphore
  readonly mutex: KeyedMutex
  readonly tell: Tell
  readonly signal: AbortSignal
}

/** Indexes may hold indexes, but not for ever. */
const mostIndexes = 3

/**
 * Pulls one image and names it. Nothing of it is seen before all of it is here and is what its digests say; layers that
 * are here already are not fetched. @returns the image and whether the name is new to it
 */
export async function pullOne(
  parts: PullDeps,
  reference: Reference,
  platform: Platform,
  asked: boolean,
): Promise<{ image: StoredImage; updated: boolean }> {
  const { store, repository, tell } = parts
  const served = await repository.manifest(reference.digest ?? reference.tag ?? 'latest')
  await tell({ status: `Pulling from ${reference.path}`, id: reference.digest ?? reference.tag ?? '' })
  const { config, layers } = await resolve(parts, served, platform)
  const here = store.all().some(({ id }) => id === config.digest)
  const bytes = await (here ? store.configuration(config.digest) : repository.blob(config))
  const document = readDocument(bytes)
  if (document.os !== 'linux')
    throw new EngineError('invalid', `operating system is not supported: ${quoted(document.os)}`)
  if (asked) await warnOfPlatform(reference, platform, document, tell)
  const diffIds = document.rootfs.diff_ids
  if (diffIds.length !== layers.length)
    throw new EngineError('invalid', "layers from manifest don't match image configuration")
  const held: Digest[] = []
  try {
    await sideBySide(layers, parts.signal, (layer, index, signal) =>
      fetchLayer({ ...parts, signal }, layer, diffIds[index] ?? '', reference, held),
    )
    const name = reference.digest === undefined ? [familiar(reference)] : []
    const before = name.length > 0 ? store.tags.get(reference) : store.digests.get(reference)
    // this first: a name without an image goes at the next start, an image without a name would stay
    await store.nameByDigest(config.digest, `${familiarName(reference)}@${served.digest}`)
    const image = await store.persist(bytes, before !== undefined && before === config.digest ? [] : name)
    await store.knownBlobs.save()
    await tell({ status: `Digest: ${served.digest}` })
    return { image, updated: before !== image.id }
  } finally {
    for (const diffId of held) store.layers.release(diffId)
  }
}

/** As dockerd, which takes whatever an image without an index is for. */
async function warnOfPlatform(
  reference: Reference,
  wanted: Platform,
  { os, architecture }: Pick<Platform, 'os' | 'architecture'>,
  tell: Tell,
): Promise<void> {
  if (architecture === wanted.architecture && os === wanted.os) return
  const actual = sanitize(showPlatform({ os, architecture, variant: '' }), 100)
  await tell({
    status: `WARNING: image with reference ${familiar(reference)} was found but does not match the specified platform: wanted ${showPlatform(wanted)}, actual: ${actual}`,
  })
}

/** Does the same with all; the first that fails ends the others, and is thrown once none is under way any more. */
async function sideBySide<T>(
  all: readonly T[],
  ended: AbortSignal,
  act: (one: T, index: number, signal: AbortSignal) => Promise<unknown>,
): Promise<void> {
  const abort = new AbortController()
  const signal = AbortSignal.any([ended, abort.signal])
  const work = all.map(async (one, index) => {
    await act(one, index, signal).catch((error: unknown) => {
      abort.abort(error)
      throw error
    })
  })
  const outcomes = await Promise.allSettled(work)
  const failed = outcomes.find((outcome) => outcome.status === 'rejected')
  if (failed) throw abort.signal.reason ?? failed.reason
}

/** What a repository is called in the record of known blobs. */
export const nameOf = ({ domain, path }: Reference): string => `${domain}/${path}`

/** The image manifest: the served one, or what an index has for the platform. */
async function resolve({ repository }: PullDeps, served: FetchedManifest, platform: Platform) {
  let manifest = readManifest(served.bytes)
  for (let depth = 0; manifest.kind === 'index'; depth++) {
    if (depth === mostIndexes)
      throw new EngineError('invalid', 'invalid manifest: indexes in indexes, too deep or in a loop')
    const entry = chooseManifest(manifest.manifests, platform)
    if (!entry)
      throw new EngineError(
        'missing',
        `no matching manifest for ${showPlatform(platform)} in the manifest list entries`,
      )
    if (entry.size > mostBytes) throw new EngineError('invalid', `the manifest is larger than ${mostBytes} bytes`)
    const { bytes } = await repository.manifest(entry.digest)
    if (bytes.length !== entry.size)
      throw new EngineError('invalid', `manifest ${entry.digest} is not ${entry.size} bytes long`)
    manifest = readManifest(bytes)
  }
  return manifest
}

async function fetchLayer(
  parts: PullDeps,
  layer: Descriptor,
  diffId: Digest,
  reference: Reference,
  held: Digest[],
): Promise<void> {
  const { store, repository, semaphore, mutex, tell, signal } = parts
  const { layers } = store
  const id = shortId(layer.digest)
  const say = teller(tell, id)
  await say('Pulling fs layer')
  // for each registry: one that is asked for a layer and never sends it keeps it from nobody who has it elsewhere
  await mutex.run(`${reference.domain} ${diffId}`, async () => {
    signal.throwIfAborted()
    if (layers.has(diffId)) {
      layers.hold(diffId)
      held.push(diffId)
      await say('Already exists')
      return
    }
    await semaphore.run(async () => {
      signal.throwIfAborted()
      await using stage = await layers.draft()
      const blob = join(stage.work, 'blob')
      await demandRoom(stage.work, layer)
      await repository.download(layer, blob, meter(tell, id, 'Downloading', layer.size), signal)
      await say('Download complete')
      signal.throwIfAborted()
      const compression = compressionOfFile(blob)
      await say('Extracting')
      await layers.adopt(stage, decompress(createReadStream(blob), compression), diffId, signal)
      held.push(diffId)
      if (compression === 'none' || compression === 'gzip' || compression === 'zstd')
        store.knownBlobs.note({ diffId, digest: layer.digest, size: layer.size, compression }, nameOf(reference))
      await say('Pull complete')
    })
  })
}

/** What cannot be held is not begun: the disk would be full for all until it breaks off. @throws EngineError `full` */
async function demandRoom(directory: string, { digest, size }: Descriptor): Promise<void> {
  const { bavail, bsize } = await statfs(directory)
  if (size > bavail * bsize)
    throw new EngineError('full', `no space left on device: blob ${digest} is ${size} bytes long`)
}
