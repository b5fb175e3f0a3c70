import {
  askHttp,
  BerthError,
  definePlugin,
  listedZones,
  longestZone,
  secret,
  signedHeaders,
  url,
  z,
  zones,
  type DnsPlugin,
  type TxtRecord,
} from 'berth/plugin'

export interface Webhook {
  readonly url: string
  readonly secret: string
  readonly zones: readonly string[]
}

/** Asks a web service of somebody's own to change records: a signed POST for each. */
export function webhook({ url, secret, zones }: Webhook): DnsPlugin {
  const tell = async (action: 'add' | 'remove', record: TxtRecord, signal: AbortSignal): Promise<void> => {
    const body = JSON.stringify({ action, type: 'TXT', ...record })
    const make = () => {
      const headers = { 'content-type': 'application/json', ...signedHeaders(body, secret) }
      return { method: 'POST', url, headers, body } as const
    }
    const { status, text } = await askHttp(make, { what: 'the DNS webhook', signal, patience: 60_000 })
    if (status >= 200 && status < 300) return
    const why = text.trim().split('\n', 1)[0]?.slice(0, 200) ?? ''
    throw new BerthError('unavailable', `the DNS webhook answers ${status}${why === '' ? '' : `: ${why}`}`)
  }
  return {
    zoneOf: (name) => Promise.resolve(longestZone(name, zones)),
    add: (record, signal) => tell('add', record, signal),
    remove: (record, signal) => tell('remove', record, signal),
  }
}

export const plugin = definePlugin({
  kind: 'dns',
  name: 'dns-webhook',
  version: '1.0.0',
  settings: z.strictObject({
    url: url().describe('where each change is posted to'),
    secret: secret().min(16).describe('with which it is signed'),
    zones: zones(),
  }),
  start: ({ settings }) => webhook({ ...settings, zones: listedZones(settings.zones) }),
})
