import { askHttp, BerthError, definePlugin, secret, signedHeaders, url, z, type NotifierPlugin } from 'berth/plugin'

export interface Webhook {
  readonly url: string
  readonly secret: string
  /** Events that are passed on; none are all. */
  readonly events: readonly string[]
}

/** Posts what has happened, signed, to a web service of somebody's own. */
export const webhook = ({ url, secret, events }: Webhook): NotifierPlugin => ({
  async notify(notice, signal) {
    if (events.length > 0 && !events.includes(notice.event)) return
    const body = JSON.stringify(notice)
    const make = () => {
      const headers = { 'content-type': 'application/json', ...signedHeaders(body, secret) }
      return { method: 'POST', url, headers, body } as const
    }
    const { status } = await askHttp(make, { what: 'the webhook', signal })
    if (status < 200 || status > 299) throw new BerthError('unavailable', `the webhook answers ${status}`)
  },
})

export const plugin = definePlugin({
  kind: 'notifier',
  name: 'notify-webhook',
  version: '1.0.0',
  settings: z.strictObject({
    url: url().describe('where each notice is posted to'),
    secret: secret().min(16).describe('with which it is signed'),
    events: z.string().default('').describe('deploy.succeeded,change.failed,…; all unless said'),
  }),
  start: ({ settings }) => {
    const events = settings.events.split(',').map((event) => event.trim())
    return webhook({ ...settings, events: events.filter((event) => event !== '') })
  },
})
