import { definePlugin, secret, z } from 'berth/plugin'
import { isIP } from 'node:net'
import { DnsUpdates } from './updates.js'

/** As `ADDRESS`, `ADDRESS:PORT`, `[ADDRESS6]:PORT`. */
function isServer(text: string): boolean {
  const [, bracketed, plain, port = '53'] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? []
  return isIP(text) !== 0 || (isIP(bracketed ?? plain ?? '') !== 0 && Number(port) > 0 && Number(port) < 65_536)
}

/** Changes records where a name server takes signed updates: BIND, Knot, PowerDNS and others. */
export const plugin = definePlugin({
  kind: 'dns',
  name: 'dns-rfc2136',
  version: '1.0.0',
  settings: z.strictObject({
    server: z
      .string()
      .refine(isServer, 'must be an address, with :PORT or without')
      .describe('address of the name server that takes updates, with :PORT or without'),
    key: secret()
      .regex(
        /^(hmac-sha(224|256|384|512):)?[\w.-]{1,200}:[A-Za-z0-9+/]{8,200}={0,2}$/,
        'must be [ALGORITHM:]NAME:SECRET',
      )
      .describe('[ALGORITHM:]NAME:SECRET, with which updates are signed (TSIG); hmac-sha256 unless it says'),
  }),
  start: ({ settings: { server, key } }) => {
    const [secret = '', name = '', algorithm = 'hmac-sha256'] = key.split(':').reverse()
    return new DnsUpdates({ server, key: { algorithm, name, secret } })
  },
})
