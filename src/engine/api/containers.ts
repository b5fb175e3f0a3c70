import { setTimeout as sleep } from 'node:timers/promises'
import { type Containers, type Ending, readCondition } from '../containers/containers.js'
import { containerFilters } from '../containers/filters.js'
import { EngineError, isFault } from '../errors.js'
import { readPlatform } from '../oci/manifest.js'
import { fieldsOf, objectField, textField } from '../system/fields.js'
import { parseFilters } from '../system/filters.js'
import { serveAttach, serveAttachByWebSocket } from './attach.js'
import { bodies } from './bodies.js'
import { logs } from './logs.js'
import { shownTo, tellsStopped } from './older-words.js'
import { count, flag, terminalSize, whole } from './query.js'
import type { ApiReply, ApiRequest, ApiRoute } from './route.js'

const endingOf = (query: URLSearchParams): Ending => ({
  seconds: whole(query, 't'),
  signal: query.get('signal') ?? undefined,
})

/** Before 1.40, a container that says anything of its host and no other mode shares its IPC with whoever asks. */
function shareable(body: unknown): object {
  const fields = fieldsOf(body)
  const host = objectField(fields, 'HostConfig')
  if ((fields.HostConfig ?? null) === null) return fields
  return { ...fields, HostConfig: { ...host, IpcMode: textField(host, 'IpcMode') || 'shareable' } }
}

/** A handler for one container that answers with a bare status. */
const act =
  (status: number, action: (id: string, request: ApiRequest) => Promise<void> | void): ApiRoute['handle'] =>
  async (request, reply) => {
    await action(request.params.id ?? '', request)
    reply.empty(status)
  }

/** `/containers` and below, but for exec. */
export const containerRoutes = (containers: Containers): readonly ApiRoute[] => [
  ...collectionRoutes(containers),
  ...stateRoutes(containers),
  ...settingRoutes(containers),
  ...viewRoutes(containers),
]

/** Containers come and go. */
const collectionRoutes = (containers: Containers): readonly ApiRoute[] => [
  {
    method: 'GET',
    path: '/containers/json',
    handle: async ({ query }, reply) => {
      const limit = count(query, 'limit')
      const wanted = { all: flag(query, 'all') || limit > 0, limit, size: flag(query, 'size') }
      reply.json(200, await containers.list(parseFilters(query, containerFilters), wanted))
    },
  },
  {
    method: 'POST',
    path: '/containers/create',
    partly: 'no storage options, no GPUs',
    handle: async (request, reply) => {
      const { query } = request
      const asked = query.get('platform') ?? ''
      const platform = asked === '' ? undefined : readPlatform(asked)
      const body = await request.json(bodies.create)
      const spec = request.version < 140 ? shareable(body) : body
      const { id, warnings } = await containers.create(query.get('name') ?? '', spec, platform)
      reply.json(201, { Id: id, Warnings: warnings })
    },
  },
  {
    method: 'DELETE',
    path: '/containers/{id}',
    handle: act(204, (id, { query }) =>
      containers.remove(id, { force: flag(query, 'force'), volumes: flag(query, 'v') }),
    ),
  },
  {
    method: 'POST',
    path: '/containers/prune',
    handle: async ({ query }, reply) => {
      const filters = parseFilters(query, ['until', 'label', 'label!'])
      const { deleted, freed } = await containers.prune(filters)
      reply.json(200, {
        ContainersDeleted: deleted.length > 0 ? deleted : null,
        SpaceReclaimed: freed,
      })
    },
  },
]

/** What a container does: run, pause, end. */
const stateRoutes = (containers: Containers): readonly ApiRoute[] => [
  { method: 'POST', path: '/containers/{id}/start', handle: act(204, (id) => containers.start(id)) },
  {
    method: 'POST',
    path: '/containers/{id}/stop',
    handle: act(204, (id, { query }) => containers.stop(id, endingOf(query))),
  },
  {
    method: 'POST',
    path: '/containers/{id}/restart',
    handle: act(204, (id, { query }) => containers.restart(id, endingOf(query))),
  },
  {
    method: 'POST',
    path: '/containers/{id}/kill',
    handle: act(204, (id, { query, version }) =>
      containers.kill(id, query.get('signal') || 'SIGKILL').catch((error: unknown) => {
        if (version >= tellsStopped || !isFault(error, 'conflict')) throw error
      }),
    ),
  },
  { method: 'POST', path: '/containers/{id}/pause', handle: act(204, (id) => containers.pause(id)) },
  { method: 'POST', path: '/containers/{id}/unpause', handle: act(204, (id) => containers.unpause(id)) },
  { method: 'POST', path: '/containers/{id}/wait', handle: (request, reply) => wait(containers, request, reply) },
]

/** What a container is: its name, its limits, its terminal, its links. */
const settingRoutes = (containers: Containers): readonly ApiRoute[] => [
  {
    method: 'POST',
    path: '/containers/{id}/rename',
    handle: act(204, (id, { query }) => containers.rename(id, query.get('name') ?? '')),
  },
  {
    method: 'POST',
    path: '/containers/{id}/update',
    partly: 'memory, CPU, pids, block I/O weight and restart policy',
    handle: async (request, reply) => {
      const fields = fieldsOf(await request.json(bodies.update))
      const wanted = request.version < 140 ? { ...fields, PidsLimit: null } : fields // it came with 1.40
      reply.json(200, { Warnings: await containers.update(request.params.id ?? '', wanted) })
    },
  },
  {
    method: 'POST',
    path: '/containers/{id}/resize',
    handle: act(200, (id, { query }) => containers.resize(id, ...terminalSize(query))),
  },
  {
    method: 'DELETE',
    path: '/containers/{id}/{alias}',
    handle: async ({ params, query }, reply) => {
      const { id = '', alias = '' } = params
      if (!flag(query, 'link')) throw new EngineError('missing', `No such container: ${id}/${alias}`)
      await containers.unlink(id, alias)
      reply.empty(204)
    },
  },
]

/** What can be seen of a container. */
const viewRoutes = (containers: Containers): readonly ApiRoute[] => [
  {
    method: 'GET',
    path: '/containers/{id}/json',
    handle: async ({ params, query, version }, reply) =>
      reply.json(200, shownTo(version, await containers.inspect(params.id ?? '', flag(query, 'size')))),
  },
  {
    method: 'POST',
    path: '/containers/{id}/attach',
    hijacks: true,
    handle: (request, reply) => serveAttach(containers, request, reply),
  },
  {
    method: 'GET',
    path: '/containers/{id}/attach/ws',
    handle: (request, reply) => serveAttachByWebSocket(containers, request, reply),
  },
  { method: 'GET', path: '/containers/{id}/logs', handle: (request, reply) => logs(containers, request, reply) },
  {
    method: 'GET',
    path: '/containers/{id}/top',
    handle: async ({ params, query }, reply) =>
      reply.json(200, await containers.top(params.id ?? '', query.get('ps_args') ?? '-ef')),
  },
  { method: 'GET', path: '/containers/{id}/stats', handle: (request, reply) => stats(containers, request, reply) },
]

/** The client does not go on until it has the headers, so the exit is subscribed to before they leave. */
async function wait(containers: Containers, { params, query, signal }: ApiRequest, reply: ApiReply): Promise<void> {
  const id = containers.resolve(params.id ?? '')
  const exit = containers.wait(id, readCondition(query.get('condition') || 'not-running'), signal)
  const stream = reply.stream()
  const code = await exit.catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
  if (code !== undefined) await stream.write({ StatusCode: code })
  stream.end()
}

const sampleMs = 1000

async function stats(containers: Containers, { params, query, signal }: ApiRequest, reply: ApiReply): Promise<void> {
  const container = containers.stats(params.id ?? '')
  const streaming = flag(query, 'stream', true)
  // a client that leaves ends it
  const pause = (): Promise<void> => sleep(sampleMs, undefined, { signal }).catch(() => undefined)
  if (!streaming) {
    const first = flag(query, 'one-shot') || !container.up ? undefined : container.sample()
    if (first) await pause()
    reply.json(200, container.sample(first))
    return
  }
  const stream = reply.stream()
  let before: object | undefined
  while (!signal.aborted) {
    const now = container.sample(before)
    await stream.write(now)
    before = now
    await pause()
  }
  stream.end()
}
