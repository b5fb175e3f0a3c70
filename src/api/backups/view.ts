import { nextBackup, scheduleOf, type BackupsKnown } from '../../backups/due.js'
import { ensureSshKey } from '../../backups/ssh-key.js'
import type { KnownSubject } from '../../backups/subjects.js'
import { targetInWords } from '../../backups/target.js'
import { isJobOver, type Backup, type BackupJob } from '../../store/backups.js'
import type { ControlApiDeps } from '../platform.js'
import type { BackupJobView, BackupSettingsView, BackupSubjectView, BackupView } from './contract.js'

/** @param repository id of the one that is set */
export const viewBackup = (backup: Backup, repository: string | null): BackupView => {
  const { id, subject, kind, version, at, cause, bytes, stored, ms, sha256, proven, failure } = backup
  const within = backup.repository === repository
  return { id, subject, kind, version, at, cause, bytes, stored, ms, sha256, within, proven, failure }
}

export const viewJob = (job: BackupJob): BackupJobView => {
  const { id, task, state, subject, backup, to, note, bytes, total, since, createdAt, endedAt, failure } = job
  return { id, task, state, subject, backup, to, note, bytes, total, since, createdAt, endedAt, failure }
}

/** What is wrong with the backups of a subject; null is nothing. */
export function failureOf({ jobs, backups }: BackupsKnown, id: string): string | null {
  const over = jobs.filter((job) => job.subject?.id === id && isJobOver(job) && job.state !== 'cancelled')
  const made = over.find(({ task }) => task === 'create')
  if (made?.state === 'failed') return made.failure
  return backups.find(({ subject }) => subject.id === id)?.failure ?? null
}

export function viewSubject(known: BackupsKnown, subject: KnownSubject): BackupSubjectView {
  const { type, id, name } = subject
  const mine = known.backups.filter((one) => one.subject.id === id)
  const next = nextBackup(known, subject, Date.now())
  const proven = mine.flatMap((one) => one.proven?.at ?? []).sort()
  return {
    ...{ type, id, name, schedule: scheduleOf(known.settings, id) ?? 'off' },
    next: next === null ? null : new Date(next).toISOString(),
    backups: mine.length,
    bytes: mine[0]?.bytes ?? null,
    last: mine[0]?.at ?? null,
    proven: proven.at(-1) ?? null,
    failure: failureOf(known, id),
  }
}

/** All that is known of backups. */
export async function knownBackups({ store }: Pick<ControlApiDeps, 'store'>): Promise<BackupsKnown> {
  const [settings, backups, jobs] = await Promise.all([
    store.backups.settings(),
    store.backups.list(),
    store.backups.jobs(),
  ])
  return { settings, backups, jobs }
}

export async function viewSettings({ store, config }: ControlApiDeps): Promise<BackupSettingsView> {
  const { target, schedule, verifyDays, keep } = await store.backups.settings()
  return {
    target: { type: target.type, place: targetInWords(target) },
    ...{ schedule, verifyDays, keep },
    publicKey: await ensureSshKey(config),
  }
}
