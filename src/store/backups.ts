import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import { BerthError } from '../errors.js'
import { change } from './records.js'

/** What is backed up: the data of a service, or the files of an app's volume. */
export interface BackupSubject {
  readonly type: 'service' | 'volume'
  /** Id of the service, or `<app id>/<volume>`. */
  readonly id: string
  /** As people say it: `blog-db`, or `blog/data`. */
  readonly name: string
}

/** A backup that is whole in its repository. */
export interface Backup {
  readonly id: string
  readonly subject: BackupSubject
  /** Kind of the service, or `files`. */
  readonly kind: string
  /** Of the service; null of files. */
  readonly version: string | null
  /** What the service had; null of files. */
  readonly size: { readonly memory: number; readonly cpus: number; readonly shared?: true } | null
  /** RFC 3339; when it was begun. */
  readonly at: string
  readonly cause: 'schedule' | 'command'
  /** Bytes of the dump. */
  readonly bytes: number
  /** Of the dump, in hex. */
  readonly sha256: string
  /** ms that it took. */
  readonly ms: number
  /** Bytes that the repository grew by; null where that is not known. */
  readonly stored: number | null
  /** Id of the repository that it is in. */
  readonly repository: string
  /** Id of it there. */
  readonly snapshot: string
  /** When it was restored last for a trial, and what was found: things (tables, keyspaces, files). */
  readonly proven: { readonly at: string; readonly things: number } | null
  /** Why the last trial failed. */
  readonly failure: string | null
}

/** Those of the second line are about services alone. */
export type BackupTask =
  ('create' | 'restore' | 'verify' | 'remove' | 'target') | ('clone' | 'rehearse' | 'upgrade' | 'undo')
export type BackupJobState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled'

/** Something that the worker does with backups, one after the other. */
export interface BackupJob {
  /** Sorts by time. Of `create` also the id of the backup that it makes. */
  readonly id: string
  readonly task: BackupTask
  readonly state: BackupJobState
  readonly cause: Backup['cause']
  /** Null of what is about none: another target. */
  readonly subject: BackupSubject | null
  /** Backup that it is about. */
  readonly backup: string | null
  /** Name of the service or volume that is restored to, null is where it came from; of an upgrade, the version. */
  readonly to: string | null
  /** Volume that it has made, which is not whole yet. */
  readonly made: string | null
  /** How often it was begun: one whose worker died is begun anew. */
  readonly attempts: number
  /** What is being done. */
  readonly note: string | null
  /** Bytes done of `total`; null where it is not known how many there are. */
  readonly bytes: number
  readonly total: number | null
  /** When what `bytes` counts was begun. */
  readonly since: string | null
  readonly createdAt: string
  readonly endedAt: string | null
  /** Why it failed. */
  readonly failure: string | null
  /** Somebody wants it to end. */
  readonly cancel: boolean
}

/** Where backups are kept. Secrets are in it. */
export type BackupTarget =
  | { readonly type: 'local' }
  | { readonly type: 'directory'; readonly path: string }
  | {
      readonly type: 's3'
      /** `https://s3.example.com/bucket/prefix` */
      readonly url: string
      readonly accessKey: string
      readonly secretKey: string
      readonly region: string | null
      /** PEM of a CA of one's own. */
      readonly ca: string | null
    }
  | {
      readonly type: 'sftp'
      /** `sftp://user@host:port/path` */
      readonly url: string
      /** Line of known_hosts. */
      readonly hostKey: string
    }

/** How many are kept of each subject: the last of so many days, weeks and months. */
export interface Retention {
  readonly daily: number
  readonly weekly: number
  readonly monthly: number
}

export interface BackupSettings {
  readonly target: BackupTarget
  /** The one that is to be, until it has been reached. */
  readonly candidate: BackupTarget | null
  /** Id of the repository that is there; null before the first backup. Another one, or none, is not taken for it. */
  readonly repository: string | null
  /** Crontab fields; `off`. */
  readonly schedule: string
  /** The same for single subjects, by id. */
  readonly schedules: Readonly<Record<string, string>>
  /** Days after which the newest backup of a service is tried again; 0 is never. */
  readonly verifyDays: number
  readonly keep: Retention
  /** When the room of what was let go of was given back last; RFC 3339. */
  readonly prunedAt: string | null
}

/** What holds until somebody says otherwise. */
export const usualSettings: BackupSettings = {
  target: { type: 'local' },
  candidate: null,
  repository: null,
  schedule: '30 3 * * *',
  schedules: {},
  verifyDays: 7,
  keep: { daily: 7, weekly: 4, monthly: 12 },
  prunedAt: null,
}

/** Channel that is told when a job, a backup or the settings have changed. */
export const backupChanges = 'backups:changed'

/** Jobs that have ended and are remembered. */
const keptJobs = 1000

/** Whether nothing is to be done of it any more. */
export const isJobOver = ({ state }: BackupJob): boolean => state !== 'queued' && state !== 'running'

const noBackup = (id: string): BerthError =>
  new BerthError('missing', `there is no backup "${id.slice(0, 40)}"`, 'run `berth backups` to see them all')

const put = `
redis.call('hset', KEYS[1], ARGV[1], ARGV[2])
redis.call('publish', '${backupChanges}', ARGV[1])`

const drop = `
for at = 1, #ARGV do redis.call('hdel', KEYS[1], ARGV[at]) end
redis.call('publish', '${backupChanges}', '')`

const replace = `
if redis.call('hget', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('hset', KEYS[1], ARGV[1], ARGV[3])
redis.call('publish', '${backupChanges}', ARGV[1])
return 1`

/** Backups: hashes `backups` and `backups:jobs` (id -> JSON), and `backups:settings` (`all` -> JSON). */
export class Backups {
  readonly #redis: Redis
  constructor(redis: Redis) {
    this.#redis = redis
  }

  /** Newest first. */
  async list(): Promise<Backup[]> {
    const all = (await this.#redis.hvals('backups')).map((json) => JSON.parse(json) as Backup)
    return all.sort((a, b) => (a.at < b.at ? 1 : -1))
  }

  /** @throws BerthError `missing` */
  async get(id: string): Promise<Backup> {
    const json = await this.#redis.hget('backups', id)
    if (json === null) throw noBackup(id)
    return JSON.parse(json) as Backup
  }

  async has(id: string): Promise<boolean> {
    return (await this.#redis.hexists('backups', id)) === 1
  }

  /** Durable when it resolves. */
  async add(backup: Backup): Promise<void> {
    await this.#redis.eval(put, 1, 'backups', backup.id, JSON.stringify(backup))
  }

  /** One that is gone stays so. */
  async update(id: string, patch: Partial<Backup>): Promise<void> {
    await change<Backup>(this.#redis, { hash: 'backups', key: id, script: replace }, (one) => ({ ...one, ...patch }))
  }

  async remove(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.#redis.eval(drop, 1, 'backups', ...ids)
  }

  /** Newest first. */
  async jobs(): Promise<BackupJob[]> {
    const all = (await this.#redis.hvals('backups:jobs')).map((json) => JSON.parse(json) as BackupJob)
    return all.sort((a, b) => (a.id < b.id ? 1 : -1))
  }

  async findJob(id: string): Promise<BackupJob | null> {
    const json = await this.#redis.hget('backups:jobs', id)
    return json === null ? null : (JSON.parse(json) as BackupJob)
  }

  /** Has the worker do something; sure to be done when it resolves. */
  async submit(asked: Pick<BackupJob, 'task'> & Partial<BackupJob>): Promise<BackupJob> {
    const now = new Date()
    const job: BackupJob = {
      id: `${now.getTime().toString(36)}${randomBytes(2).toString('hex')}`,
      ...{ state: 'queued', cause: 'command', subject: null, backup: null, to: null, made: null, attempts: 0 },
      ...{ note: null, bytes: 0, total: null, since: null, endedAt: null, failure: null, cancel: false },
      createdAt: now.toISOString(),
      ...asked,
    }
    await this.#redis.eval(put, 1, 'backups:jobs', job.id, JSON.stringify(job))
    const over = (await this.jobs()).filter(isJobOver).slice(keptJobs)
    if (over.length > 0) await this.#redis.eval(drop, 1, 'backups:jobs', ...over.map(({ id }) => id))
    return job
  }

  /** @returns the job as it is now; null when it is forgotten */
  updateJob(id: string, next: (before: BackupJob) => Partial<BackupJob> | null): Promise<BackupJob | null> {
    return change<BackupJob>(this.#redis, { hash: 'backups:jobs', key: id, script: replace }, (before) => {
      const patch = next(before)
      return patch && { ...before, ...patch }
    })
  }

  async settings(): Promise<BackupSettings> {
    const json = await this.#redis.hget('backups:settings', 'all')
    return { ...usualSettings, ...(json === null ? {} : (JSON.parse(json) as Partial<BackupSettings>)) }
  }

  async change(next: (before: BackupSettings) => Partial<BackupSettings>): Promise<BackupSettings> {
    await this.#redis.hsetnx('backups:settings', 'all', '{}')
    const options = { hash: 'backups:settings', key: 'all', script: replace }
    await change<Partial<BackupSettings>>(this.#redis, options, (before) => ({
      ...before,
      ...next({ ...usualSettings, ...before }),
    }))
    return this.settings()
  }
}
