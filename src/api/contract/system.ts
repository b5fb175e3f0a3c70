import { z } from 'zod'

export const system = {
  health: {
    summary: 'Say whether Berth is well',
    reply: z.strictObject({ status: z.literal('ok'), version: z.string() }),
    open: true,
  },
} as const
