import { PassThrough, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { randomBytes } from 'node:crypto'
import { BerthError, messageOf } from '../errors.js'
import { openVolume, volumeTop } from '../scheduler/open-volume.js'
import { volumeLabels, volumeOf, volumeOptions } from '../scheduler/settings.js'
import { checkService, restoreService } from '../services/dump.js'
import { settled } from '../services/settled.js'
import type { App } from '../store/apps.js'
import type { Backup } from '../store/backups.js'
import type { Service } from '../store/services.js'
import { contentsOf } from './archive.js'
import type { BackupRepository } from './repository.js'
import { backupLabel } from './subjects.js'
import type { BackupDeps, RunningTask } from './task.js'

/** ms that a service that is not to stay has to go. */
const goneMs = 60_000

/** Bytes go by while something else reads them. */
function counted(source: Readable, onBytes: (bytes: number) => void): Readable {
  let bytes = 0
  const through = new PassThrough()
  through.on('data', (chunk: Buffer) => onBytes((bytes += chunk.length)))
  pipeline(source, through).catch(() => undefined) // whoever reads is told
  return through.pause()
}

/** Takes away a service that is not to stay, with its data. */
export async function removeService({ store }: BackupDeps, id: string): Promise<void> {
  const asked = await store.services.ask(id, () => ({ wants: 'gone' })).catch(() => null)
  if (asked === null) return
  await settled(store, asked, AbortSignal.timeout(goneMs)).catch((error: unknown) => {
    if (!(error instanceof BerthError) || error.fault !== 'missing') throw error
  })
}

/** What a new service is to have. */
export interface ServiceSource {
  readonly kind: string
  readonly version: string
  readonly size: NonNullable<Backup['size']>
  /** Of the dump. */
  readonly bytes: number
  readonly read: () => Readable
}

/** A service that has what it is to have. */
export interface RestoredService {
  readonly service: Service
  /** How many things its check found. */
  readonly things: number
  /** The lines of its check. */
  readonly found: string
}

/** What a copy of a service is to have, too. */
export const sizeOf = ({ memory, cpus, shared }: Service): NonNullable<Backup['size']> => ({
  ...{ memory, cpus },
  ...(shared && { shared }),
})

/** @throws BerthError `invalid` of a backup of files */
export function sourceOf(repository: BackupRepository, backup: Backup, signal: AbortSignal): ServiceSource {
  const { kind, version, size, bytes } = backup
  if (version === null || size === null) throw new BerthError('invalid', `backup ${backup.id} is none of a service`)
  return { kind, version, size, bytes, read: () => repository.read(backup, signal) }
}

/**
 * A new service with what a dump has; it is marked as one that is not to stay. Where that fails nothing is left of it.
 * @param before called with the service before there is data
 */
export async function restoredService(
  deps: BackupDeps,
  { kind, version, size, bytes, read }: ServiceSource,
  {
    name,
    task,
    before,
  }: { readonly name: string; readonly task: RunningTask; readonly before?: (service: Service) => Promise<void> },
): Promise<RestoredService> {
  const { store } = deps
  await task.step('making a service', null)
  const made = await store.services.create({ name, kind, version, ...size, scratch: true })
  try {
    const service = await settled(store, made, task.signal)
    await before?.(service)
    await task.step('restoring', bytes)
    const dump = counted(read(), task.onBytes)
    await restoreService(deps, service, dump, task.signal)
    await task.step('checking what was restored', null)
    const found = await checkService(deps, service, task.signal)
    return { service, found, things: found.split('\n').filter((line) => line !== '').length }
  } catch (error) {
    await removeService(deps, made.id)
    throw error
  }
}

/**
 * A new volume with the files of a backup. Where that fails nothing is left of it.
 * @returns how many files there are, of the same contents as in the backup
 * @throws BerthError `broken` where they are not the same
 */
export async function restoredVolume(
  deps: BackupDeps,
  repository: BackupRepository,
  backup: Backup,
  { app, name, task }: { readonly app: App; readonly name: string; readonly task: RunningTask },
): Promise<number> {
  const { engine, config, store } = deps
  const { job, signal } = task
  const volume = volumeOf(app.id, name)
  if ((await engine.volumes.find(volume)) !== null && job.made !== volume)
    throw new BerthError(
      'conflict',
      `${app.name} has a volume ${name} already`,
      'name another one, or destroy it first',
    )
  await store.backups.updateJob(job.id, () => ({ made: volume }))
  try {
    await engine.volumes.remove(volume)
    await engine.volumes.create(volume, volumeLabels(config.name, app.id), volumeOptions())
    await using open = await openVolume(deps, app, name, backupLabel)
    await task.step('restoring', backup.bytes)
    const [inBackup] = await Promise.all([
      contentsOf(repository.read(backup, signal)),
      putAll(deps, open.id, counted(repository.read(backup, signal), task.onBytes)),
    ])
    await task.step('checking what was restored', null)
    const archive = await engine.containers.get(open.id, volumeTop)
    const there = archive === null ? null : await contentsOf(archive)
    if (there?.digest !== inBackup.digest)
      throw new BerthError('broken', 'the files that were restored are not those that were backed up')
    return inBackup.files
  } catch (error) {
    await engine.volumes.remove(volume)
    throw error
  }
}

async function putAll({ engine }: BackupDeps, container: string, archive: Readable): Promise<void> {
  let failure: Error | undefined
  archive.once('error', (error: Error) => (failure = error))
  const day = 86_400_000
  await engine.containers.putStream(container, archive, { path: '/' }, day).catch((error: unknown) => {
    if (failure !== undefined) throw failure
    throw error instanceof BerthError
      ? error
      : new BerthError('broken', `it could not be restored: ${messageOf(error)}`, undefined, error)
  })
}

/** A name for what is not to stay. */
export const scratchName = (what: string): string => `${what}-${randomBytes(4).toString('hex')}`
