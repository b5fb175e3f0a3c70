import { expect } from 'chai'
import { Hetzner } from '../../../plugins/dns-hetzner/records.js'
import { startApi, zones, type ApiAnswer, type ApiRequest, type ApiServer } from './api-server.js'
import { describeDns, refusal, type DnsRig } from './describe-dns.js'

const token = 'a-secret-token'
const never = new AbortController().signal

const fault = (status: number, code: string, message: string): ApiAnswer => ({
  ...{ status, body: { error: { code, message, details: null } } },
})

interface RecordSet {
  ttl: number
  readonly values: string[]
}

/** Answers as the DNS part of the API of Hetzner Cloud is documented to: zones are paged, changes are actions that take a while. */
async function startHetzner(): Promise<ApiServer & { readonly sets: Map<string, RecordSet>; fails: boolean }> {
  const sets = new Map<string, RecordSet>()
  const actions = new Map<number, number>()
  let [next, busy] = [1, 0]
  const view = (id: number, error: object | null = null): ApiAnswer => {
    const looks = (actions.get(id) ?? 0) + 1
    actions.set(id, looks)
    const status = looks < 2 ? 'running' : error ? 'error' : 'success'
    return { status: looks === 1 ? 201 : 200, body: { action: { id, command: 'x', status, progress: 50, error } } }
  }
  const server = {
    sets,
    fails: false,
  }
  const answer = ({ method, url, headers, body }: ApiRequest): ApiAnswer => {
    if (headers.authorization !== `Bearer ${token}`) return fault(401, 'unauthorized', 'unable to authenticate')
    const [, action] = /^\/v1\/actions\/(\d+)$/.exec(url.pathname) ?? []
    if (action !== undefined)
      return view(Number(action), server.fails ? { code: 'action_failed', message: 'Action failed' } : null)
    if (url.pathname === '/v1/zones') {
      const [page, size] = [Number(url.searchParams.get('page') ?? 1), Number(url.searchParams.get('per_page') ?? 25)]
      const part = zones.slice((page - 1) * size, page * size)
      const pagination = { page, per_page: size, next_page: page * size < zones.length ? page + 1 : null }
      return { status: 200, body: { zones: part.map((name, id) => ({ id, name })), meta: { pagination } } }
    }
    const [, zone = '', name = '', , verb] =
      /^\/v1\/zones\/([^/]+)\/rrsets\/([^/]+)\/TXT(\/actions\/(add|remove)_records)?$/.exec(url.pathname) ?? []
    if (!zones.includes(zone)) return fault(404, 'not_found', 'Zone not found')
    const whole = `${decodeURIComponent(name)}.${zone}`
    const set = sets.get(whole)
    if (method === 'GET')
      return set
        ? {
            status: 200,
            body: { rrset: { id: `${name}/TXT`, ttl: set.ttl, records: set.values.map((value) => ({ value })) } },
          }
        : fault(404, 'not_found', 'RRSet not found')
    if (++busy % 3 === 0) return fault(409, 'conflict', 'The resource has changed during the request')
    const { records, ttl } = JSON.parse(body) as { records: { value: string }[]; ttl?: number }
    const values = records.map(({ value }) => value)
    if (!values.every((value) => /^".*"$/.test(value))) return fault(422, 'invalid_input', 'TXT values must be quoted')
    if (verb === 'add') {
      if (set && ttl !== undefined && ttl !== set.ttl) return fault(422, 'invalid_input', 'ttl does not match')
      if (set?.values.includes(values[0] ?? '')) return fault(409, 'uniqueness_error', 'record exists')
      if (set) set.values.push(...values)
      else sets.set(whole, { ttl: ttl ?? 3600, values })
    } else {
      if (!set?.values.includes(values[0] ?? '')) return fault(404, 'not_found', 'record not found')
      set.values.splice(set.values.indexOf(values[0] ?? ''), 1)
      if (set.values.length === 0) sets.delete(whole)
    }
    return view(next++)
  }
  const tooMany = { ...fault(429, 'rate_limit_exceeded', 'limit of 3600 requests'), headers: { 'retry-after': '0' } }
  return Object.assign(server, await startApi(answer, tooMany))
}

const hetznerRig = async (): Promise<DnsRig & { readonly server: Awaited<ReturnType<typeof startHetzner>> }> => {
  const server = await startHetzner()
  const api = `${server.url}/v1`
  return {
    server,
    plugin: new Hetzner({ api, token }),
    stranger: new Hetzner({ api, token: 'another-secret' }),
    texts: (name) => Promise.resolve((server.sets.get(name)?.values ?? []).map((value) => value.slice(1, -1)).sort()),
    put: (_, name, text) => Promise.resolve(void server.sets.set(name, { ttl: 300, values: [`"${text}"`] })),
    end: () => Promise.resolve(server[Symbol.asyncDispose]()),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

describeDns('dns-hetzner', hetznerRig)

describe('dns-hetzner', () => {
  it('says that an action failed', async () => {
    await using rig = await hetznerRig()
    rig.server.fails = true
    const record = { zone: 'example.org', name: '_acme-challenge.example.org', text: 'x' }
    const { message } = await refusal(() => rig.plugin.add(record, never))
    expect(message).to.equal('Hetzner says it failed: Action failed')
  })

  it('says what the API says', async () => {
    await using rig = await hetznerRig()
    const { message } = await refusal(() => rig.stranger.zoneOf('x.example.org', never))
    expect(message).to.equal('Hetzner answers 401: unable to authenticate (unauthorized)')
  })
})
