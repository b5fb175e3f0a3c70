import { z } from 'zod'
import { durationPattern } from '../../lib/duration.js'
import { Time } from '../schemas.js'

export const TokenView = z.strictObject({
  id: z.string().describe('names it; tells nothing of it'),
  name: z.string().describe('whose it is, or what for'),
  createdAt: Time,
  expiresAt: Time.nullable().describe('null is never'),
  lastUsedAt: Time.nullable().describe('to the minute'),
  current: z.boolean().describe('the one this was asked with'),
})
export type TokenView = z.output<typeof TokenView>

export const tokens = {
  list: { summary: 'List API tokens, oldest first', needs: 'admin', reply: z.array(TokenView) },
  create: {
    summary: 'Make an API token; this is the only time it can be read',
    needs: 'admin',
    body: z.strictObject({
      name: z.string().min(1).max(100).describe('whose it is, or what for'),
      expires: z
        .string()
        .regex(durationPattern, 'write it as 30d, 12h or 90m')
        .optional()
        .describe('how long it is good: 30d'),
    }),
    reply: z.strictObject({ id: z.string(), name: z.string(), token: z.string(), expiresAt: Time.nullable() }),
    status: 201,
  },
  revoke: {
    summary: 'Make an API token worthless, at once; what its holder has open ends',
    needs: 'admin',
    params: z.strictObject({ token: z.string().describe('its id, or its name when no other has it') }),
    reply: TokenView,
  },
} as const
