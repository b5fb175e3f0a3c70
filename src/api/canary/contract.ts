import { z } from 'zod'
import { isCanaryHeader } from '../../canary-rule.js'
import type { Change } from '../../changes/index.js'
import { OperationView } from '../operations/contract.js'
import { ProcessView } from '../processes/contract.js'
import { OfApp, Time } from '../schemas.js'

const Header = z
  .strictObject({ name: z.string().describe('lower case'), value: z.string().describe('the whole of it') })
  .refine(isCanaryHeader, 'is no header that requests may be told by')

const Percent = z
  .int('must be a whole number')
  .min(1, 'at least 1')
  .max(99, 'at most 99: `berth canary:promote` is all')

const Side = z.strictObject({
  release: z.int(),
  requests: z.int().describe('answered since the canary began'),
  errors: z
    .int()
    .describe('those of them that were answered with a 5xx, or by a page of the router in place of the process'),
  processes: z.array(ProcessView.pick({ name: true, state: true, failure: true, restarts: true, until: true })),
})

export const CanaryView = z.strictObject({
  since: Time,
  percent: z.int().describe('of clients; 0 where only the header counts'),
  header: z.strictObject({ name: z.string(), value: z.string() }).nullable(),
  stable: Side,
  canary: Side,
})
export type CanaryView = z.output<typeof CanaryView>

export const canary = {
  get: {
    summary: 'Read how an app and its canary do',
    needs: 'view',
    params: OfApp,
    reply: z.strictObject({ canary: CanaryView.nullable().describe('null where there is none') }),
  },
  start: {
    summary: 'Send a share of the requests to another release; makes no release',
    needs: 'deploy',
    params: OfApp,
    body: z.strictObject({
      version: z.int().min(1),
      percent: Percent.optional().describe('of clients'),
      header: Header.optional().describe('requests that have it'),
      processes: z.int().min(1).max(100).optional().describe('web processes of it; by its share unless given'),
    }),
    reply: OperationView,
    status: 202,
  },
  promote: {
    summary: 'Run the release of the canary; makes a release',
    needs: 'deploy',
    params: OfApp,
    reply: OperationView,
    status: 202,
  },
  off: {
    summary: 'End the canary',
    needs: 'deploy',
    params: OfApp,
    submits: (): Change => ({ kind: 'canary-off' }),
    reply: OperationView,
    status: 202,
  },
} as const
