import type { Readable } from 'node:stream'
import { applyChanges } from '../build/apply-changes.js'
import { isUrl, openUrl } from '../build/download.js'
import { fromHost } from '../build/outlet.js'
import { EngineError } from '../errors.js'
import { imageHistory, inspectImage, listImages } from '../images/describe.js'
import { imageFilters, pruneFilters } from '../images/filters.js'
import { importImage } from '../images/import.js'
import { familiar, familiarName, isTag, parseReference } from '../oci/reference.js'
import { pruneImages, removeImage } from '../images/removal.js'
import type { ImageStore } from '../images/store.js'
import { readPlatform } from '../oci/manifest.js'
import type { Registry } from '../registry/registry.js'
import { imageArchiveRoutes } from './images-archive.js'
import { flag } from './query.js'
import { pullRoute } from './registry.js'
import type { ApiReply, ApiRequest, ApiRoute } from './route.js'

/** What the image endpoints stand on. */
export interface ImageApi {
  readonly registry: Registry
  readonly images: ImageStore
}

/** `/images` and below, but for the build. */
export const imageRoutes = ({ registry, images }: ImageApi): readonly ApiRoute[] => [
  ...imageArchiveRoutes(images),
  {
    method: 'GET',
    path: '/images/json',
    handle: ({ query, version }, reply) =>
      reply.json(200, listImages(images, imageFilters(query), version, { shared: flag(query, 'shared-size') })),
  },
  {
    method: 'GET',
    path: '/images/{name}/json',
    handle: async ({ params, version }, reply) =>
      reply.json(200, inspectImage(images, await images.get(params.name ?? ''), version)),
  },
  {
    method: 'GET',
    path: '/images/{name}/history',
    handle: async ({ params }, reply) => reply.json(200, imageHistory(images, await images.get(params.name ?? ''))),
  },
  {
    method: 'POST',
    path: '/images/{name}/tag',
    handle: async ({ params, query }, reply) => {
      const image = await images.get(params.name ?? '')
      await images.name(image.id, [taggedName(query)])
      reply.empty(201)
    },
  },
  {
    method: 'DELETE',
    path: '/images/{name}',
    handle: async ({ params, query }, reply) =>
      reply.json(200, await removeImage(images, params.name ?? '', flag(query, 'force'))),
  },
  {
    method: 'POST',
    path: '/images/prune',
    handle: async ({ query }, reply) => reply.json(200, await pruneImages(images, pruneFilters(query))),
  },
  {
    method: 'POST',
    path: '/images/create',
    partly: 'debian:bookworm-slim is made on the spot where no registry is given',
    handle: (request, reply) =>
      request.query.get('fromSrc') === null
        ? pullRoute(registry, request, reply)
        : importArchive(images, request, reply),
  },
]

/** The name that an image is to get. @throws EngineError `invalid` */
function taggedName(query: URLSearchParams): string {
  const repository = query.get('repo') ?? ''
  const tag = query.get('tag') ?? ''
  if (tag !== '' && !isTag(tag)) throw new EngineError('invalid', 'invalid tag format')
  const reference = parseReference(tag === '' ? repository : `${repository}:${tag}`)
  if (reference.digest !== undefined)
    throw new EngineError('invalid', 'refusing to create a tag with a digest reference')
  if (familiarName(reference) === 'sha256')
    throw new EngineError('invalid', 'refusing to create an ambiguous tag using digest algorithm as name')
  return familiar(reference)
}

/** @param from a URL; one without a scheme is http's. @throws EngineError `invalid` */
async function fetchArchive(from: string, signal: AbortSignal): Promise<Readable> {
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(from) ? from : `http://${from}`
  if (!isUrl(url)) throw new EngineError('invalid', `Get "${url}": unsupported protocol scheme`)
  return (await openUrl(url, fromHost, signal)).body
}

async function importArchive(images: ImageStore, request: ApiRequest, reply: ApiReply): Promise<void> {
  const { query } = request
  const from = query.get('fromSrc') ?? '-'
  const repository = query.get('repo') ?? ''
  const tag = query.get('tag') ?? ''
  const config = applyChanges({}, query.getAll('changes'))
  const platform = readPlatform(query.get('platform') ?? '')
  if (platform.os !== 'linux')
    throw new EngineError('invalid', `operating system is not supported: ${JSON.stringify(platform.os)}`)
  const image = await importImage(
    images,
    from === '-' ? request.raw : await fetchArchive(from, request.signal),
    {
      names: repository === '' ? [] : [tag === '' ? repository : `${repository}:${tag}`],
      config,
      architecture: platform.architecture,
      created: new Date().toISOString(),
      createdBy: '',
      comment: query.get('message') || `Imported from ${from}`,
    },
    request.signal,
  )
  images.tell('import', image.id)
  const out = reply.stream()
  await out.write({ status: image.id })
  out.end()
}
