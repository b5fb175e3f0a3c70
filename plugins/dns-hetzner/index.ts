import { definePlugin, secret, url, z } from 'berth/plugin'
import { Hetzner } from './records.js'

export const plugin = definePlugin({
  kind: 'dns',
  name: 'dns-hetzner',
  version: '1.0.0',
  settings: z.strictObject({
    token: secret().describe('API token of the Cloud project that has the zones, which may read and write'),
    api: url().default('https://api.hetzner.cloud/v1').describe('where the API is'),
  }),
  start: ({ settings }) => new Hetzner(settings),
})
