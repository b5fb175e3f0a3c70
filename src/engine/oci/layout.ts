import { digestOf, media } from './manifest.js'
import type { Digest } from '../records.js'
import type { StoredImage } from './document.js'
import { familiar, familiarName, type Reference } from './reference.js'

/** One image to save, with the names it is to be known by. */
export interface Saved {
  readonly image: StoredImage
  readonly names: readonly Reference[]
}

/** A file of an image archive that fits in memory. */
export interface Leaf {
  readonly path: string
  readonly bytes: Buffer
}

/** Where the archive has what a digest names. */
export const blobPath = (digest: Digest): string => `blobs/sha256/${digest.slice('sha256:'.length)}`

/** Annotations that name an image in an index: containerd's has the whole name, the standard's only the tag. */
export const annotations = { name: 'io.containerd.image.name', ref: 'org.opencontainers.image.ref.name' } as const

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
const whole = (name: Reference): string => `${name.domain}/${name.path}:${name.tag ?? ''}`

/** @param size of the image's configuration */
const manifestOf = (image: Saved['image'], size: number, lengths: ReadonlyMap<Digest, number>): Buffer =>
  json({
    schemaVersion: 2,
    mediaType: media.ociManifest,
    config: { mediaType: media.ociConfig, digest: image.id, size },
    layers: image.layers.map((digest) => ({ mediaType: media.ociLayer, digest, size: lengths.get(digest) ?? 0 })),
  })

/**
 * Everything of an image archive but the layers: an OCI image layout (image-spec v1.1 image-layout.md), and beside it
 * Docker's `manifest.json` and `repositories` that point into it, for tools that know only these.
 */
export function layoutOf(
  saved: readonly Saved[],
  configs: ReadonlyMap<Digest, Buffer>,
  lengths: ReadonlyMap<Digest, number>,
): { readonly blobs: readonly Leaf[]; readonly rest: readonly Leaf[] } {
  const blobs: Leaf[] = []
  const index: object[] = []
  const manifests: object[] = []
  const repositories: Record<string, Record<string, string>> = {}
  for (const { image, names } of saved) {
    const config = configs.get(image.id) ?? Buffer.alloc(0)
    const manifest = manifestOf(image, config.length, lengths)
    blobs.push({ path: blobPath(image.id), bytes: config }, { path: blobPath(digestOf(manifest)), bytes: manifest })
    const platform = { architecture: image.architecture, os: image.os }
    const entry = { mediaType: media.ociManifest, digest: digestOf(manifest), size: manifest.length, platform }
    if (names.length === 0) index.push(entry)
    for (const name of names) {
      index.push({ ...entry, annotations: { [annotations.name]: whole(name), [annotations.ref]: name.tag } })
      const tags = (repositories[familiarName(name)] ??= {})
      tags[name.tag ?? ''] = (image.layers.at(-1) ?? image.id).slice('sha256:'.length)
    }
    manifests.push({
      Config: blobPath(image.id),
      RepoTags: names.length > 0 ? names.map(familiar) : null,
      Layers: image.layers.map(blobPath),
    })
  }
  const rest = [
    { path: 'index.json', bytes: json({ schemaVersion: 2, mediaType: media.ociIndex, manifests: index }) },
    { path: 'manifest.json', bytes: json(manifests) },
    { path: 'oci-layout', bytes: json({ imageLayoutVersion: '1.0.0' }) },
    ...(Object.keys(repositories).length > 0 ? [{ path: 'repositories', bytes: json(repositories) }] : []),
  ]
  return { blobs, rest }
}
