import { Archives, type PutOptions } from '../archives/archives.js'
import { commit, type CommitAs } from '../archives/commit.js'
import type { PathStat } from '../archives/path-stat.js'
import type { Containers } from '../containers/containers.js'
import { autoDecompress } from '../oci/compression.js'
import type { ImageStore } from '../images/store.js'
import type { ImageConfig } from '../records.js'
import { fieldsOf, listField, mapField, objectField, textField } from '../system/fields.js'
import { flag } from './query.js'
import { sendArchive } from './images-archive.js'
import { bodies } from './bodies.js'
import type { ApiRequest, ApiRoute } from './route.js'

/** Files in and out of containers: cp, export, diff, commit. */
export function archiveRoutes(containers: Containers, images: ImageStore): readonly ApiRoute[] {
  const archives = new Archives(images.pool)
  const of = ({ params }: ApiRequest) => containers.files(params.id ?? '')
  const path = ({ query }: ApiRequest) => query.get('path') ?? ''
  return [
    {
      method: 'HEAD',
      path: '/containers/{id}/archive',
      handle: async (request, reply) => {
        const stat = await archives.stat(of(request), path(request))
        reply.raw.writeHead(200, statHeader(stat)).end()
      },
    },
    {
      method: 'GET',
      path: '/containers/{id}/archive',
      handle: (request, reply) =>
        archives.get(of(request), path(request), (stat, archive) => sendArchive(archive, reply, statHeader(stat))),
    },
    {
      method: 'PUT',
      path: '/containers/{id}/archive',
      handle: async (request, reply) => {
        const options: PutOptions = {
          keepKinds: flag(request.query, 'noOverwriteDirNonDir'),
          chown: flag(request.query, 'copyUIDGID'),
        }
        await archives.put(of(request), path(request), () => autoDecompress(request.raw), options)
        reply.empty(200)
      },
    },
    {
      method: 'GET',
      path: '/containers/{id}/export',
      handle: (request, reply) => archives.export(of(request), (archive) => sendArchive(archive, reply)),
    },
    {
      method: 'GET',
      path: '/containers/{id}/changes',
      handle: async (request, reply) => {
        const changes = await archives.changes(of(request))
        reply.json(200, changes.length > 0 ? changes : null)
      },
    },
    commitRoute(containers, images),
  ]
}

const commitRoute = (containers: Containers, images: ImageStore): ApiRoute => ({
  method: 'POST',
  path: '/commit',
  bodiless: true,
  handle: async (request, reply) => {
    const container = containers.files(request.query.get('container') ?? '')
    const image = await commit(images, container, await commitAs(request))
    reply.json(201, { Id: image.id })
  },
})

async function commitAs(request: ApiRequest): Promise<CommitAs> {
  const { query } = request
  const [repository, tag] = [query.get('repo') ?? '', query.get('tag') ?? '']
  return {
    names: repository === '' ? [] : [tag === '' ? repository : `${repository}:${tag}`],
    comment: query.get('comment') ?? '',
    author: query.get('author') ?? '',
    changes: query.getAll('changes'),
    config: configOf(await request.json(bodies.commit)),
    pause: (query.get('pause') ?? '') === '' || flag(query, 'pause'),
  }
}

const statHeader = (stat: PathStat): Record<string, string> => ({
  'X-Docker-Container-Path-Stat': Buffer.from(JSON.stringify(stat)).toString('base64'),
})

/** Those settings of a container's configuration that are given; old clients send null. @throws EngineError `invalid` */
function configOf(body: unknown): ImageConfig {
  const fields = fieldsOf(body ?? {})
  const texts = Object.fromEntries(
    ['User', 'WorkingDir', 'StopSignal']
      .map((name) => [name, textField(fields, name)])
      .filter(([, text]) => text !== ''),
  ) as Record<string, string>
  const lists = Object.fromEntries(
    ['Env', 'Cmd', 'Entrypoint', 'Shell', 'OnBuild']
      .map((name): [string, string[]] => [name, listField(fields, name).map(String)])
      .filter(([, list]) => list.length > 0),
  )
  const sets = Object.fromEntries(
    ['ExposedPorts', 'Volumes']
      .map((name): [string, object] => [name, objectField(fields, name)])
      .filter(([, set]) => Object.keys(set).length > 0),
  )
  const labels = mapField(fields, 'Labels')
  const check = objectField(fields, 'Healthcheck')
  return {
    ...texts,
    ...lists,
    ...sets,
    ...(Object.keys(labels).length > 0 ? { Labels: labels } : {}),
    ...(Object.keys(check).length > 0 ? { Healthcheck: check } : {}),
  }
}
