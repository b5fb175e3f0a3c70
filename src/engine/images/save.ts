import type { Digest } from '../records.js'
import { flow } from '../workers/flow.js'
import type { LayerMessage } from './layer-thread.js'
import { blobPath, layoutOf, type Leaf, type Saved } from '../oci/layout.js'
import { familiar, parseReference } from '../oci/reference.js'
import type { ImageStore } from './store.js'
import { encodeHeader, endOfArchive, padding } from '../oci/tar-header.js'
import { Thread } from '../kernel/thread.js'

/**
 * What `docker save` was asked for: a name saves that name, a repository without a tag all its tags, an id the image
 * without a name. @throws EngineError `missing`
 */
export function selectSaved(store: ImageStore, asked: readonly string[]): Saved[] {
  const names = new Map<Digest, Set<string>>()
  const note = (id: Digest, name?: string) => {
    const known = names.get(id) ?? new Set()
    names.set(id, name === undefined ? known : known.add(name))
  }
  for (const text of asked) {
    const { image, name } = find(store, text)
    if (image !== undefined) note(image, name)
    else for (const tag of tagsOf(store, text)) note(store.find(tag).image.id, tag)
  }
  return [...names].map(([id, own]) => ({
    image: store.find(id).image,
    names: [...own].sort().map((name) => parseReference(name)),
  }))
}

function find(store: ImageStore, text: string): { image?: Digest; name?: string } {
  if (tagsOf(store, text).length > 0) return {}
  const { image, name } = store.find(text)
  return { image: image.id, ...(name === undefined ? {} : { name }) }
}

/** Every tag of a repository that was named without one; none when it is no repository. */
function tagsOf(store: ImageStore, text: string): string[] {
  if (/^(sha256:)?[0-9a-f]{64}$/.test(text)) return []
  const { domain, path, tag, digest } = parseReference(text, null)
  if (tag !== undefined || digest !== undefined) return []
  return store.tags.names().filter((name) => {
    const known = parseReference(name)
    return known.domain === domain && known.path === path
  })
}

/**
 * The images as one archive that Docker, Podman and OCI tools read. The same images give the same bytes. Every layer is
 * checked against its diff id while it is read. @throws EngineError `broken` for a damaged layer, in the middle
 */
export async function* saveImages(store: ImageStore, saved: readonly Saved[]): AsyncGenerator<Buffer> {
  const layers = new Set(saved.flatMap(({ image }) => image.layers))
  for (const diffId of layers) store.layers.hold(diffId)
  const thread = new Thread<LayerMessage>(new URL('./layer-thread.js', import.meta.url))
  try {
    const lengths = new Map<Digest, number>()
    for (const diffId of layers) lengths.set(diffId, await store.pool.run('length', await store.layers.source(diffId)))
    const configs = new Map<Digest, Buffer>()
    for (const { image } of saved) configs.set(image.id, await store.configuration(image.id))
    const { blobs, rest } = layoutOf(saved, configs, lengths)
    const parts = new Map<string, Leaf | Digest>([
      ...blobs.map((leaf): [string, Leaf] => [leaf.path, leaf]),
      ...[...layers].map((diffId): [string, Digest] => [blobPath(diffId), diffId]),
    ])
    for (const directory of ['blobs/', 'blobs/sha256/']) yield header(directory, 0)
    for (const [path, part] of [...parts].sort(([a], [b]) => (a < b ? -1 : 1)))
      if (typeof part !== 'string') yield leafOf(part)
      else {
        const length = lengths.get(part) ?? 0
        yield header(path, length)
        await thread.post({ kind: 'layer', source: await store.layers.source(part), diffId: part })
        yield* flow(() => thread.post({ kind: 'next' }))
        yield padding(length)
      }
    for (const leaf of rest) yield leafOf(leaf)
    yield endOfArchive
    for (const { image, names } of saved) store.tell('save', image.id, names[0] && familiar(names[0]))
  } finally {
    for (const diffId of layers) store.layers.release(diffId)
    await thread.end()
  }
}

const header = (path: string, size: number): Buffer => {
  const type = path.endsWith('/') ? ('directory' as const) : ('file' as const)
  return encodeHeader({
    name: Buffer.from(path),
    type,
    mode: type === 'file' ? 0o644 : 0o755,
    uid: 0,
    gid: 0,
    size,
    mtime: 0,
  })
}

const leafOf = ({ path, bytes }: Leaf): Buffer =>
  Buffer.concat([header(path, bytes.length), bytes, padding(bytes.length)])
