import { z } from 'zod'
import type { Change } from '../../changes/index.js'
import { OperationView } from '../operations/contract.js'
import { OfApp } from '../schemas.js'

export const Vars = z.record(z.string(), z.string())

const Edit = z.strictObject({
  set: Vars.optional().describe('names are [A-Za-z_][A-Za-z0-9_]*; values any text without NUL'),
  unset: z.array(z.string()).optional(),
  reach: z
    .enum(['build', 'run', 'both'])
    .optional()
    .describe(
      'who has those that are set: builds, processes or both; unless given, who has them now, and both of new ones',
    ),
})

export const config = {
  get: { summary: "Read an app's config vars", needs: 'operate', params: OfApp, reply: Vars },
  reach: {
    summary: 'Read who alone has which of them: builds or processes; both have the others',
    needs: 'operate',
    params: OfApp,
    reply: z.record(z.string(), z.enum(['build', 'run'])),
  },
  change: {
    summary: 'Set and unset config vars; makes a release',
    needs: 'operate',
    params: OfApp,
    body: Edit,
    submits: ({ set = {}, unset = [], reach }: z.output<typeof Edit>): Change => ({
      ...{ kind: 'config', set, unset },
      ...(reach && { reach }),
    }),
    reply: OperationView,
    status: 202,
  },
} as const
