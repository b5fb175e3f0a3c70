import { BerthError } from '../errors.js'
import { settled } from '../services/settled.js'
import type { Backup } from '../store/backups.js'
import type { Service } from '../store/services.js'
import type { BackupRepository } from './repository.js'
import { grantLinks, takePlace } from './place.js'
import { removeService, restoredService, restoredVolume, scratchName, sourceOf } from './scratch.js'
import { partsOf } from './subjects.js'
import type { BackupDeps, RunningTask } from './task.js'

/** Restores a backup: to a new service or volume, or in the place of what it was made of. Until all of it is there nothing else changes. */
export async function restoreBackup(
  deps: BackupDeps,
  repository: BackupRepository,
  backup: Backup,
  task: RunningTask,
): Promise<string> {
  const { to } = task.job
  if (backup.subject.type === 'volume') return toVolume(deps, repository, backup, task)
  if (to === null) return inPlace(deps, repository, backup, task)
  const { service } = await restoredService(deps, sourceOf(repository, backup, task.signal), { name: to, task })
  await deps.store.services.update(service.id, () => ({ scratch: undefined }) as never)
  return `${to} has what ${backup.subject.name} had`
}

async function toVolume(
  deps: BackupDeps,
  repository: BackupRepository,
  backup: Backup,
  task: RunningTask,
): Promise<string> {
  const to = task.job.to ?? ''
  const place = to.includes('/') ? partsOf(to) : { app: null, volume: to }
  const { apps } = deps.store
  const app = place.app === null ? await apps.find(partsOf(backup.subject.id).app) : await apps.get(place.app)
  if (app === null)
    throw new BerthError('missing', `the app of ${backup.subject.name} is gone`, 'name another: `--to APP/VOLUME`')
  const name = place.volume
  const files = await restoredVolume(deps, repository, backup, { app, name, task })
  return `${app.name} has a volume ${name} with ${files} files: \`berth storage:mount ${name}:/PATH -a ${app.name}\``
}

/** Beside what there is, and then in its place: what was there stays, as a service that is stopped. */
async function inPlace(
  deps: BackupDeps,
  repository: BackupRepository,
  backup: Backup,
  task: RunningTask,
): Promise<string> {
  const { store } = deps
  const target = await store.services.find(backup.subject.id)
  if (target === null || target.wants === 'gone')
    throw new BerthError('missing', `${backup.subject.name} is gone`, 'restore it to a new one: `--to NAME`')
  if (target.kind !== backup.kind || target.version !== backup.version)
    throw new BerthError(
      'conflict',
      `${target.name} is ${target.kind} ${target.version} now, and the backup is of ${backup.kind} ${backup.version ?? ''}`,
      'restore it to a new one: `--to NAME`',
    )
  const name = scratchName(`${target.name.slice(0, 45)}-before`)
  const letIn = (service: Service): Promise<void> => grantLinks(deps, target.id, service)
  const { service: fresh } = await restoredService(deps, sourceOf(repository, backup, task.signal), {
    name,
    task,
    before: letIn,
  })
  try {
    await task.step('taking its place', null)
    await letIn(fresh)
    await settled(store, await store.services.ask(fresh.id, () => ({ wants: 'stopped' })), task.signal)
  } catch (error) {
    await removeService(deps, fresh.id)
    throw error
  }
  await takePlace(deps, target.id, fresh.id)
  return `${target.name} has what it had then; what it had until now is in ${name}, which is stopped`
}
