import { z } from 'zod'

/** The path of everything that belongs to one app. */
export const OfApp = z.strictObject({ app: z.string().describe('name of the app') })

export const Time = z.string().describe('RFC 3339')

/** `true` or `false` in a query. */
export const Switch = z.enum(['true', 'false']).transform((value) => value === 'true')
