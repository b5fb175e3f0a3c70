import {
  askHttp,
  BerthError,
  definePlugin,
  listedZones,
  longestZone,
  secret,
  url,
  z,
  zones,
  type DnsPlugin,
  type TxtRecord,
} from 'berth/plugin'
import { createHmac } from 'node:crypto'

export interface Webhook {
  readonly url: string
  readonly secret: string
  readonly zones: readonly string[]
}

/** What a body is signed with: of its time, a dot, and the body, so that neither can be used again with another. */
export const signatureOf = (body: string, time: string, secret: string): string =>
  createHmac('sha256', secret).update(`${time}.${body}`).digest('hex')

/** Asks a web service of somebody's own to change records: a signed POST for each. */
export function webhook({ url, secret, zones }: Webhook): DnsPlugin {
  const tell = async (action: 'add' | 'remove', record: TxtRecord, signal: AbortSignal): Promise<void> => {
    const body = JSON.stringify({ action, type: 'TXT', ...record })
    const make = () => {
      const time = String(Math.floor(Date.now() / 1000))
      const signed = { 'berth-time': time, 'berth-signature': `sha256=${signatureOf(body, time, secret)}` }
      return { method: 'POST', url, headers: { 'content-type': 'application/json', ...signed }, body } as const
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
