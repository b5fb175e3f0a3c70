import { isDeepStrictEqual } from 'node:util'
import { own } from '../lib/own.js'
import type { AppMount, VolumeMount } from '../process-settings.js'
import type { Release } from './releases.js'

type OfMounts = Pick<Release, 'mounts' | 'processTypes'>

/** Types that are none of the app's own, what runs once or by hand: they have the mounts of `web`, or of the first type. */
const guests: ReadonlySet<string> = new Set(['run', 'release'])

/** The mounts that processes of a type have, beside those of a compose file. */
export function mountsOf({ mounts = [], processTypes }: OfMounts, type: string): AppMount[] {
  const types = Object.keys(processTypes).filter((one) => !guests.has(one))
  const host = guests.has(type) ? (types.includes('web') ? 'web' : types[0]) : type
  return mounts.filter((mount) => mount.types === undefined || (host !== undefined && mount.types.includes(host)))
}

/** Whether the old process of a type is to stop before the new one starts. */
export const isExclusive = (release: OfMounts, type: string): boolean =>
  mountsOf(release, type).some((mount) => mount.exclusive === true)

/** One volume at one place in the processes of a type. */
export interface MountPlace extends VolumeMount {
  readonly name: string
  readonly exclusive: boolean
  /** Process types that have it there. */
  readonly types: readonly string[]
  /** Who says so. */
  readonly from: 'app' | 'compose file'
}

/** Every named volume that processes of a release have, where, and who says so. */
export function placesOfVolumes(release: Pick<Release, 'mounts' | 'processTypes' | 'settings'>): MountPlace[] {
  const { mounts = [], settings = {}, processTypes } = release
  const types = Object.keys(processTypes).filter((type) => !guests.has(type))
  const said = mounts.map(({ exclusive, types: of, ...mount }): MountPlace => ({
    ...mount,
    exclusive: exclusive ?? false,
    types: of ?? types,
    from: 'app',
  }))
  const places = [...said]
  for (const type of types) {
    const hidden = new Set(mountsOf(release, type).map(({ target }) => target))
    for (const volume of own(settings, type)?.volumes ?? []) {
      const { name } = volume
      if (name === undefined || hidden.has(volume.target)) continue
      const place = { ...volume, name, exclusive: false, types: [] as string[], from: 'compose file' } as const
      const same = places.findIndex((one) => isDeepStrictEqual({ ...one, types: [] }, place))
      if (same === -1) places.push({ ...place, types: [type] })
      else places[same] = { ...place, types: [...(places[same]?.types ?? []), type] }
    }
  }
  return places
}
