import type { Builder } from '../build/builder.js'
import { receiveContext } from '../build/context.js'
import type { BuildRequest } from '../build/job.js'
import { StepFailure } from '../build/run.js'
import { codeOf, EngineError, messageOf } from '../errors.js'
import { familiar, parseReference } from '../images/reference.js'
import type { ImageStore } from '../images/store.js'
import { parseFilters } from '../system/filters.js'
import type { ApiReply, ApiRequest, ApiRoute } from './route.js'

/** What the build endpoints stand on. */
export interface BuildApi {
  readonly builder: Builder
  readonly images: ImageStore
}

/** `/build` and below: the classic builder's protocol. */
export const buildRoutes = (api: BuildApi): readonly ApiRoute[] => [
  {
    method: 'POST',
    path: '/build',
    partly: 'a context that the client sends; squash, cachefrom, outputs and BuildKit sessions are ignored',
    handle: (request, reply) => build(api, request, reply),
  },
  {
    method: 'POST',
    path: '/build/prune',
    handle: async ({ query }, reply) => {
      parseFilters(query, ['until', 'id', 'parent', 'type', 'description', 'inuse', 'shared', 'private'])
      reply.json(200, await api.builder.prune(flag(query, 'all')))
    },
  },
]

const flag = (query: URLSearchParams, name: string): boolean => ['1', 'true', 'True'].includes(query.get(name) ?? '')

async function build({ builder, images }: BuildApi, request: ApiRequest, reply: ApiReply): Promise<void> {
  const { query, signal, raw } = request
  const remote = query.get('remote') ?? ''
  if (remote !== '' && remote !== 'client-session')
    throw new EngineError('unsupported', 'building from a URL is not supported: fetch it and send it as the context')
  if (query.get('version') === '2')
    throw new EngineError('unsupported', 'BuildKit is not supported: set DOCKER_BUILDKIT=0')
  const quiet = flag(query, 'q')
  const options = readOptions(query)
  images.porters.warm()
  let out: ReturnType<ApiReply['stream']> | undefined
  const write = (record: unknown): Promise<void> => (out ??= reply.stream()).write(record)
  try {
    await using context = await receiveContext(images, raw, options.file, signal)
    const log = async (text: string): Promise<void> => {
      if (!quiet && text !== '') await write({ stream: text })
    }
    const image = await builder.build({ ...options, context, signal, out: log })
    if (quiet) await write({ stream: `${image.id}\n` })
    else {
      await write({ aux: { ID: image.id } })
      await write({ stream: `Successfully built ${image.id.slice(7, 19)}\n` })
      for (const name of options.names) await write({ stream: `Successfully tagged ${name}\n` })
    }
  } catch (error) {
    if (signal.aborted) return
    const told = explain(error)
    if (!out) throw told
    const code = error instanceof StepFailure ? error.exitCode : undefined
    await write({
      errorDetail: { ...(code === undefined ? {} : { code }), message: told.message },
      error: told.message,
    })
  }
  out?.end()
}

function explain(error: unknown): EngineError {
  if (codeOf(error) === 'ENOSPC')
    return new EngineError('full', `no space left on device: the build was undone (${messageOf(error)})`, error)
  return error instanceof EngineError ? error : new EngineError('broken', messageOf(error), error)
}

function readOptions(query: URLSearchParams): Omit<BuildRequest, 'context' | 'signal' | 'out'> {
  const mode = query.get('networkmode') ?? ''
  const network = mode === '' || mode === 'bridge' ? 'default' : mode
  if (network !== 'default' && network !== 'none' && network !== 'host')
    throw new EngineError('unsupported', `network mode "${mode}" is not supported for a build: default, none or host`)
  const memory = Number(query.get('memory') ?? 0)
  return {
    file: query.get('dockerfile') || 'Dockerfile',
    names: query
      .getAll('t')
      .filter(Boolean)
      .map((name) => familiar(parseReference(name))),
    buildArgs: new Map(Object.entries(readMap(query, 'buildargs'))),
    labels: Object.fromEntries(Object.entries(readMap(query, 'labels')).map(([key, value]) => [key, value ?? ''])),
    target: query.get('target') ?? '',
    noCache: flag(query, 'nocache'),
    network,
    ...(memory > 0 ? { memory } : {}),
    extraHosts: (query.get('extrahosts') ?? '').split(',').filter(Boolean),
  }
}

function readMap(query: URLSearchParams, name: string): Record<string, string | null> {
  const text = query.get(name)
  if (!text) return {}
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      const entries = Object.entries(value as Record<string, unknown>)
      if (entries.every(([, one]) => one === null || typeof one === 'string'))
        return value as Record<string, string | null>
    }
  } catch {
    // told below, as every other wrong shape is
  }
  throw new EngineError('invalid', `invalid ${name}: not a JSON object of strings`)
}
