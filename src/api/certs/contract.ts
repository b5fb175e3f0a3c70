import { z } from 'zod'
import { OfApp, Time } from '../schemas.js'

export const CertView = z.strictObject({
  id: z.string(),
  names: z.array(z.string()).describe('hostnames that it is good for'),
  issuer: z.string().describe('who vouches for it'),
  notBefore: Time,
  notAfter: Time.describe('when it expires'),
  source: z.enum(['own', 'acme']).describe('own: somebody brought it; acme: Berth ordered it'),
  serves: z.array(z.string()).describe('hostnames of the app that it is shown for now'),
})
export type CertView = z.output<typeof CertView>

export const CertInfo = CertView.extend({
  key: z.string().describe('what kind of key it has; the key itself leaves the server never'),
  serial: z.string(),
  fingerprint: z.string().describe('SHA-256'),
  chain: z.array(z.string()).describe('what it is made of, the certificate itself first'),
  pem: z.string().describe('the chain, which is public'),
})
export type CertInfo = z.output<typeof CertInfo>

const Text = z.string().min(1).max(200_000)

const Id = z
  .string()
  .regex(/^[0-9a-f]{12}$/, 'an id is 12 hexadecimal digits, as the list shows it')
  .describe('id of the certificate')
const OfCert = OfApp.extend({ cert: Id })
const OfPlatformCert = z.strictObject({ cert: Id })

const Given = z.strictObject({
  chain: Text.describe('PEM: the certificate, then those that vouch for it'),
  key: Text.describe('PEM, not encrypted'),
})
const Auto = z.strictObject({ auto: z.boolean() })
const CertOrders = z.strictObject({
  auto: z.boolean(),
  hosts: z.array(z.string()).describe('hostnames that certificates are ordered for'),
  not: z.array(z.strictObject({ host: z.string(), why: z.string() })).describe('those that none is ordered for'),
})
export type CertOrders = z.output<typeof CertOrders>
const Which = z.strictObject({ host: z.string().max(1000).optional().describe('default all hostnames') })
const Ordered = z.strictObject({ hosts: z.array(z.string()) })

export const certs = {
  list: { summary: 'List the certificates of an app', needs: 'view', params: OfApp, reply: z.array(CertView) },
  info: { summary: 'Describe a certificate', needs: 'view', params: OfCert, reply: CertInfo },
  add: {
    summary: 'Give an app a certificate that somebody else issued; it is shown at once',
    needs: 'manage',
    params: OfApp,
    body: Given,
    reply: CertView,
    status: 201,
  },
  auto: {
    summary: 'Have certificates ordered for the hostnames of an app, and renewed, or not',
    needs: 'manage',
    params: OfApp,
    body: Auto,
    reply: CertOrders,
  },
  renew: {
    summary: 'Have certificates ordered anew now, whatever time it is and however often it has failed',
    needs: 'manage',
    params: OfApp,
    body: Which,
    reply: Ordered,
    status: 202,
  },
  remove: { summary: 'Take a certificate from an app, at once', needs: 'manage', params: OfCert, reply: CertView },
} as const

export const platformCerts = {
  list: { summary: "List the certificates of Berth's own hostname", needs: 'admin', reply: z.array(CertView) },
  info: { summary: "Describe one of Berth's own", needs: 'admin', params: OfPlatformCert, reply: CertInfo },
  add: {
    summary: "Give Berth's own hostname a certificate; apps that have none are shown it where it covers theirs",
    needs: 'admin',
    body: Given,
    reply: CertView,
    status: 201,
  },
  auto: {
    summary: "Have a certificate ordered for Berth's own hostname, and renewed, or not",
    needs: 'admin',
    body: Auto,
    reply: CertOrders,
  },
  renew: {
    summary: "Have the certificate of Berth's own hostname ordered anew now",
    needs: 'admin',
    body: Which,
    reply: Ordered,
    status: 202,
  },
  remove: { summary: "Take one of Berth's own away, at once", needs: 'admin', params: OfPlatformCert, reply: CertView },
} as const
