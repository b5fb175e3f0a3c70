import { join } from 'node:path'
import type { StoredImage } from '../oci/document.js'
import { familiarName, type Reference } from '../oci/reference.js'
import type { ImageStore } from '../images/store.js'
import type { KnownBlob } from '../images/known-blobs.js'
import type { Digest } from '../records.js'
import type { KeyedMutex } from '../mutex.js'
import type { Semaphore } from '../system/semaphore.js'
import { type Descriptor, media } from '../oci/manifest.js'
import { meter, shortId, type Tell, teller } from '../oci/progress.js'
import { nameOf } from './pull.js'
import type { Repository } from './repository.js'

export interface PushDeps {
  readonly store: ImageStore
  readonly repository: Repository
  readonly semaphore: Semaphore
  readonly mutex: KeyedMutex
  readonly tell: Tell
}

/** Forms of a layer looked for, and repositories asked for each, before it is sent. */
const most = { forms: 3, mounts: 3 }

/** Pushes one image under one tag. Layers the registry has, here or in another repository, do not travel. */
export async function pushOne(parts: PushDeps, reference: Reference, tag: string, image: StoredImage): Promise<void> {
  const { store, repository, tell } = parts
  const held = [...image.layers]
  for (const diffId of held) store.layers.hold(diffId)
  try {
    for (const diffId of [...image.layers].reverse()) await teller(tell, shortId(diffId))('Preparing')
    const knownBlobs = await all(image.layers.map((diffId) => pushLayer(parts, reference, diffId)))
    const bytes = await store.configuration(image.id)
    const config = { mediaType: media.config, digest: image.id, size: bytes.length }
    if (!(await repository.has(image.id))) await repository.upload(config, bytes, () => undefined)
    await store.knownBlobs.save()
    // Docker's manifest has no word for layers that are not gzip, OCI's has
    const plain = knownBlobs.every(({ compression }) => compression === 'gzip')
    const mediaType = plain ? media.manifest : media.ociManifest
    const manifest = Buffer.from(
      JSON.stringify(
        {
          schemaVersion: 2,
          mediaType,
          config: { ...config, mediaType: plain ? media.config : media.ociConfig },
          layers: knownBlobs.map((travel) => describe(travel, plain)),
        },
        null,
        3,
      ),
    )
    const digest = await repository.putManifest(tag, mediaType, manifest)
    await store.nameByDigest(image.id, `${familiarName(reference)}@${digest}`)
    await tell({ status: `${tag}: digest: ${digest} size: ${manifest.length}` })
    await tell({ progressDetail: {}, aux: { Tag: tag, Digest: digest, Size: manifest.length } })
  } finally {
    for (const diffId of held) store.layers.release(diffId)
  }
}

function describe({ digest, size, compression }: KnownBlob, plain: boolean): Descriptor {
  const mediaType = plain ? media.layer : `${media.ociLayer}${compression === 'none' ? '' : `+${compression}`}`
  return { mediaType, size, digest }
}

/** Waits for all, so that none goes on after the first has failed. */
async function all<T>(work: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work)
  return Promise.all(work)
}

async function pushLayer(parts: PushDeps, reference: Reference, diffId: Digest): Promise<KnownBlob> {
  const { store, repository, semaphore, mutex, tell } = parts
  const id = shortId(diffId)
  const say = teller(tell, id)
  const target = nameOf(reference)
  return mutex.run(`${target} ${diffId}`, () =>
    semaphore.run(async () => {
      const note = (travel: Omit<KnownBlob, 'repositories'>): KnownBlob => {
        store.knownBlobs.note(travel, target)
        return { ...travel, repositories: [] }
      }
      const known = store.knownBlobs.of(diffId).slice(0, most.forms)
      for (const travel of known)
        if (await repository.has(travel.digest)) {
          await say('Layer already exists')
          return note(plain(travel))
        }
      for (const travel of known)
        for (const other of travel.repositories.slice(0, most.mounts)) {
          const from = other.slice(reference.domain.length + 1)
          if (!other.startsWith(`${reference.domain}/`) || from === reference.path) continue
          if (!(await repository.mount(travel.digest, from))) continue
          await say(`Mounted from ${from}`)
          return note(plain(travel))
        }
      await using stage = await store.layers.draft()
      const file = join(stage.work, 'blob')
      const { digest, size } = await store.layers.compress(diffId, file)
      const travel = { diffId, digest, size, compression: 'gzip' as const }
      if (await repository.has(digest)) {
        await say('Layer already exists')
        return note(travel)
      }
      const blob = { mediaType: media.layer, digest, size }
      await repository.upload(blob, file, meter(tell, id, 'Pushing', size))
      await say('Pushed')
      return note(travel)
    }),
  )
}

const plain = ({ diffId, digest, size, compression }: KnownBlob): Omit<KnownBlob, 'repositories'> => ({
  diffId,
  digest,
  size,
  compression,
})
