import { z } from 'zod'

export const tokens = {
  create: {
    summary: 'Make an API token; this is the only time it can be read',
    body: z.strictObject({ name: z.string().min(1).max(100).describe('whose it is') }),
    reply: z.strictObject({ name: z.string(), token: z.string() }),
    status: 201,
  },
} as const

export const system = {
  health: {
    summary: 'Say whether Berth is well',
    reply: z.strictObject({ status: z.literal('ok'), version: z.string() }),
    open: true,
  },
} as const
