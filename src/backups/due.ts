import { readSchedule } from '../cron/schedule.js'
import { isJobOver, type Backup, type BackupJob, type BackupSettings, type BackupTask } from '../store/backups.js'
import type { KnownSubject } from './subjects.js'

/** ms of a day. */
const day = 86_400_000

/** The time zone of the machine, which schedules are in. */
const zone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone

/** When a subject is backed up; null is never, by itself. */
export const scheduleOf = ({ schedule, schedules }: BackupSettings, subject: string): string | null => {
  const text = schedules[subject] ?? schedule
  return text === 'off' ? null : text
}

/** @throws BerthError `invalid` of what is neither `off` nor a schedule */
export function checkSchedule(text: string): void {
  if (text !== 'off') readSchedule(text, zone())
}

/** What is known of backups at one moment. */
export interface BackupsKnown {
  readonly settings: BackupSettings
  readonly backups: readonly Backup[]
  readonly jobs: readonly BackupJob[]
}

/** When something was begun with a subject last, well or not; 0 is never. */
function lastOf({ jobs, backups }: BackupsKnown, id: string, task: BackupTask): number {
  const made = task === 'create' ? backups.filter(({ subject }) => subject.id === id).map(({ at }) => at) : []
  const begun = jobs.filter((job) => job.task === task && job.subject?.id === id).map(({ createdAt }) => createdAt)
  return Math.max(0, ...[...made, ...begun].map((at) => Date.parse(at)))
}

/** When the next backup of a subject is due, in ms; null is never. The first comes at the first time of its schedule that it lives to see. */
export function nextBackup(known: BackupsKnown, subject: KnownSubject, now: number): number | null {
  const text = scheduleOf(known.settings, subject.id)
  if (text === null || subject.idle) return null
  const since = Date.parse(subject.since)
  const from = lastOf(known, subject.id, 'create') || (Number.isNaN(since) ? now : since)
  // a clock that was set back is no reason to wait
  return readSchedule(text, zone()).next(Math.min(from, now))
}

type DueJob = Pick<BackupJob, 'task' | 'subject' | 'backup' | 'cause'>

/** What is to be begun now. */
export function dueNow(known: BackupsKnown, subjects: readonly KnownSubject[], now: number): DueJob[] {
  const cause = 'schedule'
  return subjects.flatMap(({ since, idle, ...subject }): DueJob[] => {
    if (known.jobs.some((job) => !isJobOver(job) && job.subject?.id === subject.id)) return []
    const next = nextBackup(known, { ...subject, since, idle }, now)
    if (next !== null && next <= now) return [{ task: 'create', subject, backup: null, cause }]
    const unproven = newestUnproven(known, subject.id, now)
    return unproven === null ? [] : [{ task: 'verify', subject, backup: unproven, cause }]
  })
}

/** The newest backup of a subject, where none has been proven for too long, and none was tried today. */
function newestUnproven(known: BackupsKnown, id: string, now: number): string | null {
  const { verifyDays } = known.settings
  const mine = known.backups.filter(({ subject }) => subject.id === id)
  const [newest] = mine
  if (verifyDays === 0 || newest === undefined) return null
  const proven = Math.max(0, ...mine.map((one) => Date.parse(one.proven?.at ?? '') || 0))
  const tried = lastOf(known, id, 'verify')
  return now - proven >= verifyDays * day && now - tried >= Math.min(1, verifyDays) * day ? newest.id : null
}
