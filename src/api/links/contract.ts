import { z } from 'zod'
import { OperationView } from '../operations/contract.js'
import { OfApp, Time } from '../schemas.js'

export const LinkView = z.strictObject({
  service: z.string(),
  kind: z.string(),
  variable: z.string().describe('config var that has the URL'),
  current: z.boolean().describe("whether the app's current release has it"),
  since: Time,
})
export type LinkView = z.output<typeof LinkView>

const OfLink = OfApp.extend({ service: z.string().describe('name of the service') })

export const links = {
  list: {
    summary: 'List the services that an app is linked to',
    needs: 'view',
    params: OfApp,
    reply: z.array(LinkView),
  },
  add: {
    summary: 'Link an app to a service: it gets a role of its own, and a URL; makes a release',
    needs: 'admin',
    params: OfApp,
    body: z.strictObject({
      service: z.string(),
      as: z.string().min(1).max(255).optional().describe('config var of the URL; without _URL, that is put behind it'),
    }),
    reply: OperationView,
    status: 202,
  },
  rotate: {
    summary: 'Make another password; the one before is good until the last process that has it ends; makes a release',
    needs: 'manage',
    params: OfLink,
    reply: OperationView,
    status: 202,
  },
  remove: {
    summary: 'Unlink an app from a service, and revoke what it came with; makes a release',
    needs: 'manage',
    params: OfLink,
    reply: OperationView,
    status: 202,
  },
} as const
