import { z } from 'zod'
import { durationPattern } from '../../lib/duration.js'
import { cronRunStatuses } from '../../store/cron.js'
import { OfApp, Switch, Time } from '../schemas.js'

const EntryId = z
  .string()
  .regex(/^[0-9a-f]{8}$/, 'an id is 8 hexadecimal digits, as the list shows it')
  .describe('id of the entry')

const OfEntry = OfApp.extend({ entry: EntryId })

const RunId = z
  .string()
  .regex(/^(latest|[0-9a-f]{8}\.[0-9a-z]{1,40})$/, 'a run is named as the list shows it, or latest')
  .describe('id of the run, or latest')

export const CronRunView = z.strictObject({
  id: z.string(),
  entry: z.string(),
  command: z.string(),
  due: Time.nullable().describe('the minute that it is for; null where somebody asked for it'),
  by: z.string().nullable().describe('who asked for it; null is its schedule'),
  status: z
    .enum(cronRunStatuses)
    .describe(
      'ended: by its time limit, or a newer run; interrupted: the machine went down; skipped: the run before went on; missed: Berth was away',
    ),
  createdAt: Time,
  startedAt: Time.nullable(),
  finishedAt: Time.nullable(),
  release: z.int().nullable(),
  exit: z.int().nullable(),
  failure: z.string().nullable().describe('why it did not end well'),
})
export type CronRunView = z.output<typeof CronRunView>

export const CronEntryView = z.strictObject({
  id: z.string(),
  schedule: z.string(),
  command: z.string(),
  timezone: z.string(),
  concurrency: z.enum(['allow', 'forbid', 'replace']).describe('what happens when its last run goes on'),
  timeout: z.int().nullable().describe("milliseconds; null is the instance's setting"),
  type: z.string().nullable().describe('process type whose image it runs in'),
  source: z.enum(['app.json', 'cron:add']),
  paused: z.enum(['app.json', 'cron:pause']).nullable().describe('by whom; null: it runs'),
  next: Time.nullable().describe('null: it is paused'),
  last: CronRunView.nullable(),
})
export type CronEntryView = z.output<typeof CronEntryView>

const NewLine = z.strictObject({
  schedule: z.string().describe('five fields of a crontab, or @hourly, @daily, @weekly, @monthly, @yearly'),
  command: z.string().describe("a line for the shell of the app's image"),
  timezone: z.string().optional().describe('Europe/Berlin; default UTC'),
  concurrency: z.enum(['allow', 'forbid', 'replace']).optional().describe('default forbid'),
  timeout: z.string().regex(durationPattern, 'write it as 90s, 30m or 2h').optional(),
  type: z.string().optional().describe('process type whose image it runs in'),
})

export const cron = {
  list: { summary: 'List what runs at times', needs: 'view', params: OfApp, reply: z.array(CronEntryView) },
  add: {
    summary: 'Have a command run at times',
    needs: 'operate',
    params: OfApp,
    body: NewLine,
    reply: CronEntryView,
    status: 201,
  },
  remove: { summary: 'Remove an entry that was added', needs: 'operate', params: OfEntry, reply: CronEntryView },
  pause: {
    summary: 'Have an entry not run until it is resumed',
    needs: 'operate',
    params: OfEntry,
    reply: CronEntryView,
  },
  resume: { summary: 'Have a paused entry run again', needs: 'operate', params: OfEntry, reply: CronEntryView },
  stop: {
    summary: 'End the runs of an entry that go on, as a deploy ends a process',
    needs: 'operate',
    params: OfEntry,
    reply: z.array(CronRunView),
    status: 202,
  },
  run: { summary: 'Run an entry now', needs: 'operate', params: OfEntry, reply: CronRunView, status: 202 },
  runs: {
    summary: 'List the runs of an entry, newest first',
    needs: 'view',
    params: OfEntry,
    reply: z.array(CronRunView),
  },
  output: {
    summary: 'Read what a run wrote',
    needs: 'view',
    params: OfEntry.extend({ run: RunId }),
    query: z.strictObject({ follow: Switch.optional().describe('go on until the run is over') }),
    reply: z.strictObject({ time: Time, text: z.string() }),
    stream: 'lines',
    end: CronRunView,
  },
} as const
