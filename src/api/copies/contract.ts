import { z } from 'zod'
import { JobView } from '../backups/contract.js'

const OfService = z.strictObject({ service: z.string().describe('name of the service') })

/** The worker does them as it does backups: `backups.progress` follows one. */
const asked = { needs: 'admin', params: OfService, reply: JobView, status: 202 } as const

export const copies = {
  clone: {
    summary: 'Make a new service with what another has now',
    ...asked,
    body: z.strictObject({ name: z.string().describe('of the new one') }),
  },
  upgrade: {
    summary: 'Have a service be of another version, with all that it has; rehearsed first',
    ...asked,
    body: z.strictObject({
      version: z.string().describe('as services:versions lists them'),
      rehearse: z.boolean().default(false).describe('only try it, on a copy that is taken away again'),
    }),
  },
  undo: {
    summary: 'Have a service be what it was before it was upgraded, or a backup restored in its place',
    ...asked,
  },
} as const
