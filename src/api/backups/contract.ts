import { z } from 'zod'
import { Time } from '../schemas.js'

const Subject = z.strictObject({
  type: z.enum(['service', 'volume']),
  id: z.string(),
  name: z.string().describe('blog-db, or blog/data of a volume'),
})

const BackupView = z.strictObject({
  id: z.string(),
  subject: Subject,
  kind: z.string().describe('of the service, or files'),
  version: z.string().nullable(),
  at: Time,
  cause: z.enum(['schedule', 'command']),
  bytes: z.int().describe('of the dump'),
  stored: z.int().nullable().describe('bytes that the repository grew by; null where that is not known'),
  ms: z.int().describe('that it took; 0 where that is not known'),
  sha256: z.string(),
  within: z.boolean().describe('it is in the repository that is set now'),
  proven: z
    .strictObject({ at: Time, things: z.int().describe('tables, keyspaces or files that were found') })
    .nullable()
    .describe('when it was last restored for a trial, and found whole'),
  failure: z.string().nullable().describe('why its last trial failed'),
})
export type BackupView = z.output<typeof BackupView>

const SubjectView = Subject.extend({
  schedule: z.string().describe('as in a crontab, in the time zone of the server; off'),
  next: Time.nullable().describe('when it is due next'),
  backups: z.int().describe('how many there are'),
  bytes: z.int().nullable().describe('of the newest'),
  last: Time.nullable().describe('when the newest was begun'),
  proven: Time.nullable().describe('when one of them was restored for a trial last'),
  failure: z.string().nullable().describe('why the last attempt at one, or the last trial, failed'),
})
export type BackupSubjectView = z.output<typeof SubjectView>

export const JobView = z.strictObject({
  id: z.string(),
  task: z.enum(['create', 'restore', 'verify', 'remove', 'target', 'clone', 'rehearse', 'upgrade', 'undo']),
  state: z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled']),
  subject: Subject.nullable(),
  backup: z.string().nullable(),
  to: z.string().nullable(),
  note: z.string().nullable().describe('what is being done, or came of it'),
  bytes: z.int().describe('done'),
  total: z.int().nullable().describe('bytes; null where that is not known'),
  since: Time.nullable().describe('when those bytes were begun'),
  createdAt: Time,
  endedAt: Time.nullable(),
  failure: z.string().nullable(),
})
export type BackupJobView = z.output<typeof JobView>

const Keep = z.strictObject({
  daily: z.int().min(0).max(1000),
  weekly: z.int().min(0).max(1000),
  monthly: z.int().min(0).max(1000),
})

const SettingsView = z.strictObject({
  target: z.strictObject({
    type: z.enum(['local', 'directory', 's3', 'sftp']),
    place: z.string().describe('a path or URL, without what is secret'),
  }),
  schedule: z.string(),
  verifyDays: z.int(),
  keep: Keep,
  publicKey: z.string().describe('that an SFTP server is to let in'),
})
export type BackupSettingsView = z.output<typeof SettingsView>

const OfBackup = z.strictObject({ backup: z.string().describe('id of the backup') })
const OfJob = z.strictObject({ job: z.string() })

const Target = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('local') }),
  z.strictObject({ type: z.literal('directory'), path: z.string().max(1000) }),
  z.strictObject({
    type: z.literal('s3'),
    url: z.string().max(1000).describe('https://s3.example.com/bucket/prefix'),
    accessKey: z.string().min(1).max(500),
    secretKey: z.string().min(1).max(500),
    region: z.string().max(100).nullable().default(null),
    ca: z.string().max(100_000).nullable().default(null).describe('PEM of a CA of its own'),
  }),
  z.strictObject({
    type: z.literal('sftp'),
    url: z.string().max(1000).describe('sftp://user@host:port/path'),
    hostKey: z
      .string()
      .regex(/^[a-z0-9@.-]+ [A-Za-z0-9+/=]+$/, 'write it as ssh-ed25519 AAAA…')
      .max(2000),
  }),
])

const asked = { needs: 'admin', reply: JobView, status: 202 } as const

export const backups = {
  list: { summary: 'List backups, the newest first', needs: 'admin', reply: z.array(BackupView) },
  subjects: {
    summary: 'List what is backed up, when, and what last went wrong',
    needs: 'admin',
    reply: z.array(SubjectView),
  },
  info: { summary: 'Describe a backup', needs: 'admin', params: OfBackup, reply: BackupView },
  create: {
    summary: 'Back up a service or a volume now',
    ...asked,
    body: z.strictObject({ subject: z.string().max(200).describe('blog-db, or blog/data of a volume') }),
  },
  restore: {
    summary: 'Restore a backup, to a new service or volume or in the place of what it was made of',
    ...asked,
    params: OfBackup,
    body: z.strictObject({
      to: z
        .string()
        .max(130)
        .nullable()
        .default(null)
        .describe('name of a new one, APP/VOLUME in another app; null is in its place'),
    }),
  },
  verify: { summary: 'Restore a backup for a trial, and have it checked', ...asked, params: OfBackup },
  remove: {
    summary: 'Remove a backup from its repository',
    ...asked,
    params: OfBackup,
    query: z.strictObject({ confirm: z.string().describe('id of the backup') }),
  },
  jobs: { summary: 'List what was asked of backups, the newest first', needs: 'admin', reply: z.array(JobView) },
  progress: {
    summary: 'Follow what is being done until it is done',
    needs: 'admin',
    params: OfJob,
    reply: JobView,
    stream: 'lines',
    end: JobView,
  },
  cancel: { summary: 'Call off what is being done; what was there before stays', ...asked, params: OfJob },
  settings: {
    summary: 'Show where backups are kept, when they are made, and which',
    needs: 'admin',
    reply: SettingsView,
  },
  change: {
    summary: 'Set when backups are made, and how many are kept',
    needs: 'admin',
    body: z.strictObject({
      schedule: z.string().max(200).optional().describe('as in a crontab; off'),
      subject: z.string().max(200).optional().describe('that alone the schedule is of'),
      usual: z.boolean().optional().describe('the subject has the usual schedule again'),
      verifyDays: z.int().min(0).max(365).optional().describe('0: never'),
      keep: Keep.partial().optional(),
    }),
    reply: SettingsView,
  },
  target: {
    summary: 'Keep backups elsewhere: tried first, and changed only where it lets Berth in',
    ...asked,
    body: z.strictObject({
      target: Target,
      key: z.string().max(200).nullable().default(null).describe('of the repository, where another Berth has made it'),
    }),
  },
  key: {
    summary: 'Show the key that backups are encrypted with',
    needs: 'admin',
    reply: z.strictObject({ key: z.string() }),
  },
} as const
