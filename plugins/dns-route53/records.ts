import {
  askHttp,
  BerthError,
  KeyedMutex,
  longestZone,
  type DnsPlugin,
  type HttpAnswer,
  type HttpRequest,
  type TxtRecord,
} from 'berth/plugin'
import { signedHeaders, type AwsKey } from './sign.js'
import { elements, escaped, textOf } from './xml.js'

export interface Route53Settings {
  readonly api: string
  readonly key: AwsKey
}

interface RecordSet {
  readonly ttl: string
  /** In their quotes. */
  readonly values: readonly string[]
}

/** Refusals after which the same may be asked again. */
const busy = ['Throttling', 'ThrottlingException', 'PriorRequestNotComplete', 'ServiceUnavailable']

/** A set that somebody else changed between our look and our change is looked at again, so often. */
const mostAttempts = 10

const codeOf = ({ text }: HttpAnswer): string => textOf(text, 'Code') ?? ''

/** Records by the API of Amazon Route 53, version 2013-04-01. */
export class Route53 implements DnsPlugin {
  readonly #settings: Route53Settings
  readonly #turns = new KeyedMutex()
  constructor(settings: Route53Settings) {
    this.#settings = settings
  }

  async zoneOf(name: string, signal: AbortSignal): Promise<string | null> {
    return longestZone(name, [...(await this.#zones(signal)).keys()])
  }

  add(record: TxtRecord, signal: AbortSignal): Promise<void> {
    return this.#change(record, signal, (values, own) => (values.includes(own) ? values : [...values, own]))
  }

  remove(record: TxtRecord, signal: AbortSignal): Promise<void> {
    return this.#change(record, signal, (values, own) => values.filter((value) => value !== own))
  }

  /** Replaces what a name says as a whole, if it says still what it did: it has no way to add one text. */
  async #change(
    { zone, name, text }: TxtRecord,
    signal: AbortSignal,
    next: (values: readonly string[], own: string) => readonly string[],
  ): Promise<void> {
    await this.#turns.run(name, async () => {
      const id = (await this.#zones(signal)).get(zone)
      if (id === undefined) throw new BerthError('unavailable', `Route 53 has no zone ${zone}`)
      for (let attempt = 1; ; attempt += 1) {
        const before = await this.#read(id, name, signal)
        const after = next(before.values, `"${text}"`)
        if (after === before.values || after.length === before.values.length) return
        const answer = await this.#ask('POST', `/hostedzone/${id}/rrset`, signal, changeOf(name, before, after))
        if (answer.status < 300) return
        if (codeOf(answer) !== 'InvalidChangeBatch' || attempt === mostAttempts) throw refusedBy(answer)
      }
    })
  }

  /** What a name says. */
  async #read(id: string, name: string, signal: AbortSignal): Promise<RecordSet> {
    const query = new URLSearchParams({ name: `${name}.`, type: 'TXT', maxitems: '1' })
    const answer = await this.#demand(`/hostedzone/${id}/rrset?${query.toString()}`, signal)
    const set = elements(answer.text, 'ResourceRecordSet').find(
      (one) => textOf(one, 'Name') === `${name}.` && textOf(one, 'Type') === 'TXT',
    )
    if (set === undefined) return { ttl: '60', values: [] }
    const values = elements(set, 'ResourceRecord').map((one) => textOf(one, 'Value') ?? '')
    return { ttl: textOf(set, 'TTL') ?? '60', values }
  }

  /** Ids of all public zones, by their names. */
  async #zones(signal: AbortSignal): Promise<Map<string, string>> {
    const zones = new Map<string, string>()
    for (let marker: string | null = ''; marker !== null;) {
      const query = new URLSearchParams({ maxitems: '100', ...(marker !== '' && { marker }) })
      const { text } = await this.#demand(`/hostedzone?${query.toString()}`, signal)
      for (const zone of elements(text, 'HostedZone')) {
        const id = textOf(zone, 'Id')?.replace(/^\/hostedzone\//, '') ?? ''
        if (textOf(zone, 'PrivateZone') !== 'true' && /^[A-Z0-9]{1,32}$/.test(id))
          zones.set((textOf(zone, 'Name') ?? '').replace(/\.$/, ''), id)
      }
      marker = textOf(text, 'IsTruncated') === 'true' && zones.size < 10_000 ? textOf(text, 'NextMarker') : null
    }
    return zones
  }

  async #demand(path: string, signal: AbortSignal): Promise<HttpAnswer> {
    const answer = await this.#ask('GET', path, signal)
    if (answer.status < 300) return answer
    throw refusedBy(answer)
  }

  #ask(method: HttpRequest['method'], path: string, signal: AbortSignal, body = ''): Promise<HttpAnswer> {
    const { api, key } = this.#settings
    const url = new URL(`${api.replace(/\/$/, '')}/2013-04-01${path}`)
    const make = (): HttpRequest => ({
      ...{ method, url: url.href },
      headers: {
        'content-type': 'application/xml',
        ...signedHeaders({ method, url, body, key, service: 'route53', region: 'us-east-1', time: new Date() }),
      },
      ...(body !== '' && { body }),
    })
    return askHttp(make, { what: 'Route 53', signal, isBusy: (answer) => busy.includes(codeOf(answer)) })
  }
}

function refusedBy(answer: HttpAnswer): BerthError {
  const code = codeOf(answer)
  const why = code === '' ? '' : `: ${(textOf(answer.text, 'Message') ?? '').slice(0, 200)} (${code.slice(0, 60)})`
  const hint =
    answer.status === 403
      ? 'may the key list zones and change records? See `berth plugins:info dns-route53`'
      : undefined
  return new BerthError('unavailable', `Route 53 answers ${answer.status}${why}`, hint)
}

/** One step: the set goes as it was, and comes as it shall be; it fails as a whole where it was another. */
function changeOf(name: string, before: RecordSet, after: readonly string[]): string {
  const change = (action: string, values: readonly string[]): string =>
    values.length === 0
      ? ''
      : `<Change><Action>${action}</Action><ResourceRecordSet><Name>${escaped(name)}.</Name><Type>TXT</Type>` +
        `<TTL>${escaped(before.ttl)}</TTL><ResourceRecords>` +
        values.map((value) => `<ResourceRecord><Value>${escaped(value)}</Value></ResourceRecord>`).join('') +
        `</ResourceRecords></ResourceRecordSet></Change>`
  return (
    `<?xml version="1.0" encoding="UTF-8"?><ChangeResourceRecordSetsRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/">` +
    `<ChangeBatch><Changes>${change('DELETE', before.values)}${change('CREATE', after)}</Changes></ChangeBatch>` +
    `</ChangeResourceRecordSetsRequest>`
  )
}
