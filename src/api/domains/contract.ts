import { z } from 'zod'
import { OfApp, Time } from '../schemas.js'

export const DomainView = z.strictObject({
  host: z.string().describe('lower case, IDN as punycode; *.example.org stands for one label'),
  shown: z.string().describe('as people read it'),
  own: z.boolean().describe("the app's own, by its name: it cannot be removed"),
  createdAt: Time,
})
export type DomainView = z.output<typeof DomainView>

const Host = z.string().min(1).max(1000).describe('shop.example.org, *.example.org, müller.example')

export const domains = {
  list: {
    summary: 'List the hostnames of an app',
    needs: 'view',
    params: OfApp,
    reply: z.array(DomainView),
  },
  add: {
    summary: 'Give an app hostnames, all or none, at once; makes no release',
    needs: 'manage',
    params: OfApp,
    body: z.strictObject({ hosts: z.array(Host).min(1, 'at least one').max(100, 'at most 100') }),
    reply: z.array(DomainView).describe('those that were asked for'),
    status: 201,
  },
  remove: {
    summary: 'Take a hostname from an app, at once; makes no release',
    needs: 'manage',
    params: OfApp.extend({ host: Host }),
    reply: DomainView,
  },
  clear: {
    summary: 'Take all hostnames from an app but its own; makes no release',
    needs: 'manage',
    params: OfApp,
    reply: z.array(DomainView).describe('those that were taken from it'),
  },
} as const
