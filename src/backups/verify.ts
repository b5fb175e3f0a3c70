import { randomBytes } from 'node:crypto'
import { BerthError, messageOf } from '../errors.js'
import type { Backup } from '../store/backups.js'
import type { BackupRepository } from './repository.js'
import { removeService, restoredService, restoredVolume, sourceOf } from './scratch.js'
import { partsOf } from './subjects.js'
import type { BackupDeps, RunningTask } from './task.js'

/** Restores a backup for a trial, has it checked, and takes it away again: then it is proven. What fails is kept with it. */
export async function verifyBackup(
  deps: BackupDeps,
  repository: BackupRepository,
  backup: Backup,
  task: RunningTask,
): Promise<string> {
  try {
    const things = await (backup.subject.type === 'service' ? tryService : tryVolume)(deps, repository, backup, task)
    await deps.store.backups.update(backup.id, { proven: { at: new Date().toISOString(), things }, failure: null })
    return `${backup.id} was restored and found whole`
  } catch (error) {
    if (!task.signal.aborted) await deps.store.backups.update(backup.id, { failure: messageOf(error) })
    throw error
  }
}

type Try = (deps: BackupDeps, repository: BackupRepository, backup: Backup, task: RunningTask) => Promise<number>

const tryService: Try = async (deps, repository, backup, task) => {
  const name = `trial-${randomBytes(6).toString('hex')}`
  const { service, things } = await restoredService(deps, sourceOf(repository, backup, task.signal), { name, task })
  await removeService(deps, service.id)
  return things
}

const tryVolume: Try = async (deps, repository, backup, task) => {
  const app = await deps.store.apps.find(partsOf(backup.subject.id).app)
  if (app === null) throw new BerthError('missing', `the app of ${backup.subject.name} is gone`)
  const name = `trial-${randomBytes(6).toString('hex')}`
  const files = await restoredVolume(deps, repository, backup, { app, name, task })
  const { made } = (await deps.store.backups.findJob(task.job.id)) ?? { made: null }
  if (made !== null) await deps.engine.volumes.remove(made)
  return files
}
