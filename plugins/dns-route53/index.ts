import { definePlugin, secret, url, z } from 'berth/plugin'
import { Route53 } from './records.js'

export const plugin = definePlugin({
  kind: 'dns',
  name: 'dns-route53',
  version: '1.0.0',
  settings: z.strictObject({
    'key-id': z
      .string()
      .regex(/^\w{16,128}$/, 'must be the id of an access key')
      .describe('id of an access key'),
    'key-secret': secret().describe(
      'its secret; it needs route53:ListHostedZones, ListResourceRecordSets and ChangeResourceRecordSets',
    ),
    session: secret().optional().describe('session token, of a key that has one'),
    api: url().default('https://route53.amazonaws.com').describe('where the API is'),
  }),
  start: ({ settings: { api, session, 'key-id': id, 'key-secret': secret } }) =>
    new Route53({ api, key: { id, secret, session } }),
})
