import { isDeepStrictEqual } from 'node:util'
import { posix } from 'node:path'
import { z } from 'zod'
import { BerthError } from '../errors.js'
import { mostMounts, volumeName, type AppMount } from '../process-settings.js'
import type { App } from '../store/apps.js'
import { placesOfVolumes } from '../store/mounts.js'
import type { Release } from '../store/releases.js'
import { formationOf } from './formation.js'
import { releasing } from './kind.js'

const MountChange = z.object({
  kind: z.literal('mount'),
  name: z.string(),
  target: z.string(),
  types: z.array(z.string()).readonly().exactOptional(),
  readOnly: z.literal(true).exactOptional(),
  exclusive: z.literal(true).exactOptional(),
  /** Bytes. */
  size: z.number().exactOptional(),
  /** A directory of the server. */
  host: z.string().exactOptional(),
})
type MountChange = z.output<typeof MountChange>

const UnmountChange = z.object({
  kind: z.literal('unmount'),
  name: z.string(),
  /** From all places unless given. */
  target: z.string().exactOptional(),
})
type UnmountChange = z.output<typeof UnmountChange>

/** @throws BerthError `invalid` */
export function checkVolumeName(name: string): void {
  if (!volumeName.test(name))
    throw new BerthError(
      'invalid',
      `"${name.slice(0, 80)}" is not the name of a volume`,
      'use up to 64 letters, digits, dots, dashes and underscores, beginning with a letter or digit, as in data:/app/data',
    )
}

/** Whole directories of an image: a volume keeps what it had there first, and so no deploy would bring another. */
const ofImages = /^\/(?:app|bin|boot|etc|home|lib(?:32|64|x32)?|opt|root|run|sbin|srv|usr|usr\/\w+|var)$/
/** What the kernel and the engine have in each container. */
const ofKernel = /^\/(?:proc|sys|dev)(?:\/|$)/
const longestPath = 4095

/** @throws BerthError `invalid` */
export function checkTarget(target: string): void {
  const shown = target.slice(0, 80)
  const isPath = posix.isAbsolute(target) && posix.normalize(target) === target && !/[\p{Cc},]|\/$/u.test(target)
  if (!isPath || Buffer.byteLength(target) > longestPath)
    throw new BerthError(
      'invalid',
      `"${shown}" is no place for a volume`,
      'write an absolute path without . and .. and a slash at its end, as in data:/app/data',
    )
  if (ofKernel.test(target))
    throw new BerthError('invalid', `${shown} belongs to the system`, 'choose another place, as in data:/app/data')
  if (ofImages.test(target))
    throw new BerthError(
      'invalid',
      `a volume at ${shown} would hide what the image has there, also of every later deploy`,
      'choose a directory below it, as in data:/app/data',
    )
}

/** Of a mount, what a release remembers. */
const mountIn = ({ name, target, types, readOnly, exclusive, size, host }: MountChange): AppMount => ({
  ...{ name, target },
  ...(types === undefined ? {} : { types: [...new Set(types)].sort() }),
  ...(readOnly === undefined ? {} : { readOnly }),
  ...(exclusive === undefined ? {} : { exclusive }),
  ...(size === undefined ? {} : { size }),
  ...(host === undefined ? {} : { host }),
})

function mountsAfter({ mounts = [] }: Pick<Release, 'mounts'>, change: MountChange): AppMount[] {
  const before = mounts.find(({ target }) => target === change.target)
  // what a volume is stays, wherever else it is mounted
  const same = mounts.find(({ name }) => name === change.name)
  const [size, host] = [change.size ?? same?.size, change.host ?? same?.host]
  const mount = mountIn({ ...change, ...(size === undefined ? {} : { size }), ...(host === undefined ? {} : { host }) })
  return before === undefined ? [...mounts, mount] : mounts.map((one) => (one === before ? mount : one))
}

/** @throws BerthError `invalid`, `missing`, `conflict` */
function check(change: MountChange, app: App, current: Release): void {
  const { name, target, types = [], size, readOnly, exclusive } = change
  checkVolumeName(name)
  checkTarget(target)
  const known = Object.keys(formationOf(current))
  const unknown = types.find((type) => current.image !== null && !known.includes(type))
  if (unknown !== undefined)
    throw new BerthError(
      'missing',
      `${app.name} has no process type "${unknown.slice(0, 80)}"`,
      `it has ${known.join(', ') || 'none'}; more are named in its Procfile`,
    )
  const other = (current.mounts ?? []).find((mount) => mount.target === target && mount.name !== name)
  if (other !== undefined)
    throw new BerthError(
      'conflict',
      `${target} of ${app.name} has the volume ${other.name} already`,
      `\`berth storage:unmount ${other.name}:${target}\` takes it away, with all that is in it kept`,
    )
  if (mountsAfter(current, change).length > mostMounts)
    throw new BerthError('large', `an app has ${mostMounts} mounts at most`, 'unmount some that it does not need')
  if (size !== undefined && size < smallest)
    throw new BerthError('invalid', 'a volume of less than 16M holds nothing', 'write its size as 512M or 5G')
  if (size !== undefined && change.host !== undefined)
    throw new BerthError('invalid', 'a directory of the server has the size that its disk has', 'leave out --size')
  if (readOnly && exclusive)
    throw new BerthError('invalid', 'what is only read needs nobody alone', 'leave out --exclusive or --read-only')
}

/** Bytes. */
const smallest = 16 * 2 ** 20

/** What is worth knowing of who has a volume at the same time. */
export function sharingNotes(release: Release, name: string): string[] {
  const places = placesOfVolumes(release).filter((place) => place.name === name && place.readOnly !== true)
  const formation = formationOf(release)
  const types = [...new Set(places.flatMap((place) => place.types))].filter(
    (type) => (formation[type]?.quantity ?? 0) > 0,
  )
  const processes = types.flatMap((type) =>
    Array.from({ length: formation[type]?.quantity ?? 0 }, (_, i) => `${type}.${i + 1}`),
  )
  const overlaps = types.includes('web') && !places.some(({ exclusive }) => exclusive)
  return [
    ...(processes.length > 1
      ? [
          `${processes.slice(0, 6).join(', ')}${processes.length > 6 ? ', …' : ''} share ${name}: what two write at once they must lock`,
        ]
      : []),
    ...(overlaps
      ? [
          `During a deploy the old web process and the new one have ${name} at once; --exclusive stops the old one first`,
        ]
      : []),
  ]
}

/** A volume is mounted into processes; it is made where it is not there. */
export const mount = releasing<MountChange>({
  schema: MountChange,
  withCanary: () => 'refused',
  describe: ({ name, target }) => `Mount ${name} at ${target}`,
  check,
  changesNothing: (change, current) => isDeepStrictEqual(mountsAfter(current, change), current.mounts ?? []),
  make: async (change, at) => {
    const mounts = mountsAfter(at.current, change)
    await at.createVolume(change.name, mounts.find(({ target }) => target === change.target) ?? {})
    for (const line of sharingNotes({ ...at.current, mounts }, change.name)) at.progress.detail(line)
    return null
  },
  next: (change, current) => ({ mounts: mountsAfter(current, change) }),
})

const isOf = ({ name, target }: UnmountChange, one: AppMount): boolean =>
  one.name === name && (target === undefined || one.target === target)

/** Processes have a volume no more; what is in it stays. */
export const unmount = releasing<UnmountChange>({
  schema: UnmountChange,
  withCanary: () => 'refused',
  describe: ({ name, target }) => `Unmount ${name}${target === undefined ? '' : ` from ${target}`}`,
  check: (change, app, current) => {
    const { name, target } = change
    if ((current.mounts ?? []).some((one) => isOf(change, one))) return
    const composed = placesOfVolumes(current).some((place) => place.name === name && place.from === 'compose file')
    throw new BerthError(
      'missing',
      `${app.name} has no volume ${name.slice(0, 64)} mounted${target === undefined ? '' : ` at ${target.slice(0, 80)}`}`,
      composed
        ? 'its compose file mounts it: take it out there, and deploy it again'
        : '`berth storage` lists the volumes of an app',
    )
  },
  next: (change, current) => ({ mounts: (current.mounts ?? []).filter((one) => !isOf(change, one)) }),
})
