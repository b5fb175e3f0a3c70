import { expect } from 'chai'
import { Cloudflare } from '../../../plugins/dns-cloudflare/records.js'
import { startApi, zones, type ApiAnswer, type ApiRequest, type ApiServer } from './api-server.js'
import { describeDns, refusal, type DnsRig } from './describe-dns.js'

const token = 'a-secret-token'
const never = new AbortController().signal

interface Stored {
  readonly id: string
  readonly zone: string
  readonly type: string
  readonly name: string
  readonly content: string
}

const fault = (status: number, code: number, message: string): ApiAnswer => ({
  ...{ status, body: { success: false, errors: [{ code, message }], messages: [], result: null } },
})
const done = (result: unknown, info?: object): ApiAnswer => ({
  ...{ status: 200, body: { success: true, errors: [], messages: [], result, ...(info && { result_info: info }) } },
})

const idOf = (zone: string): string => Buffer.from(zone).toString('hex').padEnd(32, '0').slice(0, 32)

/** Answers as version 4 of the API of Cloudflare is documented to: records of a zone, three a page. */
async function startCloudflare(): Promise<ApiServer & { readonly records: Stored[] }> {
  const records: Stored[] = []
  let next = 1
  const paged = (all: readonly unknown[], url: URL): ApiAnswer => {
    const page = Number(url.searchParams.get('page') ?? 1)
    const size = 3
    const total = Math.max(1, Math.ceil(all.length / size))
    const result = all.slice((page - 1) * size, page * size)
    return done(result, { page, per_page: size, count: result.length, total_count: all.length, total_pages: total })
  }
  const answer = ({ method, url, headers, body }: ApiRequest): ApiAnswer => {
    if (headers.authorization !== `Bearer ${token}`) return fault(403, 9109, 'Invalid access token')
    if (method === 'GET' && url.pathname === '/client/v4/zones') {
      const name = url.searchParams.get('name')
      return paged(
        zones.filter((zone) => zone === name).map((name) => ({ id: idOf(name), name })),
        url,
      )
    }
    const [, id, , record] = /^\/client\/v4\/zones\/(\w{32})\/dns_records(\/(\w+))?$/.exec(url.pathname) ?? []
    const zone = zones.find((one) => idOf(one) === id)
    if (zone === undefined) return fault(404, 7003, 'Could not route to it, perhaps your object identifier is invalid?')
    if (method === 'GET') {
      const name = url.searchParams.get('name.exact')
      return paged(
        records.filter((one) => one.zone === zone && one.type === 'TXT' && one.name === name),
        url,
      )
    }
    if (method === 'DELETE') {
      const at = records.findIndex((one) => one.id === record)
      if (at < 0) return fault(404, 81044, 'Record does not exist.')
      records.splice(at, 1)
      return done({ id: record })
    }
    const { type, name, content } = JSON.parse(body) as Stored
    if (!name.endsWith(zone)) return fault(400, 9000, 'DNS name is invalid.')
    if (records.some((one) => one.name === name && one.content === content))
      return fault(400, 81058, 'An identical record already exists.')
    records.push({ id: `r${next++}`, zone, type, name, content })
    return done(records.at(-1))
  }
  const tooMany = {
    ...fault(429, 971, 'Please wait and consider throttling your request speed'),
    headers: { 'retry-after': '0' },
  }
  return Object.assign(await startApi(answer, tooMany), { records })
}

async function cloudflareRig(): Promise<DnsRig> {
  const server = await startCloudflare()
  const api = `${server.url}/client/v4`
  return {
    plugin: new Cloudflare({ api, token }),
    stranger: new Cloudflare({ api, token: 'another-secret' }),
    texts: (name) =>
      Promise.resolve(
        server.records
          .filter((one) => one.name === name)
          .map(({ content }) => content.replaceAll('"', ''))
          .sort(),
      ),
    put: (zone, name, text) => {
      // one made by hand, before content had quotes, and more of them than a page has
      for (const content of [text, ...(name.startsWith('_') ? [] : ['a', 'b', 'c'])])
        server.records.push({ id: `h${server.records.length}`, zone, type: 'TXT', name, content })
      return Promise.resolve()
    },
    end: () => Promise.resolve(server[Symbol.asyncDispose]()),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

describeDns('dns-cloudflare', cloudflareRig)

describe('dns-cloudflare', () => {
  it('finds its record on a later page', async () => {
    await using rig = await cloudflareRig()
    const record = { zone: 'example.org', name: 'paged.example.org', text: 'mine' }
    await rig.put(record.zone, record.name, 'of somebody else')
    await rig.plugin.add(record, never)
    await rig.plugin.remove(record, never)
    expect(await rig.texts(record.name)).to.deep.equal(['a', 'b', 'c', 'of somebody else'])
  })

  it('says what the API says, and never the token', async () => {
    await using rig = await cloudflareRig()
    const { message, hint } = await refusal(() => rig.stranger.zoneOf('x.example.org', never))
    expect(message).to.equal('Cloudflare answers 403: Invalid access token (9109)')
    expect(hint).to.match(/DNS:Edit/)
  })

  it('takes no other for the API', async () => {
    for (const body of ['<html>', '{}', '{"success":true,"result":"x"}']) {
      await using server = await startApi(() => ({ status: 200, body }), { status: 429, body: '' }, 1e9)
      const plugin = new Cloudflare({ api: server.url, token })
      const failed = await plugin.zoneOf('x.example.org', never).catch((error: unknown) => error as Error)
      expect(failed).to.be.an('error')
    }
  })
})
