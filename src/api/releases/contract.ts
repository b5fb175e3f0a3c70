import { z } from 'zod'
import { Vars } from '../config/contract.js'
import { OperationView } from '../operations/contract.js'
import { Size } from '../formation/contract.js'
import { OfApp, Time } from '../schemas.js'

export const ReleaseView = z.strictObject({
  version: z.int(),
  createdAt: Time,
  description: z.string(),
  status: z.enum(['pending', 'succeeded', 'failed']),
  failure: z.string().nullable(),
  commit: z.string().nullable(),
  current: z.boolean(),
})
export type ReleaseView = z.output<typeof ReleaseView>

export const ReleaseInfo = ReleaseView.extend({
  image: z.string().nullable(),
  images: z.record(z.string(), z.string()).describe('of process types that run in another image than the rest'),
  processTypes: z.record(z.string(), z.string().nullable()),
  formation: z.record(z.string(), Size),
  config: Vars,
})
export type ReleaseInfo = z.output<typeof ReleaseInfo>

export const releases = {
  list: { summary: 'List releases, newest first', needs: 'view', params: OfApp, reply: z.array(ReleaseView) },
  info: {
    summary: 'Describe a release',
    needs: 'operate',
    params: OfApp.extend({
      version: z
        .string()
        .regex(/^(v?\d{1,9}|current)$/, 'a version is v1, v2, …, or current')
        .describe('v1, 1 or current'),
    }),
    reply: ReleaseInfo,
  },
  rollback: {
    summary: 'Go back to an earlier release; makes a release',
    needs: 'deploy',
    params: OfApp,
    body: z.strictObject({ version: z.int().min(1).optional().describe('the one before the current unless given') }),
    reply: OperationView,
    status: 202,
  },
} as const
