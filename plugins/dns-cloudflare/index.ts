import { definePlugin, secret, url, z } from 'berth/plugin'
import { Cloudflare } from './records.js'

export const plugin = definePlugin({
  kind: 'dns',
  name: 'dns-cloudflare',
  version: '1.0.0',
  settings: z.strictObject({
    token: secret().describe('API token with the permissions Zone:Read and DNS:Edit'),
    api: url().default('https://api.cloudflare.com/client/v4').describe('where the API is'),
  }),
  start: ({ settings }) => new Cloudflare(settings),
})
