import { z } from 'zod'
import type { Change } from '../../changes/index.js'
import { OperationView } from '../operations/contract.js'
import { OfApp, Switch, Time } from '../schemas.js'

const ProcessName = z
  .string()
  .regex(/^(cron\.[0-9a-f]{8}|[A-Za-z0-9_-]{1,63}(\.c?\d{1,9})?)$/, 'a process is named web.1, a process type web')
  .describe('web.1, or web for all of them')

export const ProcessView = z.strictObject({
  name: z.string().describe('web.1'),
  type: z.string(),
  state: z
    .enum(['starting', 'up', 'draining', 'stopping', 'crashed', 'down', 'unready'])
    .describe(
      'down: should run, and does not; unready: runs, and gets no requests until it passes its readiness checks',
    ),
  since: Time.nullable().describe('since when it is in this state'),
  until: Time.nullable().describe('when a crashed one is started again'),
  restarts: z.int().describe('crashes in a row'),
  failure: z.string().nullable().describe('why it crashed, or is unready, or what it is there in place of'),
  release: z.int(),
  command: z.string().nullable().describe("null is the image's own"),
  memory: z.int().describe('bytes'),
  cpus: z.number(),
  container: z.string().nullable().describe('id on the engine'),
})
export type ProcessView = z.output<typeof ProcessView>

export const LogLineView = z.strictObject({
  time: Time,
  source: z.enum(['app', 'berth']).describe('app: the process wrote it; berth: what Berth says of it'),
  process: z.string().describe('web.1'),
  text: z.string(),
})
export type LogLineView = z.output<typeof LogLineView>

const Which = z.strictObject({ process: ProcessName.optional() })

export const processes = {
  list: { summary: 'List what runs', needs: 'view', params: OfApp, reply: z.array(ProcessView) },
  restart: {
    summary: 'Restart all processes, or some',
    needs: 'operate',
    params: OfApp,
    body: Which,
    submits: ({ process }: z.output<typeof Which>): Change => ({ kind: 'restart', process: process ?? null }),
    reply: OperationView,
    status: 202,
  },
  rebuild: {
    summary: 'Build again what runs, from its repository',
    needs: 'deploy',
    params: OfApp,
    reply: OperationView,
    status: 202,
  },
  logs: {
    summary: 'Read what processes write',
    needs: 'view',
    params: OfApp,
    query: z.strictObject({
      lines: z.coerce.number().int().min(0).max(10_000).default(100).describe('how many of the newest'),
      process: ProcessName.optional(),
      follow: Switch.optional().describe('go on until the client leaves'),
    }),
    reply: LogLineView,
    stream: 'lines',
    end: z.strictObject({ lines: z.int() }),
  },
  run: {
    summary: 'Run a one-off process',
    needs: 'operate',
    params: OfApp,
    reply: z.null(),
    stream: 'socket',
  },
} as const
