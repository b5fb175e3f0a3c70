import type { VolumeInfo } from '../records.js'
import { fieldsOf, mapField, textField } from '../system/fields.js'
import { anyOf, flagOf, labelsMatch, looselyMatches, parseFilters, type Filters } from '../system/filters.js'
import type { VolumeRoom } from '../volumes/volumes.js'
import { bodies } from './bodies.js'
import { flag } from './query.js'
import type { ApiRoute } from './route.js'

/** `/volumes` and below. */
export const volumeRoutes = (volumes: VolumeRoom): readonly ApiRoute[] => [
  {
    method: 'GET',
    path: '/volumes',
    handle: ({ query }, reply) => {
      const filters = parseFilters(query, ['dangling', 'driver', 'label', 'name'])
      const found = volumes.list().filter((volume) => isListed(volume, filters, volumes))
      reply.json(200, { Volumes: found.map(describeVolume), Warnings: null })
    },
  },
  {
    method: 'POST',
    path: '/volumes/create',
    partly: 'driver local',
    handle: async (request, reply) => {
      const body = fieldsOf(await request.json(bodies.volume))
      const spec = {
        driver: textField(body, 'Driver'),
        labels: mapField(body, 'Labels'),
        options: mapField(body, 'DriverOpts'),
      }
      reply.json(201, describeVolume(await volumes.ensure(textField(body, 'Name'), spec)))
    },
  },
  {
    method: 'GET',
    path: '/volumes/{name}',
    handle: async ({ params }, reply) => reply.json(200, describeVolume(await volumes.get(params.name ?? ''))),
  },
  {
    method: 'DELETE',
    path: '/volumes/{name}',
    handle: async ({ params, query }, reply) => {
      await volumes.remove(params.name ?? '', flag(query, 'force'))
      reply.empty(204)
    },
  },
  {
    method: 'POST',
    path: '/volumes/prune',
    handle: async ({ query, version }, reply) => {
      const filters = parseFilters(query, ['all', 'label', 'label!'])
      // Before 1.42 named volumes were pruned too.
      const all = version < 142 || flagOf(filters, 'all') === true
      const { deleted, reclaimed } = await volumes.prune(
        (volume) => (all || volume.anonymous) && labelsMatch(filters, volume.labels),
      )
      reply.json(200, { VolumesDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed })
    },
  },
]

function isListed(volume: VolumeInfo, filters: Filters, volumes: VolumeRoom): boolean {
  const dangling = flagOf(filters, 'dangling')
  return (
    (dangling === undefined || dangling === (volumes.users(volume.name).length === 0)) &&
    anyOf(filters, 'driver', (wanted) => wanted === volume.driver) &&
    anyOf(filters, 'name', (wanted) => looselyMatches(wanted, volume.name)) &&
    labelsMatch(filters, volume.labels)
  )
}

const orNull = <T extends object>(map: T): T | null => (Object.keys(map).length > 0 ? map : null)

/** A Volume object of the API. */
export const describeVolume = (volume: VolumeInfo) => ({
  CreatedAt: volume.createdAt,
  Driver: volume.driver,
  Labels: orNull(volume.labels),
  Mountpoint: volume.mountpoint,
  Name: volume.name,
  Options: orNull(volume.options),
  Scope: 'local',
})
