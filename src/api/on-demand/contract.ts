import { z } from 'zod'
import { OfApp, Time } from '../schemas.js'

/** How much, unless somebody says. */
export const onDemandDefaults = { asksPerMinute: 10, namesPerDay: 50, most: 1_000 } as const

const Ask = z.string().max(2_000).describe('https URL, or path of the app (/allowed); asked with ?domain=HOST')
const Limits = z.strictObject({
  asksPerMinute: z.int().min(1).max(600).describe('hostnames that are looked at in a minute; default 10'),
  namesPerDay: z.int().min(1).max(1_000).describe('hostnames that the app is given in 24 hours; default 50'),
  most: z.int().min(1).max(1_000).describe('hostnames that it may have so; default 1000'),
})

const OnDemandView = Limits.extend({
  on: z.boolean(),
  allow: z.array(z.string()).describe('hostnames that are allowed, wildcards perhaps'),
  ask: Ask.nullable().describe('what is asked about all others; null: they are not allowed'),
  names: z.array(z.string()).describe('hostnames that it was given'),
  verdicts: z
    .array(z.strictObject({ host: z.string(), at: Time, allowed: z.boolean(), says: z.string() }))
    .describe('what became of hostnames lately, newest first'),
})
export type OnDemandView = z.output<typeof OnDemandView>

export const onDemand = {
  info: {
    summary: 'Say which hostnames an app is given on demand, with a certificate each, and what became of some lately',
    needs: 'view',
    params: OfApp,
    reply: OnDemandView,
  },
  set: {
    summary:
      'Give an app hostnames that no app has, when a client asks for one that is allowed, with a certificate each; in the place of what was said before',
    needs: 'admin',
    params: OfApp,
    body: Limits.partial().extend({
      allow: z.array(z.string().max(1_000)).max(1_000, 'at most 1000').optional(),
      ask: Ask.optional(),
    }),
    reply: OnDemandView,
  },
  off: {
    summary: 'Give an app no hostnames on demand any more; those that it has stay',
    needs: 'admin',
    params: OfApp,
    reply: OnDemandView,
  },
} as const
