import type { NetworkMember } from '../records.js'
import type { Asking } from '../networks/resolv.js'
import type { ContainerRecord } from './record.js'

/** What a container is called wherever it is a member: its name, its id's short form and its host name. */
export const namesOf = ({ name, id, config }: ContainerRecord): readonly string[] => [
  ...new Set([name, id.slice(0, 12), ...(config.Hostname === '' ? [] : [config.Hostname])]),
]

/** A running container as the networks see it. */
export const memberOf = (record: ContainerRecord): NetworkMember => ({
  id: record.id,
  pid: record.state.pid,
  names: namesOf(record),
  servers: record.hostConfig.Dns ?? [],
})

/** Whom it asks for names, by the networks it is on or will be. */
export function askingOf({ hostConfig, networks }: ContainerRecord): Asking {
  if (hostConfig.NetworkMode === 'host') return 'host'
  return networks.some(({ network }) => network !== 'bridge') ? 'names' : 'bridge'
}
