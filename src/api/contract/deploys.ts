import { z } from 'zod'
import { OfApp, Switch, Time } from './names.js'

export const DeployView = z.strictObject({
  id: z.string().describe('sorts by time'),
  app: z.string(),
  kind: z.enum(['push', 'config', 'scale', 'rollback', 'restart', 'rename', 'destroy']),
  description: z.string(),
  commit: z.string().nullable(),
  branch: z.string().nullable(),
  status: z.enum(['queued', 'building', 'releasing', 'succeeded', 'failed', 'superseded', 'cancelled']),
  createdAt: Time,
  finishedAt: Time.nullable(),
  release: z.int().nullable().describe('version of the release it made'),
  failure: z.string().nullable().describe('why it failed, one line'),
})
export type DeployView = z.output<typeof DeployView>

const Follow = z.strictObject({ follow: Switch.optional().describe('go on until it is over') })
const OfBuild = OfApp.extend({ build: z.string().describe('id, or `latest`') })

export const builds = {
  list: { summary: 'List builds, newest first', params: OfApp, reply: z.array(DeployView) },
  info: { summary: 'Describe a build', params: OfBuild, reply: DeployView },
  output: {
    summary: 'Read what a build wrote',
    params: OfBuild,
    query: Follow,
    reply: z.string(),
    stream: 'text',
  },
  cancel: {
    summary: 'End a build that waits or is under way; of one that is over, nothing changes',
    params: OfBuild,
    reply: DeployView,
    status: 202,
  },
} as const

const OfDeploy = z.strictObject({ deploy: z.string() })

export const deploys = {
  info: { summary: 'Describe a change on its way to an app', params: OfDeploy, reply: DeployView },
  log: {
    summary: 'Follow a change until it is over',
    params: OfDeploy,
    query: Follow.extend({ from: z.coerce.number().int().min(0).optional().describe('byte to begin at') }),
    reply: z.strictObject({ text: z.string(), offset: z.int().describe('bytes of the log up to here') }),
    stream: 'lines',
    end: DeployView,
  },
} as const
