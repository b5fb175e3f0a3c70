import { setTimeout as sleep } from 'node:timers/promises'
import type { Container } from '../containers/container.js'
import type { Containers } from '../containers/containers.js'
import { inspection, summary } from '../containers/describe.js'
import type { Execs } from '../containers/execs.js'
import { containerFilters, selectContainers } from '../containers/filters.js'
import { pause } from '../containers/pause.js'
import { resize } from '../containers/resize.js'
import { updateLimits } from '../containers/update.js'
import { sample } from '../containers/stats.js'
import { kill, stop } from '../containers/stop.js'
import { top } from '../containers/top.js'
import { EngineError } from '../errors.js'
import type { Images } from '../records.js'
import { bytesBelow, bytesOf } from '../system/disk.js'
import { fieldsOf } from '../system/fields.js'
import { parseFilters } from '../system/filters.js'
import { parseMoment } from '../system/timestamp.js'
import { attach } from './attach.js'
import { bodies } from './bodies.js'
import { logs } from './logs.js'
import { count, flag, whole } from './query.js'
import type { ApiReply, ApiRequest, ApiRoute } from './route.js'

const seconds = (query: URLSearchParams): number | undefined => whole(query, 't')

/** Bytes a container has written, and those of its image besides. */
export async function sizeOf(containers: Containers, images: Images, container: Container) {
  // the directories that mounts need are no content: dockerd does not count any
  const rw = await bytesBelow(containers.shop.store.places(container.id).upperDir, 'files')
  const image = await images.get(container.record.image).then(
    ({ size }) => size,
    () => 0,
  )
  return { rw, root: rw + image }
}

/** Bytes on disk of all that a container has: what it has written, its log, its records. */
export async function spaceOf(containers: Containers, container: Container): Promise<number> {
  const { dir } = containers.shop.store.places(container.id)
  return (await bytesBelow(dir)) + (await bytesOf(dir))
}

/** None when its image is gone. */
const layersOf = async (images: Images, { record }: Container): Promise<readonly string[]> =>
  images
    .get(record.image)
    .then((image) => images.lowerDirs(image))
    .catch(() => [])

/** `/containers` and below, but for exec. */
export function containerRoutes(containers: Containers, execs: Execs): readonly ApiRoute[] {
  const { images } = containers.shop
  /** A handler for one container that answers with a bare status. */
  const act =
    (status: number, action: (container: Container, request: ApiRequest) => Promise<void> | void) =>
    async (request: ApiRequest, reply: ApiReply): Promise<void> => {
      await action(containers.catalog.find(request.params.id ?? ''), request)
      reply.empty(status)
    }
  return [
    {
      method: 'GET',
      path: '/containers/json',
      handle: async ({ query }, reply) => {
        const limit = count(query, 'limit')
        const all = flag(query, 'all') || limit > 0
        const found = await selectContainers(containers, parseFilters(query, containerFilters), all)
        const rows = found
          .slice(0, limit > 0 ? limit : undefined)
          .map(async (container) =>
            summary(
              containers.catalog,
              container,
              flag(query, 'size') ? await sizeOf(containers, images, container) : undefined,
            ),
          )
        reply.json(200, await Promise.all(rows))
      },
    },
    {
      method: 'POST',
      path: '/containers/create',
      partly: 'no storage options, no GPUs',
      handle: async (request, reply) => {
        const { query } = request
        const body = await request.json(bodies.create)
        const { container, warnings } = await containers.create(
          query.get('name') ?? '',
          body,
          query.get('platform') ?? '',
        )
        reply.json(201, { Id: container.id, Warnings: warnings })
      },
    },
    {
      method: 'GET',
      path: '/containers/{id}/json',
      handle: async ({ params, query }, reply) => {
        const container = containers.catalog.find(params.id ?? '')
        const size = flag(query, 'size') ? await sizeOf(containers, images, container) : undefined
        const lowerDirs = await layersOf(images, container)
        reply.json(200, inspection(containers.shop, container, execs.of(container), lowerDirs, size))
      },
    },
    { method: 'POST', path: '/containers/{id}/start', handle: act(204, (container) => containers.start(container)) },
    {
      method: 'POST',
      path: '/containers/{id}/stop',
      handle: act(204, (container, { query }) =>
        stop(containers.shop, container, seconds(query), query.get('signal') ?? undefined),
      ),
    },
    {
      method: 'POST',
      path: '/containers/{id}/restart',
      handle: act(204, (container, { query }) =>
        containers.restart(container, seconds(query), query.get('signal') ?? undefined),
      ),
    },
    {
      method: 'POST',
      path: '/containers/{id}/kill',
      handle: act(204, (container, { query }) => kill(containers.shop, container, query.get('signal') || 'SIGKILL')),
    },
    {
      method: 'POST',
      path: '/containers/{id}/pause',
      handle: act(204, (container) => pause(containers.shop, container, true)),
    },
    {
      method: 'POST',
      path: '/containers/{id}/unpause',
      handle: act(204, (container) => pause(containers.shop, container, false)),
    },
    {
      method: 'POST',
      path: '/containers/{id}/rename',
      handle: act(204, (container, { query }) => containers.rename(container, query.get('name') ?? '')),
    },
    {
      method: 'POST',
      path: '/containers/{id}/update',
      partly: 'memory, CPU, pids, block I/O weight and restart policy',
      handle: async (request, reply) => {
        const fields = fieldsOf(await request.json(bodies.update))
        const container = containers.catalog.find(request.params.id ?? '')
        const wanted = request.version < 140 ? { ...fields, PidsLimit: null } : fields // it came with 1.40
        reply.json(200, { Warnings: await updateLimits(containers, container, wanted) })
      },
    },
    {
      method: 'POST',
      path: '/containers/{id}/resize',
      handle: act(200, (container, { query }) =>
        resize(containers.shop, container, count(query, 'h'), count(query, 'w')),
      ),
    },
    { method: 'POST', path: '/containers/{id}/wait', handle: (request, reply) => wait(containers, request, reply) },
    {
      method: 'POST',
      path: '/containers/{id}/attach',
      hijacks: true,
      handle: (request, reply) => attach(containers, request, reply),
    },
    { method: 'GET', path: '/containers/{id}/logs', handle: (request, reply) => logs(containers, request, reply) },
    {
      method: 'GET',
      path: '/containers/{id}/top',
      handle: async ({ params, query }, reply) =>
        reply.json(
          200,
          await top(containers.shop, containers.catalog.find(params.id ?? ''), query.get('ps_args') ?? '-ef'),
        ),
    },
    { method: 'GET', path: '/containers/{id}/stats', handle: (request, reply) => stats(containers, request, reply) },
    {
      method: 'DELETE',
      path: '/containers/{id}',
      handle: act(204, (container, { query }) =>
        containers.remove(container, { force: flag(query, 'force'), volumes: flag(query, 'v') }),
      ),
    },
    {
      method: 'DELETE',
      path: '/containers/{id}/{alias}',
      handle: async ({ params, query }, reply) => {
        const { id = '', alias = '' } = params
        if (!flag(query, 'link')) throw new EngineError('missing', `No such container: ${id}/${alias}`)
        await containers.unlink(containers.catalog.find(id), alias)
        reply.empty(204)
      },
    },
    {
      method: 'POST',
      path: '/containers/prune',
      handle: async ({ query }, reply) => {
        const filters = parseFilters(query, ['until', 'label', 'label!'])
        const [until] = (filters.get('until') ?? []).map((text) => parseMoment(text))
        const found = await selectContainers(containers, new Map([...filters].filter(([key]) => key !== 'until')), true)
        const old = found.filter(
          ({ up, record: { state, created } }) =>
            !up && state.status !== 'restarting' && (until === undefined || Date.parse(created) < until),
        )
        let freed = 0
        for (const container of old) {
          const space = await spaceOf(containers, container)
          await containers.remove(container)
          freed += space
        }
        reply.json(200, {
          ContainersDeleted: old.length > 0 ? old.map(({ id }) => id) : null,
          SpaceReclaimed: freed,
        })
      },
    },
  ]
}

/** The client does not go on until it has the headers, so the exit is subscribed to before they leave. */
async function wait(containers: Containers, { params, query, signal }: ApiRequest, reply: ApiReply): Promise<void> {
  const container = containers.catalog.find(params.id ?? '')
  const condition = query.get('condition') || 'not-running'
  if (!['not-running', 'next-exit', 'removed'].includes(condition))
    throw new EngineError('invalid', `invalid condition: "${condition}"`)
  const idle = !container.up && container.record.state.status !== 'restarting'
  const exit =
    condition === 'removed'
      ? container.removal(signal)
      : condition === 'next-exit' || !idle
        ? container.nextExit(signal)
        : Promise.resolve(container.record.state.exitCode)
  const stream = reply.stream()
  const code = await exit.catch(() => undefined)
  if (code !== undefined) await stream.write({ StatusCode: code })
  stream.end()
}

const sampleMs = 1000

async function stats(containers: Containers, { params, query, signal }: ApiRequest, reply: ApiReply): Promise<void> {
  const container = containers.catalog.find(params.id ?? '')
  const { shop } = containers
  const streaming = flag(query, 'stream', true)
  const pause = (): Promise<void> => sleep(sampleMs, undefined, { signal }).catch(() => undefined)
  if (!streaming) {
    const first = flag(query, 'one-shot') || !container.up ? undefined : sample(shop, container)
    if (first) await pause()
    reply.json(200, sample(shop, container, first))
    return
  }
  const stream = reply.stream()
  let before: object | undefined
  while (!signal.aborted) {
    const now = sample(shop, container, before)
    await stream.write(now)
    before = now
    await pause()
  }
  stream.end()
}
