import { z } from 'zod'
import { kindNames } from '../../changes/index.js'
import { OfApp, Switch, Time } from '../schemas.js'

export const OperationView = z.strictObject({
  id: z.string().describe('sorts by time'),
  app: z.string(),
  kind: z.enum(kindNames),
  description: z.string(),
  commit: z.string().nullable(),
  branch: z.string().nullable(),
  status: z.enum(['queued', 'building', 'releasing', 'succeeded', 'failed', 'superseded', 'cancelled']),
  createdAt: Time,
  finishedAt: Time.nullable(),
  release: z.int().nullable().describe('version of the release it made'),
  failure: z.string().nullable().describe('why it failed, one line'),
})
export type OperationView = z.output<typeof OperationView>

const Follow = z.strictObject({ follow: Switch.optional().describe('go on until it is over') })
const OfBuild = OfApp.extend({ build: z.string().describe('id, or `latest`') })

export const builds = {
  list: { summary: 'List builds, newest first', needs: 'view', params: OfApp, reply: z.array(OperationView) },
  info: { summary: 'Describe a build', needs: 'view', params: OfBuild, reply: OperationView },
  output: {
    summary: 'Read what a build wrote',
    needs: 'view',
    params: OfBuild,
    query: Follow,
    reply: z.string(),
    stream: 'text',
  },
  cancel: {
    summary: 'End a build that waits or is under way; of one that is over, nothing changes',
    needs: 'deploy',
    params: OfBuild,
    reply: OperationView,
    status: 202,
  },
  purge: {
    summary: 'Remove what builds of an app keep for the next: layers of steps, caches of package managers',
    needs: 'deploy',
    params: OfApp,
    reply: z.strictObject({ freed: z.int().describe('bytes') }),
  },
} as const

const OfOperation = z.strictObject({ operation: z.string() })

export const operations = {
  info: { summary: 'Describe a change on its way to an app', needs: 'view', params: OfOperation, reply: OperationView },
  log: {
    summary: 'Follow a change until it is over',
    needs: 'view',
    params: OfOperation,
    query: Follow.extend({ from: z.coerce.number().int().min(0).optional().describe('byte to begin at') }),
    reply: z.strictObject({ text: z.string(), offset: z.int().describe('bytes of the log up to here') }),
    stream: 'lines',
    end: OperationView,
  },
} as const
