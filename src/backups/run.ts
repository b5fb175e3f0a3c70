import { BerthError } from '../errors.js'
import type { BackupSettings, BackupTask } from '../store/backups.js'
import { cloneService, rehearseUpgrade, undoPlace, upgradeService } from './copies.js'
import { createBackup } from './create.js'
import { candidateKey, dropCandidate, takeCandidate } from './key.js'
import { BackupRepository } from './repository.js'
import { restoreBackup } from './restore.js'
import { targetInWords } from './target.js'
import type { BackupDeps, RunningTask } from './task.js'
import { verifyBackup } from './verify.js'

/** ms after which the room of what was let go of is given back. */
const pruneMs = 7 * 86_400_000

/** What needs no repository. */
const ofServices: Partial<Record<BackupTask, typeof cloneService>> = {
  clone: cloneService,
  rehearse: rehearseUpgrade,
  upgrade: upgradeService,
  undo: undoPlace,
}

/** Does a job. @returns what came of it, in a sentence @throws BerthError why it failed */
export async function runTask(deps: BackupDeps, task: RunningTask): Promise<string> {
  const own = ofServices[task.job.task]
  if (own) return own(deps, task)
  if (task.job.task === 'target') return setTarget(deps, task)
  const { store } = deps
  const settings = await store.backups.settings()
  await task.step('asking the repository', null)
  const repository = await BackupRepository.open(deps.config, settings.target, settings.repository, task)
  await repository.unlock(task.signal)
  if (settings.repository === null) await take(deps, repository, {}, task.signal)
  switch (task.job.task) {
    case 'create':
      return create(deps, repository, settings, task)
    case 'restore':
      return restoreBackup(deps, repository, await backupOf(deps, repository, task), task)
    case 'verify':
      return verifyBackup(deps, repository, await backupOf(deps, repository, task), task)
    case 'remove':
      return remove(deps, repository, task)
    default:
      throw new BerthError('invalid', `there is no task ${task.job.task} of backups`)
  }
}

async function backupOf({ store }: BackupDeps, repository: BackupRepository, { job }: RunningTask) {
  const backup = await store.backups.get(job.backup ?? '')
  if (backup.repository === repository.id) return backup
  throw new BerthError(
    'conflict',
    `backup ${backup.id} is in another repository than the one that is set`,
    'set that one again with `berth backups:target`',
  )
}

async function create(
  deps: BackupDeps,
  repository: BackupRepository,
  settings: BackupSettings,
  task: RunningTask,
): Promise<string> {
  const { store } = deps
  const { id, bytes, subject } = await createBackup(deps, repository, task)
  const gone = new Set(await repository.retain(subject.id, settings.keep, task.signal))
  const all = await store.backups.list()
  const isGone = (snapshot: string): boolean => [...gone].some((one) => one.startsWith(snapshot))
  await store.backups.remove(all.filter((one) => isGone(one.snapshot)).map((one) => one.id))
  if (gone.size > 0 && Date.now() - (Date.parse(settings.prunedAt ?? '') || 0) > pruneMs) {
    await task.step('giving back room', null)
    await repository.prune(task.signal)
    await store.backups.change(() => ({ prunedAt: new Date().toISOString() }))
  }
  return `${id}: ${bytes} bytes of ${subject.name}`
}

async function remove(deps: BackupDeps, repository: BackupRepository, task: RunningTask): Promise<string> {
  const backup = await backupOf(deps, repository, task)
  await task.step('removing it', null)
  await repository.forget([backup.snapshot], task.signal)
  await deps.store.backups.remove([backup.id])
  await repository.prune(task.signal)
  return `${backup.id} is gone`
}

/** Another repository, once it has been reached: what cannot be changes nothing. */
async function setTarget(deps: BackupDeps, task: RunningTask): Promise<string> {
  const { store, config } = deps
  const { candidate } = await store.backups.settings()
  if (candidate === null) throw new BerthError('conflict', 'another target was set meanwhile')
  try {
    await task.step(`asking ${targetInWords(candidate)}`, null)
    const keyFile = await candidateKey(config)
    const { id } = await BackupRepository.open(config, candidate, null, { signal: task.signal, keyFile })
    if (keyFile !== null) await takeCandidate(config)
    const repository = await BackupRepository.open(config, candidate, id, task)
    const known = await take(deps, repository, { target: candidate }, task.signal)
    return `backups are kept there from now on${known === 0 ? '' : `, and ${known} that are there already are listed`}`
  } finally {
    await dropCandidate(config)
    await store.backups.change(() => ({ candidate: null }))
  }
}

/** Has a repository be the one that is used, and records those of its backups that this Berth does not know, or not any more. */
async function take(
  { store }: BackupDeps,
  repository: BackupRepository,
  settings: Partial<BackupSettings>,
  signal: AbortSignal,
): Promise<number> {
  const there = await repository.list(signal)
  let added = 0
  for (const backup of there) {
    if (await store.backups.has(backup.id)) continue
    await store.backups.add(backup)
    added += 1
  }
  await store.backups.change(() => ({ ...settings, repository: repository.id }))
  return added
}
