import { z } from 'zod'
import { OfApp, Time } from '../schemas.js'

export const DomainView = z.strictObject({
  host: z.string().describe('lower case, IDN as punycode; *.example.org stands for one label'),
  shown: z.string().describe('as people read it'),
  own: z.boolean().describe("the app's own, by its name: it cannot be removed"),
  createdAt: Time,
  redirect: z.string().nullable().describe('hostname that clients are sent on to'),
  path: z.string().nullable().describe("the app answers below it alone: the rest of the hostname is another app's"),
  strip: z.boolean().describe('the app is asked without the path'),
  onDemand: z.boolean().describe('a client asked for it, and it was allowed'),
})
export type DomainView = z.output<typeof DomainView>

/** How it is with the certificate of a hostname. */
export const CertState = z.strictObject({
  certificate: z
    .strictObject({ id: z.string(), source: z.enum(['own', 'acme']), notAfter: Time })
    .nullable()
    .describe('what clients are shown'),
  order: z
    .strictObject({
      failures: z.int().describe('how often it has failed in a row'),
      failure: z.string().nullable().describe('why it failed last'),
      next: Time.describe('when it is tried again, or the CA is asked when to renew'),
      renew: Time.nullable().describe('when the certificate is to be renewed'),
      ca: z.string().describe('host of the CA that was asked last'),
    })
    .nullable()
    .describe('what Berth does for a certificate; null: it orders none'),
  unordered: z.string().nullable().describe('why none is ordered though the app has them ordered'),
})
export type CertState = z.output<typeof CertState>

const DomainInfo = DomainView.extend({
  ...CertState.shape,
  of: z
    .string()
    .nullable()
    .describe('of a path: app that has the hostname; null where that has changed hands, and the path leads nowhere'),
  guests: z
    .array(z.strictObject({ path: z.string(), app: z.string().nullable().describe('null: one that you may not see') }))
    .describe('paths below which other apps answer'),
})
export type DomainInfo = z.output<typeof DomainInfo>

export const DomainCheck = z.strictObject({
  host: z.string(),
  shown: z.string().describe('as people read it'),
  status: z
    .enum(['here', 'partly', 'elsewhere', 'nothing', 'unknown'])
    .describe('where DNS leads: here; here and elsewhere; elsewhere; nowhere; it could not be found out'),
  says: z.string().describe('the same in words'),
  addresses: z.array(z.string()).describe('what DNS says now, A and AAAA'),
  cname: z.string().nullable(),
  should: z
    .array(z.string())
    .describe('records that would lead here; a CNAME instead of the others; empty when it does'),
})
export type DomainCheck = z.output<typeof DomainCheck>

const Host = z.string().min(1).max(1000).describe('shop.example.org, *.example.org, müller.example')

const Path = z.string().min(1).max(1000).describe('/api, in whole segments')

export const domains = {
  list: {
    summary: 'List the hostnames of an app, and how it is with their certificates',
    needs: 'view',
    params: OfApp,
    reply: z.array(DomainInfo),
  },
  add: {
    summary: 'Give an app hostnames, or a path of those of another app, all or none, at once; makes no release',
    needs: 'manage',
    params: OfApp,
    body: z.strictObject({
      hosts: z.array(Host).min(1, 'at least one').max(100, 'at most 100'),
      path: Path.optional().describe('below this path alone, of hostnames of an app that you may manage, too'),
      strip: z.boolean().optional().describe('the app is asked without the path'),
    }),
    reply: z.array(DomainView).describe('those that were asked for'),
    status: 201,
  },
  remove: {
    summary: 'Take a hostname, or a path of one, from an app, at once; makes no release',
    needs: 'manage',
    params: OfApp.extend({ host: Host }),
    query: z.strictObject({ path: Path.optional() }),
    reply: DomainView,
  },
  redirect: {
    summary: 'Have clients of a hostname sent on to another of the app, or no more',
    needs: 'manage',
    params: OfApp.extend({ host: Host }),
    body: z.strictObject({ to: Host.nullable().describe('null: it is answered by the app') }),
    reply: DomainView,
  },
  https: {
    summary: 'Have clients that come by plain HTTP sent on to HTTPS, or not',
    needs: 'manage',
    params: OfApp,
    body: z.strictObject({
      https: z.boolean(),
      hsts: z
        .int()
        .min(0)
        .max(63_072_000, 'two years at most')
        .optional()
        .describe(
          'seconds for which browsers that came come by HTTPS alone (Strict-Transport-Security); 0: they forget',
        ),
    }),
    reply: z.strictObject({ https: z.boolean(), hsts: z.int().nullable().describe('null: browsers are told nothing') }),
  },
  check: {
    summary: 'Ask DNS for the hostnames of an app, and say what it should answer',
    needs: 'view',
    params: OfApp,
    reply: z.array(DomainCheck),
  },
  clear: {
    summary: 'Take all hostnames, and paths of such, from an app but its own; makes no release',
    needs: 'manage',
    params: OfApp,
    reply: z.array(DomainView).describe('those that were taken from it'),
  },
} as const
