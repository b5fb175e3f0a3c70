import { z } from 'zod'
import type { Change } from '../../changes/index.js'
import { OperationView } from '../operations/contract.js'
import { OfApp } from '../schemas.js'

export const Vars = z.record(z.string(), z.string())

const Edit = z.strictObject({
  set: Vars.optional().describe('names are [A-Za-z_][A-Za-z0-9_]*; values any text without NUL'),
  unset: z.array(z.string()).optional(),
})

export const config = {
  get: { summary: "Read an app's config vars", needs: 'operate', params: OfApp, reply: Vars },
  change: {
    summary: 'Set and unset config vars; makes a release',
    needs: 'operate',
    params: OfApp,
    body: Edit,
    submits: ({ set = {}, unset = [] }: z.output<typeof Edit>): Change => ({ kind: 'config', set, unset }),
    reply: OperationView,
    status: 202,
  },
} as const
