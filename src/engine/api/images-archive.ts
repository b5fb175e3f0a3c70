import { pipeline } from 'node:stream/promises'
import { codeOf, EngineError } from '../errors.js'
import { loadImages } from '../images/load.js'
import { saveImages, selectSaved } from '../images/save.js'
import type { ImageStore } from '../images/store.js'
import type { StatusLine } from '../oci/progress.js'
import { streaming } from './registry.js'
import { flag } from './query.js'
import type { ApiReply, ApiRequest, ApiRoute } from './route.js'

/** Saving and loading images as archives. */
export const imageArchiveRoutes = (images: ImageStore): readonly ApiRoute[] => [
  {
    method: 'GET',
    path: '/images/get',
    handle: ({ query }, reply) => save(images, query.getAll('names'), reply),
  },
  {
    method: 'GET',
    path: '/images/{name}/get',
    handle: ({ params }, reply) => save(images, [params.name ?? ''], reply),
  },
  { method: 'POST', path: '/images/load', handle: (request, reply) => load(images, request, reply) },
]

async function save(images: ImageStore, names: readonly string[], reply: ApiReply): Promise<void> {
  if (names.length === 0) throw new EngineError('invalid', 'no image names given')
  const saved = selectSaved(images, names)
  await sendArchive(saveImages(images, saved), reply)
}

/** Streams an archive: what fails before its first byte answers with a status, later breaks the connection off. */
export async function sendArchive(
  archive: AsyncGenerator<Buffer>,
  reply: ApiReply,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const first = await archive.next()
  reply.raw.writeHead(200, { 'Content-Type': 'application/x-tar', ...headers })
  const rest = async function* () {
    if (first.done !== true) yield first.value
    yield* archive
  }
  try {
    await pipeline(rest, reply.raw)
  } catch (error) {
    // a client that has left is no fault
    if (codeOf(error) !== 'ERR_STREAM_PREMATURE_CLOSE') console.error(error)
    reply.raw.destroy()
  } finally {
    await archive.return(undefined)
  }
}

async function load(images: ImageStore, request: ApiRequest, reply: ApiReply): Promise<void> {
  const { query, raw, signal } = request
  const quiet = flag(query, 'quiet')
  const work = async (tell: (line: StatusLine) => Promise<void>): Promise<void> => {
    const loaded = await loadImages(images, raw, (line) => (quiet && !line.stream ? undefined : tell(line)), signal)
    for (const { image, names } of loaded)
      if (names.length === 0) await tell({ stream: `Loaded image ID: ${image.id}\n` })
      else for (const name of names) await tell({ stream: `Loaded image: ${name}\n` })
  }
  await streaming(request, reply, work, 'always')
}
