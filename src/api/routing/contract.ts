import { z } from 'zod'
import { isNetwork } from '../../lib/networks.js'
import { isAssetPath, isHeaderValue, isSettable, pageNames, rulesLimits as most } from '../../routing-rules.js'
import { OfApp } from '../schemas.js'
import { SsoEdit, SsoView } from './sso.js'

const whole = (limit: number) => z.int('must be a whole number').min(1, 'at least 1').max(limit, `at most ${limit}`)

const Rate = z
  .strictObject({ requests: whole(most.requests), seconds: whole(most.seconds) })
  .describe('so many requests in so many seconds; as many may come at once')

const Network = z
  .string()
  .refine((text) => isNetwork(text), 'is neither an address nor a CIDR network')
  .describe('192.0.2.7, 10.0.0.0/8, 2001:db8::/32')

/** RFC 7617 §2: a colon ends it. */
const User = z
  .string()
  // eslint-disable-next-line no-control-regex -- what it may not hold
  .regex(/^[^:\u0000-\u001f\u007f]{1,64}$/, 'must be 1 to 64 characters, without a colon')

const Password = z.string().min(1, 'must not be empty').max(1024, 'at most 1024 characters')

const Header = z
  .string()
  .transform((name) => name.toLowerCase())
  .refine(isSettable, "is no header that may be set: it is none, or frames the answer, or is the router's own")

const Value = z.string().refine(isHeaderValue, `must be one line of at most ${most.header} characters of Latin-1`)

const Page = z
  .string()
  .refine((html) => Buffer.byteLength(html) <= most.page, `must be at most ${most.page / 1024} KiB`)
  .refine((html) => html.trim() !== '', 'must not be empty')

const PageName = z.enum(pageNames)

const AssetPath = z
  .string()
  .transform((path) => path.replace(/\/$/, ''))
  .refine(isAssetPath, 'must be a path as /static: segments of letters, digits and . _ ~ -')

const count = (what: string, limit: number) => [limit, `at most ${limit} ${what}`] as const

export const RoutingView = z.strictObject({
  maintenance: z.boolean().describe('everybody is told to come again later'),
  hold: z.int().nullable().describe('seconds for which requests are held in maintenance, before they are told so'),
  allow: z.array(z.string()).describe('addresses and networks that get in; everybody where there are none'),
  users: z.array(z.string()).describe('names that get in, with a password; everybody where there are none'),
  sso: SsoView.nullable().describe('who gets in by signing in elsewhere; null: nobody has to'),
  rate: Rate.nullable().describe('of all clients together'),
  clientRate: Rate.nullable().describe('of each client address'),
  headers: z.record(z.string(), z.string()).describe("of its answers: set, or taken away where it is ''"),
  compress: z.boolean().describe('its answers are compressed (brotli, gzip) where that makes them smaller'),
  sticky: z.boolean().describe('clients come back to the process that has answered them before, by a cookie'),
  protocol: z
    .enum(['h2c'])
    .nullable()
    .describe('h2c: it is asked by HTTP/2 without TLS, as gRPC wants it; null: by HTTP/1.1'),
  assets: z.array(z.string()).describe('paths below which files of earlier releases are kept'),
  body: z.int().nullable().describe("bytes of a request's body"),
  timeout: z.int().nullable().describe('seconds until the first byte of an answer; null: as for all apps'),
  pages: z.array(PageName).describe('those that it has of its own'),
})
export type RoutingView = z.output<typeof RoutingView>

const Edit = z.strictObject({
  maintenance: z.boolean().optional(),
  hold: whole(most.hold).nullable().optional(),
  allow: z
    .array(Network)
    .max(...count('networks', most.networks))
    .optional()
    .describe('these get in, too'),
  disallow: z.array(z.string().max(64)).max(most.networks).optional().describe('these do no more'),
  users: z.record(User, Password.nullable()).optional().describe('name to password; null removes'),
  sso: SsoEdit.nullable().optional().describe('null: nobody has to sign in any more'),
  endSessions: z.literal(true).optional().describe('everybody has to sign in anew'),
  rate: Rate.nullable().optional(),
  clientRate: Rate.nullable().optional(),
  headers: z
    .record(Header, Value.nullable())
    .optional()
    .describe("'' takes it away from answers; null leaves it as the app says"),
  compress: z.boolean().optional(),
  sticky: z.boolean().optional(),
  assets: z
    .array(AssetPath)
    .max(...count('paths', most.assets))
    .optional()
    .describe('in place of those that were there'),
  protocol: z.enum(['h2c']).nullable().optional(),
  body: whole(Number.MAX_SAFE_INTEGER).nullable().optional(),
  timeout: whole(most.timeout).nullable().optional(),
  pages: z.partialRecord(PageName, Page.nullable()).optional().describe("HTML; null: Berth's own again"),
})
export type RoutingEdit = z.output<typeof Edit>

export const routing = {
  get: {
    summary: 'Read what the router does with the requests to an app',
    needs: 'view',
    params: OfApp,
    reply: RoutingView,
  },
  change: {
    summary: 'Change what the router does with the requests to an app, at once; makes no release',
    needs: 'manage',
    params: OfApp,
    body: Edit,
    reply: RoutingView,
  },
} as const
