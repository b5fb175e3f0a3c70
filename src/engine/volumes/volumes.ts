import { randomBytes } from 'node:crypto'
import { readdir, statfs } from 'node:fs/promises'
import type { EngineConfig } from '../config.js'
import { EngineError, isFault } from '../errors.js'
import type { Events, Usage, VolumeFiller, VolumeInfo, VolumeRequest, Volumes } from '../records.js'
import { bytesBelow } from '../system/disk.js'
import { fillInPlace, settleInPlace } from './fill.js'
import { demandRoom, parseSize } from './limited.js'
import { checkOptions, mountVolume, unmountVolume } from './options.js'
import { VolumeRecords, type VolumeRecord } from './record.js'
import { Mutex } from '../mutex.js'

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
  config: Pick<EngineConfig, 'root' | 'diskReserve'>,
  events: Events,
  usage: Pick<Usage, 'ofVolume'>,
): Promise<VolumeRoom> {
  const records = new VolumeRecords(`${config.root}/volumes`)
  return new LocalVolumes(config, records, await records.load(), events, usage)
}

class LocalVolumes implements VolumeRoom {
  readonly #config: Pick<EngineConfig, 'root' | 'diskReserve'>
  readonly #records: VolumeRecords
  readonly #events: Events
  readonly #usage: Pick<Usage, 'ofVolume'>
  readonly #volumes: Map<string, VolumeRecord>
  readonly #holders = new Map<string, Set<string>>()
  readonly #mutex = new Mutex()

  constructor(
    config: Pick<EngineConfig, 'root' | 'diskReserve'>,
    records: VolumeRecords,
    known: readonly VolumeRecord[],
    events: Events,
    usage: Pick<Usage, 'ofVolume'>,
  ) {
    this.#config = config
    this.#records = records
    this.#volumes = new Map(known.map((record) => [record.name, record]))
    this.#events = events
    this.#usage = usage
  }

  list(): readonly VolumeInfo[] {
    return [...this.#volumes.values()].map((record) => this.#describe(record))
  }

  users(name: string): readonly string[] {
    return this.#usage.ofVolume(name)
  }

  async space(name: string): Promise<number> {
    const place = this.#records.mountpoint(name)
    if (this.#volumes.get(name)?.options.size === undefined) return bytesBelow(place)
    // its own file system counts for us
    const holder = `measuring ${randomBytes(8).toString('hex')}`
    await this.hold(name, holder)
    try {
      const { blocks, bfree, bsize } = await statfs(place)
      return (blocks - bfree) * bsize
    } finally {
      await this.letGo(holder)
    }
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the contract lets other volumes be looked up
  async get(name: string): Promise<VolumeInfo> {
    return this.#describe(this.#find(name))
  }

  place(name: string): string {
    return this.#records.mountpoint(name)
  }

  ensure(asked: string, request: VolumeRequest = {}): Promise<VolumeInfo> {
    return this.#mutex.run(async () => {
      const { driver = '', labels = {}, options = {} } = request
      const anonymous = asked === '' || (request.anonymous ?? false)
      const name = asked === '' ? newVolumeName() : asked
      if (!['', 'local'].includes(driver))
        throw new EngineError(
          'missing',
          `create ${name}: error looking up volume plugin ${driver}: plugin "${driver}" not found`,
        )
      checkName(name)
      const known = this.#volumes.get(name)
      if (known) return this.#describe(known)
      checkOptions(name, options)
      if (options.size !== undefined)
        demandRoom(name, parseSize(name, options.size), this.#config.root, this.#config.diskReserve)
      const record: VolumeRecord = {
        name,
        createdAt: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
        labels: anonymous ? { ...labels, [anonymousLabel]: '' } : labels,
        options,
        anonymous,
      }
      await this.#records.save(record)
      this.#volumes.set(name, record)
      this.#events.emit('volume', 'create', name, { driver: 'local' })
      return this.#describe(record)
    })
  }

  async fill(name: string, holder: string, copy: VolumeFiller): Promise<void> {
    await this.hold(name, holder)
    try {
      const place = this.#records.mountpoint(name)
      if ((await readdir(place)).length > 0) return
      if (isExternal(this.#find(name))) await fillInPlace(place, copy)
      else
        await this.#records.fill(name, copy, (publish) =>
          this.#mutex.run(() => publish((this.#holders.get(name)?.size ?? 0) > 1)),
        )
    } finally {
      await this.letGo(holder)
    }
  }

  hold(name: string, holder: string): Promise<void> {
    return this.#mutex.run(async () => {
      const record = this.#find(name)
      if (isExternal(record)) {
        await mountVolume(record.options, this.#records.mountpoint(name))
        if (!this.#holders.has(name)) await settleInPlace(this.#records.mountpoint(name))
      }
      this.#holders.set(name, (this.#holders.get(name) ?? new Set()).add(holder))
    })
  }

  letGo(holder: string): Promise<void> {
    return this.#mutex.run(async () => {
      for (const [name, held] of this.#holders) {
        if (!held.delete(holder) || held.size > 0) continue
        this.#holders.delete(name)
        const record = this.#volumes.get(name)
        if (record && isExternal(record)) await unmountVolume(this.#records.mountpoint(name))
      }
    })
  }

  async remove(name: string, force: boolean): Promise<void> {
    if (!force || this.#volumes.has(name)) await this.#remove(name)
  }

  async prune(chosen: (volume: VolumeInfo) => boolean): Promise<{ deleted: readonly string[]; reclaimed: number }> {
    const deleted: string[] = []
    let reclaimed = 0
    for (const { name } of this.list().filter(chosen)) {
      if (this.users(name).length > 0) continue
      const bytes = await this.space(name)
      try {
        await this.#remove(name)
      } catch (error) {
        // a container may have come meanwhile: then the volume stays
        if (isFault(error, 'conflict') || isFault(error, 'missing')) continue
        throw error
      }
      deleted.push(name)
      reclaimed += bytes
    }
    this.#events.emit('volume', 'prune', '', { reclaimed: String(reclaimed) })
    return { deleted, reclaimed }
  }

  #describe(record: VolumeRecord): VolumeInfo {
    return { ...record, driver: 'local', mountpoint: this.#records.mountpoint(record.name) }
  }

  #find(name: string): VolumeRecord {
    const record = this.#volumes.get(name)
    if (!record) throw new EngineError('missing', `get ${name}: no such volume`)
    return record
  }

  #remove(name: string): Promise<void> {
    return this.#mutex.run(async () => {
      this.#find(name)
      const users = this.users(name)
      if (users.length > 0)
        throw new EngineError('conflict', `remove ${name}: volume is in use - [${users.join(', ')}]`)
      // what is mounted is not the volume's to delete
      await unmountVolume(this.#records.mountpoint(name))
      this.#holders.delete(name)
      await this.#records.remove(name)
      this.#volumes.delete(name)
      this.#events.emit('volume', 'destroy', name, { driver: 'local' })
    })
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
