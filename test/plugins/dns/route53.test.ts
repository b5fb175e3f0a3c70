import { expect } from 'chai'
import { Route53 } from '../../../plugins/dns-route53/records.js'
import { signedHeaders } from '../../../plugins/dns-route53/sign.js'
import { elements, textOf } from '../../../plugins/dns-route53/xml.js'
import { startApi, zones, type ApiAnswer, type ApiRequest, type ApiServer } from './api-server.js'
import { describeDns, refusal, type DnsRig } from './describe-dns.js'

const key = { id: 'AKIDEXAMPLEEXAMPLE', secret: 'a-secret/of+aws', session: 'a-session' }
const never = new AbortController().signal
const xmlns = 'xmlns="https://route53.amazonaws.com/doc/2013-04-01/"'

const fault = (status: number, code: string, message: string): ApiAnswer => ({
  status,
  body: `<?xml version="1.0"?><ErrorResponse ${xmlns}><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>1</RequestId></ErrorResponse>`,
})
const idOf = (zone: string): string => `Z${zones.indexOf(zone)}`

interface RecordSet {
  readonly ttl: string
  readonly values: readonly string[]
}

const same = (one: RecordSet | undefined, other: RecordSet): boolean =>
  one?.ttl === other.ttl && [...one.values].sort().join() === [...other.values].sort().join()

/** Answers as the API of Route 53 of 2013-04-01 is documented to: zones are paged, a batch is done as a whole or not at all. */
async function startRoute53(): Promise<ApiServer & { readonly sets: Map<string, RecordSet>; meddle: () => void }> {
  const sets = new Map<string, RecordSet>()
  const server = { sets, meddle: (): void => undefined }
  const list = (url: URL): ApiAnswer => {
    const all = [...zones, 'example.org']
    const from = Number(url.searchParams.get('marker') ?? 0)
    const to = from + 50
    // a private zone of a name that is a public one's, too
    const view = (name: string, index: number): string =>
      `<HostedZone><Id>/hostedzone/${index + from === zones.length ? 'ZPRIVATE' : idOf(name)}</Id><Name>${name}.</Name>` +
      `<Config><PrivateZone>${String(index + from === zones.length)}</PrivateZone></Config></HostedZone>`
    const more = to < all.length
    const next = more ? `<NextMarker>${to}</NextMarker>` : ''
    return {
      status: 200,
      body: `<?xml version="1.0"?><ListHostedZonesResponse ${xmlns}><HostedZones>${all.slice(from, to).map(view).join('')}</HostedZones><IsTruncated>${String(more)}</IsTruncated>${next}<MaxItems>50</MaxItems></ListHostedZonesResponse>`,
    }
  }
  const change = (body: string): ApiAnswer => {
    server.meddle()
    const after = new Map(sets)
    for (const one of elements(body, 'Change')) {
      const name = (textOf(one, 'Name') ?? '').replace(/\.$/, '')
      const values = elements(one, 'ResourceRecord').map((record) => textOf(record, 'Value') ?? '')
      const set = { ttl: textOf(one, 'TTL') ?? '', values }
      if (values.some((value) => !/^".*"$/.test(value))) return fault(400, 'InvalidChangeBatch', 'not in quotes')
      if (textOf(one, 'Action') === 'DELETE') {
        if (!same(after.get(name), set)) return fault(400, 'InvalidChangeBatch', 'the values provided do not match')
        after.delete(name)
      } else {
        if (after.has(name)) return fault(400, 'InvalidChangeBatch', 'it already exists')
        after.set(name, set)
      }
    }
    sets.clear()
    for (const [name, set] of after) sets.set(name, set)
    return {
      status: 200,
      body: `<?xml version="1.0"?><ChangeResourceRecordSetsResponse ${xmlns}><ChangeInfo><Id>/change/C1</Id><Status>PENDING</Status></ChangeInfo></ChangeResourceRecordSetsResponse>`,
    }
  }
  const answer = ({ method, url, headers, body }: ApiRequest): ApiAnswer => {
    const stamp = String(headers['x-amz-date'])
    const time = new Date(stamp.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'))
    const expected = signedHeaders({ method, url, body, key, service: 'route53', region: 'us-east-1', time })
    if (headers.authorization !== expected.authorization || headers['x-amz-security-token'] !== key.session)
      return fault(403, 'SignatureDoesNotMatch', 'The request signature does not match')
    if (Math.abs(Date.now() - time.getTime()) > 300_000) return fault(403, 'RequestExpired', 'too old')
    if (url.pathname === '/2013-04-01/hostedzone') return list(url)
    const [, id] = /^\/2013-04-01\/hostedzone\/(\w+)\/rrset$/.exec(url.pathname) ?? []
    if (!zones.some((zone) => idOf(zone) === id)) return fault(404, 'NoSuchHostedZone', 'No hosted zone found')
    if (method === 'POST') return change(body)
    // the first set that is not before what is asked for, which may be another's
    const asked = url.searchParams.get('name')?.replace(/\.$/, '') ?? ''
    const [name = '', set] = [...sets].sort().find(([name]) => name >= asked) ?? []
    const view = set
      ? `<ResourceRecordSet><Name>${name}.</Name><Type>TXT</Type><TTL>${set.ttl}</TTL><ResourceRecords>${set.values.map((value) => `<ResourceRecord><Value>${value.replaceAll('"', '&quot;')}</Value></ResourceRecord>`).join('')}</ResourceRecords></ResourceRecordSet>`
      : ''
    return {
      status: 200,
      body: `<?xml version="1.0"?><ListResourceRecordSetsResponse ${xmlns}><ResourceRecordSets>${view}</ResourceRecordSets><IsTruncated>false</IsTruncated><MaxItems>1</MaxItems></ListResourceRecordSetsResponse>`,
    }
  }
  return Object.assign(server, await startApi(answer, fault(400, 'Throttling', 'Rate exceeded'), 7))
}

const route53Rig = async (): Promise<DnsRig & { readonly server: Awaited<ReturnType<typeof startRoute53>> }> => {
  const server = await startRoute53()
  return {
    server,
    plugin: new Route53({ api: server.url, key }),
    stranger: new Route53({ api: server.url, key: { ...key, secret: 'another-secret' } }),
    texts: (name) => Promise.resolve((server.sets.get(name)?.values ?? []).map((value) => value.slice(1, -1)).sort()),
    put: (_, name, text) => Promise.resolve(void server.sets.set(name, { ttl: '300', values: [`"${text}"`] })),
    end: () => Promise.resolve(server[Symbol.asyncDispose]()),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

describeDns('dns-route53', route53Rig)

describe('dns-route53', function () {
  this.timeout(30_000)

  it('signs as the test suite of AWS Signature Version 4 does', () => {
    const sign = (method: string, url: string): string =>
      signedHeaders({
        ...{ method, url: new URL(url), body: '', service: 'service', region: 'us-east-1' },
        key: { id: 'AKIDEXAMPLE', secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' },
        time: new Date('2015-08-30T12:36:00Z'),
      }).authorization ?? ''
    const host = 'https://example.amazonaws.com'
    expect(sign('GET', `${host}/`)).to.match(
      /Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31$/,
    )
    expect(sign('GET', `${host}/?Param2=value2&Param1=value1`)).to.match(
      /Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500$/,
    )
    expect(sign('POST', `${host}/?Param1=value1`)).to.match(
      /Signature=28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11$/,
    )
  })

  it('keeps what somebody else sets between its look and its change', async () => {
    await using rig = await route53Rig()
    const record = { zone: 'example.org', name: '_acme-challenge.example.org', text: 'mine' }
    let times = 0
    rig.server.meddle = () => {
      if (times++ < 2) rig.server.sets.set(record.name, { ttl: '60', values: [`"other ${times}"`] })
    }
    await rig.plugin.add(record, never)
    expect(await rig.texts(record.name)).to.deep.equal(['mine', 'other 2'])
  })

  it('says what the API says', async () => {
    await using rig = await route53Rig()
    const { message } = await refusal(() => rig.stranger.zoneOf('x.example.org', never))
    expect(message).to.equal('Route 53 answers 403: The request signature does not match (SignatureDoesNotMatch)')
  })

  it('reads XML that is no answer as nothing', () => {
    expect(elements('<A>1</A><A>2', 'A')).to.deep.equal(['1'])
    expect(elements('<A><A><A>', 'A')).to.deep.equal([])
    expect(textOf('<A>&lt;&#x41;&#66;&amp;lt;&nope;&#99999999;</A>', 'A')).to.equal('<AB&lt;&nope;&#99999999;')
  })
})
