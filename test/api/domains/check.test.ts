import { expect } from 'chai'
import { checkDomains, checkPlatform } from '../../../src/api/domains/check.js'
import { loadConfig } from '../../../src/config.js'
import type { App } from '../../../src/store/apps.js'
import { startDns, type DnsServer } from '../../dns.js'

const app = (...hosts: string[]): App => ({
  ...{ id: 'a1', name: 'blog', createdAt: '2026-11-30T12:00:00.000Z', deployBranch: null, current: 1 },
  domains: hosts.map((host) => ({ host, createdAt: '2026-11-30T12:00:00.000Z' })),
})

describe('the check of domains', function () {
  this.timeout(20_000)
  let dns: DnsServer
  before(async () => {
    dns = await startDns({
      'berth.example': ['* A 192.0.2.1', '* AAAA 2001:db8::1'],
      'example.org': [
        ...['@ A 192.0.2.1', 'www CNAME blog.berth.example.'],
        ...['away A 192.0.2.7', 'both A 192.0.2.1', 'both A 192.0.2.7', '*.wild A 192.0.2.1', 'mail MX 10 away'],
      ],
    })
  })
  after(() => dns[Symbol.asyncDispose]())
  const check = (settings: Record<string, string>, ...hosts: string[]) =>
    checkDomains(
      loadConfig({ BERTH_ROOT: '/nowhere', BERTH_DOMAIN: 'berth.example', BERTH_RESOLVERS: dns.address, ...settings }),
      app(...hosts),
    )

  it('says of Berth itself where it leads, by what the server is and not by what DNS says', async () => {
    const platform = (settings: Record<string, string>) =>
      checkPlatform(
        loadConfig({
          BERTH_ROOT: '/nowhere',
          BERTH_DOMAIN: 'berth.example',
          BERTH_RESOLVERS: dns.address,
          ...settings,
        }),
      )
    const told = async (settings: Record<string, string>) =>
      (await platform(settings)).map(({ host, status, should }) => [host, status, should.join()])
    expect(await told({ BERTH_ADDRESSES: '192.0.2.1,2001:db8::1' })).to.deep.equal([
      ['berth.berth.example', 'here', ''],
      ['*.berth.example', 'here', ''],
    ])
    expect(await told({ BERTH_ADDRESSES: '192.0.2.9' })).to.deep.equal([
      ['berth.berth.example', 'elsewhere', 'berth.berth.example. A 192.0.2.9'],
      ['*.berth.example', 'elsewhere', '*.berth.example. A 192.0.2.9,*.berth.example. CNAME berth.berth.example.'],
    ])
    for (const [, status] of await told({})) expect(status).to.be.oneOf(['elsewhere', 'unknown'])
    for (const [, status] of await told({ BERTH_DOMAIN: 'localhost' })) expect(status).to.equal('here')
  })

  it('says of each where it leads, and what would lead here', async () => {
    const hosts = ['example.org', 'away.example.org', 'both.example.org', 'mail.example.org', '*.wild.example.org']
    const all = await check({ BERTH_ADDRESSES: '192.0.2.1' }, ...hosts, 'example.net')
    expect(all.map(({ host, status, says }) => [host, status, says])).to.deep.equal([
      ['blog.berth.example', 'partly', 'leads here and to 2001:db8::1: clients go either way'],
      ['example.org', 'here', 'leads here'],
      ['away.example.org', 'elsewhere', 'leads to 192.0.2.7, which is not here'],
      ['both.example.org', 'partly', 'leads here and to 192.0.2.7: clients go either way'],
      ['mail.example.org', 'nothing', 'DNS has nothing of it'],
      ['*.wild.example.org', 'here', 'leads here'],
      ['example.net', 'unknown', 'the DNS servers refused to answer'],
    ])
    expect(all.map(({ should }) => should)).to.deep.equal([
      ['blog.berth.example. A 192.0.2.1'],
      [],
      ...['away', 'both', 'mail'].map((name) => [
        `${name}.example.org. A 192.0.2.1`,
        `${name}.example.org. CNAME blog.berth.example.`,
      ]),
      [],
      ['example.net. A 192.0.2.1'],
    ])
  })

  it('takes where Berth’s own hostname leads for where it is, unless somebody says', async () => {
    const [own, top] = await check({}, 'example.org')
    expect([own?.status, own?.addresses]).to.deep.equal(['here', ['192.0.2.1', '2001:db8::1']])
    expect(top?.status).to.equal('here')
    const moved = await check({ BERTH_ADDRESSES: '192.0.2.7, 2001:DB8::7' }, 'example.org')
    expect(moved.map(({ status }) => status)).to.deep.equal(['elsewhere', 'elsewhere'])
    expect(moved[1]?.should).to.deep.equal(['example.org. A 192.0.2.7', 'example.org. AAAA 2001:db8::7'])
  })

  it('asks nobody for names of this machine', async () => {
    const [own] = await check({ BERTH_DOMAIN: 'localhost', BERTH_RESOLVERS: '127.0.0.1:1' })
    expect(own).to.include({ host: 'blog.localhost', status: 'here' })
  })
})
