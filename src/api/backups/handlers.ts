import { checkVolumeName } from '../../changes/mount.js'
import { checkSchedule } from '../../backups/due.js'
import { readKey, writeCandidate } from '../../backups/key.js'
import { allSubjects, findSubject, partsOf } from '../../backups/subjects.js'
import { checkTarget } from '../../backups/target.js'
import { BerthError } from '../../errors.js'
import { backupChanges, isJobOver, type BackupJob } from '../../store/backups.js'
import { checkServiceName } from '../../store/services.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'
import { knownBackups, viewBackup, viewJob, viewSettings, viewSubject } from './view.js'

type OfBackups = HandlersOf<'backups'>
type Asked = Parameters<ControlApiDeps['store']['backups']['submit']>[0]

export const backupHandlers = (platform: ControlApiDeps): OfBackups => ({
  ...looks(platform),
  ...tasks(platform),
  ...settings(platform),
})

const looks = (
  platform: ControlApiDeps,
): Pick<OfBackups, 'list' | 'subjects' | 'info' | 'jobs' | 'progress' | 'settings' | 'key'> => {
  const { store, config } = platform
  return {
    list: async () => {
      const { backups, settings } = await knownBackups(platform)
      return backups.map((one) => viewBackup(one, settings.repository))
    },
    subjects: async () => {
      const [known, all] = await Promise.all([knownBackups(platform), allSubjects(await platform.services())])
      return all.map((one) => viewSubject(known, one))
    },
    info: async ({ backup }) =>
      viewBackup(await store.backups.get(backup), (await store.backups.settings()).repository),
    jobs: async () => (await store.backups.jobs()).map(viewJob),
    progress: async ({ job }, { signal }) => follow(platform, await jobOf(platform, job), signal),
    settings: () => viewSettings(platform),
    key: async () => {
      const key = await readKey(config)
      if (key !== null) return { key }
      throw new BerthError('missing', 'there is no key before the first backup', '`berth backups:create` makes one')
    },
  }
}

const tasks = ({
  store,
  config,
  services,
}: ControlApiDeps): Pick<OfBackups, 'create' | 'restore' | 'verify' | 'remove' | 'cancel' | 'target'> => {
  const submit = async (asked: Asked) => viewJob(await store.backups.submit(asked))
  return {
    create: async ({ subject }) => submit({ task: 'create', subject: await findSubject(await services(), subject) }),
    restore: async ({ backup, to }) => {
      const { subject } = await store.backups.get(backup)
      await checkPlace(store, subject.type, to)
      return submit({ task: 'restore', subject, backup, to })
    },
    verify: async ({ backup }) => {
      const { subject } = await store.backups.get(backup)
      return submit({ task: 'verify', subject, backup })
    },
    remove: async ({ backup, confirm }) => {
      const { subject } = await store.backups.get(backup)
      if (confirm === backup) return submit({ task: 'remove', subject, backup })
      throw new BerthError(
        'invalid',
        `"${confirm.slice(0, 40)}" is not the backup to remove, "${backup}"`,
        'repeat its id to confirm',
      )
    },
    cancel: async ({ job: id }) => {
      const job = await store.backups.updateJob(id, (one) => (isJobOver(one) ? null : { cancel: true }))
      if (job === null) throw noJob(id)
      if (isJobOver(job)) throw new BerthError('conflict', 'it is over already')
      return viewJob(job)
    },
    target: async ({ target, key }) => {
      checkTarget(target)
      if (key !== null) await writeCandidate(config, key)
      await store.backups.change(() => ({ candidate: target }))
      return submit({ task: 'target' })
    },
  }
}

const settings = (platform: ControlApiDeps): Pick<OfBackups, 'change'> => ({
  change: async ({ schedule, subject: name, usual, verifyDays, keep }) => {
    if (schedule !== undefined) checkSchedule(schedule)
    if (name === undefined ? usual !== undefined : (schedule === undefined) === (usual !== true))
      throw new BerthError('invalid', 'a subject has a schedule of its own, or the usual one', 'say one of the two')
    const subject = name === undefined ? null : await findSubject(await platform.services(), name)
    await platform.store.backups.change((before) => {
      const others = Object.entries(before.schedules).filter(([id]) => id !== subject?.id)
      const own = schedule === undefined || subject === null ? [] : [[subject.id, schedule] as const]
      return {
        ...(subject !== null && { schedules: Object.fromEntries([...others, ...own]) }),
        ...(subject === null && schedule !== undefined && { schedule }),
        ...(verifyDays !== undefined && { verifyDays }),
        ...(keep !== undefined && { keep: { ...before.keep, ...withoutUndefined(keep) } }),
      }
    })
    return viewSettings(platform)
  },
})

const withoutUndefined = (keep: { readonly [name: string]: number | undefined }): Partial<Record<string, number>> =>
  Object.fromEntries(Object.entries(keep).filter(([, value]) => value !== undefined))

const noJob = (id: string): BerthError => new BerthError('missing', `there is no job "${id.slice(0, 40)}" of backups`)

async function jobOf({ store }: ControlApiDeps, id: string): Promise<BackupJob> {
  const job = await store.backups.findJob(id)
  if (job === null) throw noJob(id)
  return job
}

/** @throws BerthError `invalid`, `conflict` where nothing new could be there */
async function checkPlace(
  store: ControlApiDeps['store'],
  type: 'service' | 'volume',
  to: string | null,
): Promise<void> {
  if (type === 'volume') {
    if (to === null)
      throw new BerthError(
        'invalid',
        'a volume is restored to a new one, which is then mounted in its place',
        'name it: `--to NAME`',
      )
    if (to.includes('/')) await store.apps.get(partsOf(to).app)
    checkVolumeName(to.includes('/') ? partsOf(to).volume : to)
  } else if (to !== null) {
    checkServiceName(to)
    if ((await store.services.list()).some(({ name }) => name === to))
      throw new BerthError('conflict', `there is a service named "${to}" already`, 'choose another name')
  }
}

/** A job as it gets on, until it is over. */
async function* follow({ store }: ControlApiDeps, { id }: BackupJob, signal: AbortSignal) {
  let wake = (): void => undefined
  let news = new Promise<void>((resolve) => (wake = resolve))
  signal.addEventListener('abort', () => wake(), { once: true })
  const unsubscribe = await store.notifications.subscribe(backupChanges, (changed) => {
    if (changed === '' || changed === id) wake()
  })
  try {
    for (;;) {
      const job = await store.backups.findJob(id)
      if (job === null) throw noJob(id)
      if (isJobOver(job)) return viewJob(job)
      yield viewJob(job)
      await news
      if (signal.aborted)
        throw new BerthError('unavailable', 'Berth stopped following it', 'what was begun goes on: `berth backups`')
      news = new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    unsubscribe()
  }
}
