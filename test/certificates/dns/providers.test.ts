import { expect } from 'chai'
import { Resolver } from 'node:dns/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { awaitText } from '../../../src/certificates/dns/propagation.js'
import { DnsProviders } from '../../../src/certificates/dns/providers.js'
import type { DnsPlugin, TxtRecord } from '../../../src/plugins/public.js'
import { DnsUpdates } from '../../../plugins/dns-rfc2136/updates.js'
import { freeListen, startDns, type DnsServer } from '../../dns.js'
import { refusal } from '../../plugins/dns/describe-dns.js'

const key = {
  ...{ algorithm: 'hmac-sha256', name: 'berth' },
  secret: Buffer.from('a secret of thirty-two bytes ...').toString('base64'),
}
const never = new AbortController().signal
const zone = 'example.org'
const name = `_acme-challenge.${zone}`

describe('DNS plugins', () => {
  /** Who was asked for what. */
  let asked: string[]
  beforeEach(() => (asked = []))
  const plugin = (title: string, zones: readonly string[]): { name: string; instance: DnsPlugin } => ({
    name: title,
    instance: {
      servers: [],
      zoneOf: (name) => Promise.resolve(zones.find((zone) => name.endsWith(`.${zone}`)) ?? null),
      add: ({ zone, name, text }: TxtRecord) => Promise.resolve(void asked.push(`${title} +${name} ${zone} ${text}`)),
      remove: ({ zone, name, text }) => Promise.resolve(void asked.push(`${title} -${name} ${zone} ${text}`)),
    },
  })
  const providers = (...plugins: { name: string; instance: DnsPlugin }[]): DnsProviders =>
    new DnsProviders({
      plugins: { running: () => Promise.resolve(plugins as never) },
      ...{ store: undefined as never, resolvers: ['127.0.0.1:1'], patience: 50 },
    })

  it('are asked by the longest zone that a name is in, whoever has it', async () => {
    const all = providers(plugin('a', ['org']), plugin('b', [zone]), plugin('c', ['ample.org', 'net']))
    await all.remove(name, 'x', never)
    expect(asked).to.deep.equal([`b -${name} ${zone} x`])
  })

  it('are believed no zone that the name is not in', async () => {
    const liar = plugin('liar', [])
    const instance = { ...liar.instance, zoneOf: () => Promise.resolve('a-very-long-zone.example.net') }
    await providers({ name: 'liar', instance }, plugin('b', [zone])).remove(name, 'x', never)
    expect(asked).to.deep.equal([`b -${name} ${zone} x`])
  })

  it('are asked where an alias leads, through the zones of others and nobody, not where it never ends, nor where others have something', async () => {
    const lines = [
      '_acme-challenge.shop 60 CNAME shop.elsewhere.example.',
      'a 60 CNAME b',
      'b 60 CNAME a',
      'sly 60 CNAME www.example.net.',
    ]
    await using dns = await startDns({
      ...{ [zone]: lines, 'elsewhere.example': ['shop 60 CNAME Shop._ACME-challenge.example.net.'] },
      ...{ 'example.net': [] },
    })
    const plugins = [plugin('b', [zone]), plugin('n', ['example.net'])]
    const all = new DnsProviders({
      plugins: { running: () => Promise.resolve(plugins as never) },
      ...{ store: undefined as never, resolvers: [dns.address], patience: 50 },
    })
    await all.remove(`_acme-challenge.shop.${zone}`, 'x', never)
    expect(asked).to.deep.equal(['n -shop._acme-challenge.example.net example.net x'])
    await all.remove(`own.${zone}`, 'x', never)
    expect(asked[1]).to.equal(`b -own.${zone} ${zone} x`)
    expect((await refusal(() => all.remove(`a.${zone}`, 'x', never))).message).to.match(/an alias of an alias/)
    expect((await refusal(() => all.remove(`sly.${zone}`, 'x', never))).message).to.equal(
      `sly.${zone} is an alias of www.example.net, which is no place for challenges`,
    )
    const nobody = await refusal(() => all.remove('no.example.com', 'x', never))
    expect(nobody.message).to.match(/no\.example\.com/)
    expect(asked).to.have.length(2)
  })

  it('hold up no other by failing', async () => {
    const bad = plugin('bad', [])
    const instance = { ...bad.instance, zoneOf: () => Promise.reject(new Error('no luck')) }
    await providers({ name: 'bad', instance }, plugin('b', [zone])).remove(name, 'x', never)
    expect(asked).to.have.length(1)
    expect((await refusal(() => providers({ name: 'bad', instance }).remove(name, 'x', never))).message).to.equal(
      'bad: no luck',
    )
    expect((await refusal(() => providers().remove(name, 'x', never))).message).to.match(/no DNS plugin that runs/)
  })
})

describe('a record that is set', function () {
  this.timeout(20_000)
  let first: DnsServer
  let second: DnsServer
  before(async () => {
    first = await startDns({ [zone]: [] }, key)
    second = await startDns({ [zone]: [] }, key)
  })
  after(async () => {
    await first[Symbol.asyncDispose]()
    await second[Symbol.asyncDispose]()
  })
  const set = (dns: DnsServer, text: string): Promise<void> =>
    new DnsUpdates({ server: dns.address, key }).add({ zone, name, text }, never)
  const options = (servers: string[], patience = 10_000) => ({ servers, resolvers: [], patience, signal: never })

  it('is waited for until all name servers say it', async () => {
    await set(first, 'one')
    let done = false
    const both = options([first.address, second.address])
    const waiting = awaitText({ zone, name, text: 'one' }, both).then(() => (done = true))
    await sleep(600)
    expect(done, 'one of them does not say it yet').to.equal(false)
    await set(second, 'one')
    await waiting
  })

  it('is given up in the end, with the name of who does not say it', async () => {
    await set(first, 'two')
    const late = options([first.address, second.address], 700)
    const { message } = await refusal(() => awaitText({ zone, name, text: 'two' }, late))
    expect(message).to.equal(`${second.address} do not say yet what was set at ${name}`)
  })

  it('waits for no server that does not answer, but for one at least', async () => {
    await set(first, 'three')
    await awaitText({ zone, name, text: 'three' }, options([first.address, '127.0.0.1:1']))
    const { message } = await refusal(() => awaitText({ zone, name, text: 'three' }, options(['127.0.0.1:1'], 500)))
    expect(message).to.match(/do not answer/)
  })

  it('is waited for at the servers that the zone names', async () => {
    await using dns = await startDns({ [zone]: ['@ 60 NS other', 'other 60 A 127.18.6.2'] }, key, freeListen())
    const resolver = new Resolver()
    resolver.setServers([dns.address])
    await set(dns, 'four')
    const found = { resolvers: [dns.address], patience: 5_000, signal: never }
    await awaitText({ zone, name, text: 'four' }, found)
    expect(
      (await refusal(() => awaitText({ zone, name, text: 'five' }, { ...found, patience: 500 }))).message,
    ).to.equal(`${dns.address.slice(0, -3)} do not say yet what was set at ${name}`)
  })

  it('is not taken for one that nobody has to say where DNS cannot be asked who has to', async () => {
    const away = { resolvers: ['127.0.0.1:1'], patience: 500, signal: never }
    const { message } = await refusal(() => awaitText({ zone, name, text: 'six' }, away))
    expect(message).to.match(new RegExp(`^it is not known which name servers ${zone} has: .*ECONNREFUSED`))
    await using dns = await startDns({ [zone]: ['away 60 A 127.0.0.1'] })
    const nothing = { resolvers: [dns.address], patience: 500, signal: never }
    expect((await refusal(() => awaitText({ zone: `away.${zone}`, name, text: 'six' }, nothing))).message).to.equal(
      `the name servers of away.${zone} do not answer at ${name}`,
    )
  })
})
