import { z } from 'zod'

export const system = {
  health: {
    summary: 'Say whether Berth is well',
    needs: 'nothing',
    reply: z.strictObject({ status: z.literal('ok'), version: z.string() }),
  },
} as const
