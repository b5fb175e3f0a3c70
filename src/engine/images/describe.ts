import type { StoredImage } from './document.js'
import { historySizes } from './document.js'
import { type Filters, matches, matchesReference } from './filters.js'
import type { ImageStore } from './store.js'

/** The list of `GET /images/json`, newest first; `withShared` adds the bytes that other images have too. */
export function listImages(store: ImageStore, filters: Filters, version: number, withShared = false): object[] {
  const shared = withShared ? sharedSizes(store) : undefined
  const containers = (image: StoredImage) => store.usage.ofImage(image.id).length
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
      SharedSize: shared?.(image) ?? -1,
      Labels: image.config.Labels ?? null,
      Containers: containers(image) || -1,
    }))
}

/** Bytes of an image's layers that are layers of another image too. */
function sharedSizes(store: ImageStore): (image: StoredImage) => number {
  const owners = new Map<string, number>()
  for (const { layers } of store.all())
    for (const layer of new Set(layers)) owners.set(layer, (owners.get(layer) ?? 0) + 1)
  return ({ layers }) =>
    [...new Set(layers)]
      .filter((layer) => (owners.get(layer) ?? 0) > 1)
      .reduce((sum, layer) => sum + store.layers.size(layer), 0)
}

/** Before 1.43 an image without any name was called `<none>`, and one kind of name missing was null. */
function namesOf(tags: string[], digests: string[], version: number): object {
  if (version >= 143) return { RepoTags: tags, RepoDigests: digests }
  if (tags.length + digests.length === 0) return { RepoTags: ['<none>:<none>'], RepoDigests: ['<none>@<none>'] }
  return { RepoTags: tags.length > 0 ? tags : null, RepoDigests: digests.length > 0 ? digests : null }
}

/** The answer of `GET /images/{name}/json`. */
export function inspectImage(store: ImageStore, image: StoredImage, version: number): object {
  const { document } = image
  const directories = image.layers.map((diffId) => store.layers.directory(diffId)).reverse()
  const [top, ...lower] = directories
  return {
    Id: image.id,
    RepoTags: store.tags.of(image.id),
    RepoDigests: store.digests.of(image.id),
    Parent: '',
    Comment: document.history.at(-1)?.comment ?? '',
    Created: image.created,
    DockerVersion: '',
    Author: document.author ?? '',
    Config: {
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
      ...image.config,
    },
    Architecture: image.architecture,
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
