import type { Digest } from '../records.js'
import type { StoredImage } from '../oci/document.js'
import { historySizes, originOf } from '../oci/document.js'
import { type Filters, matches, matchesReference } from './filters.js'
import type { ImageStore } from './store.js'

/** What a list tells beyond what is at hand. */
export interface Details {
  /** Bytes of layers that other images have too. */
  readonly shared?: boolean
  /** How many containers there are of each. */
  readonly containers?: boolean
}

/** The list of `GET /images/json`, newest first; what was not asked for is -1. */
export function listImages(store: ImageStore, filters: Filters, version: number, details: Details = {}): object[] {
  const shared = details.shared === true ? sharedLayers(store) : undefined
  return store
    .all()
    .filter((image) => matches(store, image, filters))
    .flatMap((image) => {
      const asked = filters.get('reference') ?? []
      const named = (name: string) => asked.length === 0 || asked.some((one) => matchesReference(name, one))
      const tags = store.tags.of(image.id).filter(named)
      const digests = store.digests.of(image.id).filter(named)
      return asked.length > 0 && tags.length + digests.length === 0 ? [] : [{ image, tags, digests }]
    })
    .sort((a, b) => Date.parse(b.image.created) - Date.parse(a.image.created))
    .map(({ image, tags, digests }) => ({
      Id: image.id,
      ParentId: '',
      ...namesOf(tags, digests, version),
      Created: Math.floor(Date.parse(image.created) / 1000),
      Size: image.size,
      ...(version < 144 ? { VirtualSize: image.size } : {}),
      SharedSize: shared
        ? sizeOf(
            store,
            image.layers.filter((diffId) => shared.has(diffId)),
          )
        : -1,
      Labels: image.config.Labels ?? null,
      Containers: details.containers === true ? store.usage.ofImage(image.id).length : -1,
    }))
}

/**
 * What `GET /system/df` tells of images: bytes as the disk has them. Layers count once, and each image its configuration.
 */
export async function imageUsage(
  store: ImageStore,
  version: number,
): Promise<{ layersSize: number; images: object[] }> {
  const shared = sharedLayers(store)
  const bytes = async (diffIds: Iterable<Digest>): Promise<number> => {
    const each = await Promise.all([...new Set(diffIds)].map((diffId) => store.layers.space(diffId)))
    return each.reduce((sum, one) => sum + one, 0)
  }
  const images = new Map(store.all().map((image) => [image.id, image]))
  let records = 0
  const rows = await Promise.all(
    (listImages(store, new Map(), version, { containers: true }) as { Id: Digest }[]).map(async (row) => {
      const image = images.get(row.Id)
      if (!image) return row
      const [space, layers] = [await store.space(image), await bytes(image.layers)]
      records += space - layers
      return { ...row, Size: space, SharedSize: await bytes(image.layers.filter((diffId) => shared.has(diffId))) }
    }),
  )
  return { layersSize: records + (await bytes(store.usedLayers())), images: rows }
}

const sizeOf = (store: ImageStore, layers: readonly Digest[]): number =>
  layers.reduce((sum, diffId) => sum + store.layers.size(diffId), 0)

/** Layers that more than one image has. */
function sharedLayers(store: ImageStore): Set<Digest> {
  const once = new Set<Digest>()
  const more = new Set<Digest>()
  for (const { layers } of store.all())
    for (const diffId of new Set(layers)) {
      if (once.has(diffId)) more.add(diffId)
      once.add(diffId)
    }
  return more
}

/** Before 1.43 an image without any name was called `<none>`, and one kind of name missing was null. */
function namesOf(tags: string[], digests: string[], version: number): object {
  if (version >= 143) return { RepoTags: tags, RepoDigests: digests }
  if (tags.length + digests.length === 0) return { RepoTags: ['<none>:<none>'], RepoDigests: ['<none>@<none>'] }
  return { RepoTags: tags.length > 0 ? tags : null, RepoDigests: digests.length > 0 ? digests : null }
}

/** A configuration with what it may leave out. */
const withDefaults = (config: object): object => ({
  Hostname: '',
  Domainname: '',
  User: '',
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Env: null,
  Cmd: null,
  Image: '',
  Volumes: null,
  WorkingDir: '',
  Entrypoint: null,
  OnBuild: null,
  Labels: null,
  ...config,
})

/** The answer of `GET /images/{name}/json`. */
export function inspectImage(store: ImageStore, image: StoredImage, version: number): object {
  const { document } = image
  const directories = image.layers.map((diffId) => store.layers.directory(diffId)).reverse()
  const [top, ...lower] = directories
  const origin = originOf(document)
  return {
    Id: image.id,
    RepoTags: store.tags.of(image.id),
    RepoDigests: store.digests.of(image.id),
    Parent: store.all().some(({ id }) => id === document.parent) ? document.parent : '',
    Comment: document.history.at(-1)?.comment ?? '',
    Created: image.created,
    DockerVersion: '',
    Author: document.author ?? '',
    Config: withDefaults(image.config),
    // gone from Docker's API since 1.45, and asked for by docker-compose 1.29, which speaks the newest version there is
    Container: origin.container,
    ContainerConfig: withDefaults(origin.config),
    Architecture: image.architecture,
    ...(typeof document.variant === 'string' && document.variant !== '' ? { Variant: document.variant } : {}),
    Os: image.os,
    Size: image.size,
    ...(version < 144 ? { VirtualSize: image.size } : {}),
    GraphDriver: {
      Name: 'overlay2',
      Data: { ...(lower.length > 0 ? { LowerDir: lower.join(':') } : {}), ...(top ? { UpperDir: top } : {}) },
    },
    RootFS: { Type: 'layers', Layers: image.layers },
    Metadata: { LastTagTime: '0001-01-01T00:00:00Z' },
  }
}

/** The answer of `GET /images/{name}/history`, newest first. */
export function imageHistory(store: ImageStore, image: StoredImage): object[] {
  const sizes = historySizes(image.document, (diffId) => store.layers.size(diffId))
  return image.document.history
    .map((entry, index) => ({
      Id: '<missing>',
      Created: Math.floor(Date.parse(entry.created ?? image.created) / 1000),
      CreatedBy: entry.created_by ?? '',
      Tags: null as string[] | null,
      Size: sizes[index] ?? 0,
      Comment: entry.comment ?? '',
    }))
    .reverse()
    .map((entry, index) => (index === 0 ? { ...entry, Id: image.id, Tags: store.tags.of(image.id) } : entry))
}
