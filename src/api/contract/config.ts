import { z } from 'zod'
import { OperationView } from './operations.js'
import { OfApp } from './names.js'

export const Vars = z.record(z.string(), z.string())

export const config = {
  get: { summary: "Read an app's config vars", params: OfApp, reply: Vars },
  change: {
    summary: 'Set and unset config vars; makes a release',
    params: OfApp,
    body: z.strictObject({
      set: Vars.optional().describe('names are [A-Za-z_][A-Za-z0-9_]*; values any text without NUL'),
      unset: z.array(z.string()).optional(),
    }),
    reply: OperationView,
    status: 202,
  },
} as const
