import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import type { EngineConfig } from '../config.js'
import { EngineError, isFault } from '../errors.js'
import type { Events, Usage, VolumeInfo, Volumes } from '../records.js'
import { bytesBelow } from '../system/disk.js'
import { fillInPlace, settleInPlace } from './fill.js'
import { checkOptions, mountVolume, unmountVolume } from './options.js'
import { VolumeRecords, type VolumeRecord } from './record.js'
import { Mutex } from '../system/mutex.js'

/** The volume room: what the container room needs, and what the API serves. */
export interface VolumeRoom extends Volumes {
  list(): readonly VolumeInfo[]
  /** Bytes on disk of what a volume holds. */
  space(name: string): Promise<number>
  /** Ids of the containers that mount it. */
  users(name: string): readonly string[]
  /** Removes those of the chosen that no container has; `reclaimed` is in bytes. */
  prune(chosen: (volume: VolumeInfo) => boolean): Promise<{ deleted: readonly string[]; reclaimed: number }>
}

/** Docker's mark on a volume that nobody named. */
const anonymousLabel = 'com.docker.volume.anonymous'

/**
 * Opens the volumes of an instance: driver `local`, a directory each. One with options stands for a file system, which is
 * mounted there for as long as a container runs with it, in the engine's mount namespace: the host does not see it.
 */
export async function openVolumes(
  config: Pick<EngineConfig, 'root'>,
  events: Events,
  usage: Pick<Usage, 'ofVolume'>,
): Promise<VolumeRoom> {
  const records = new VolumeRecords(`${config.root}/volumes`)
  const volumes = new Map<string, VolumeRecord>()
  for (const record of await records.load()) volumes.set(record.name, record)
  const holders = new Map<string, Set<string>>()
  const mutex = new Mutex()

  const describe = (record: VolumeRecord): VolumeInfo => ({
    ...record,
    driver: 'local',
    mountpoint: records.mountpoint(record.name),
  })
  const find = (name: string): VolumeRecord => {
    const record = volumes.get(name)
    if (!record) throw new EngineError('missing', `get ${name}: no such volume`)
    return record
  }

  const hold = async (name: string, holder: string): Promise<void> => {
    const record = find(name)
    if (isExternal(record)) {
      await mountVolume(record.options, records.mountpoint(name))
      if (!holders.has(name)) await settleInPlace(records.mountpoint(name))
    }
    holders.set(name, (holders.get(name) ?? new Set()).add(holder))
  }

  const letGo = async (holder: string): Promise<void> => {
    for (const [name, held] of holders) {
      if (!held.delete(holder) || held.size > 0) continue
      holders.delete(name)
      const record = volumes.get(name)
      if (record && isExternal(record)) await unmountVolume(records.mountpoint(name))
    }
  }

  const remove = (name: string): Promise<void> =>
    mutex.run(async () => {
      find(name)
      const users = usage.ofVolume(name)
      if (users.length > 0)
        throw new EngineError('conflict', `remove ${name}: volume is in use - [${users.join(', ')}]`)
      // what is mounted is not the volume's to delete
      await unmountVolume(records.mountpoint(name))
      holders.delete(name)
      await records.remove(name)
      volumes.delete(name)
      events.emit('volume', 'destroy', name, { driver: 'local' })
    })

  const space = (name: string): Promise<number> => bytesBelow(records.mountpoint(name))

  return {
    space,
    list: () => [...volumes.values()].map(describe),
    users: (name) => usage.ofVolume(name),
    // eslint-disable-next-line @typescript-eslint/require-await -- the contract lets other volumes be looked up
    get: async (name) => describe(find(name)),

    place: (name) => records.mountpoint(name),

    ensure: (asked, { driver = '', labels = {}, options = {}, anonymous: nameless = false } = {}) =>
      mutex.run(async () => {
        const anonymous = asked === '' || nameless
        const name = asked === '' ? newVolumeName() : asked
        if (!['', 'local'].includes(driver))
          throw new EngineError(
            'missing',
            `create ${name}: error looking up volume plugin ${driver}: plugin "${driver}" not found`,
          )
        checkName(name)
        const known = volumes.get(name)
        if (known) return describe(known)
        checkOptions(name, options)
        const record: VolumeRecord = {
          name,
          createdAt: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
          labels: anonymous ? { ...labels, [anonymousLabel]: '' } : labels,
          options,
          anonymous,
        }
        await records.save(record)
        volumes.set(name, record)
        events.emit('volume', 'create', name, { driver: 'local' })
        return describe(record)
      }),

    fill: async (name, holder, copy) => {
      await mutex.run(() => hold(name, holder))
      try {
        const place = records.mountpoint(name)
        if ((await readdir(place)).length > 0) return
        if (isExternal(find(name))) await fillInPlace(place, copy)
        else await records.fill(name, copy, (publish) => mutex.run(() => publish((holders.get(name)?.size ?? 0) > 1)))
      } finally {
        await mutex.run(() => letGo(holder))
      }
    },

    hold: (name, holder) => mutex.run(() => hold(name, holder)),

    letGo: (holder) => mutex.run(() => letGo(holder)),

    remove: async (name, force) => {
      if (!force || volumes.has(name)) await remove(name)
    },

    prune: async (chosen) => {
      const deleted: string[] = []
      let reclaimed = 0
      for (const volume of [...volumes.values()].map(describe).filter(chosen)) {
        if (usage.ofVolume(volume.name).length > 0) continue
        const bytes = await space(volume.name)
        try {
          await remove(volume.name)
        } catch (error) {
          // a container may have come meanwhile: then the volume stays
          if (isFault(error, 'conflict') || isFault(error, 'missing')) continue
          throw error
        }
        deleted.push(volume.name)
        reclaimed += bytes
      }
      events.emit('volume', 'prune', '', { reclaimed: String(reclaimed) })
      return { deleted, reclaimed }
    },
  }
}

/** A name for a volume that nobody names. */
export const newVolumeName = (): string => randomBytes(32).toString('hex')

/** Whether its content is on a file system that is mounted for it. */
const isExternal = ({ options }: VolumeRecord): boolean => Object.keys(options).length > 0

/** A name becomes a directory's: nothing that could lead out of ours. @throws EngineError `invalid` in dockerd's words */
function checkName(name: string): void {
  if (name.length < 2)
    throw new EngineError('invalid', 'volume name is too short, names should be at least two alphanumeric characters')
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name) || name.length > 255)
    throw new EngineError(
      'invalid',
      `create ${name.slice(0, 255)}: ${JSON.stringify(name.slice(0, 255))} includes invalid characters for a local volume name, ` +
        'only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path',
    )
}
