import { rm } from 'node:fs/promises'
import { expect } from 'chai'
import type { Diagnosis } from '../../../src/api/contract.js'
import { Authority } from '../../certificates/authority.js'
import { startDns } from '../../dns.js'
import { openRig, type Rig } from '../rig.js'

type Finding = Diagnosis['findings'][number]

describe('an examination of Berth', function () {
  this.timeout(60_000)
  const examine = async ({ client }: Rig): Promise<Map<Finding['area'], Finding[]>> =>
    Map.groupBy((await client.doctor.examine({})).findings, ({ area }) => area)
  const told = (findings: readonly Finding[] = []) =>
    findings.map(({ level, subject, message }) => [level, subject, message])

  it('has something to say of every area where nothing is wrong', async () => {
    await using rig = await openRig()
    const found = await examine(rig)
    expect([...found.values()].flat().map(({ area, level }) => `${area} ${level}`)).to.deep.equal(
      ['router', 'worker', 'engine', 'store', 'disk', 'apps', 'domains', 'certificates', 'plugins', 'backups'].map(
        (area) => `${area} ok`,
      ),
    )
    expect(found.get('router')?.[0]?.message).to.match(/^http:\/\/berth\.localhost:\d+ answers in \d+ ms$/)
    expect(found.get('store')?.[0]?.message).to.match(/^Redis \d/)
  })

  it('names what does not work and what to do, and puts it first', async () => {
    await using dns = await startDns({ 'example.org': ['shop A 192.0.2.7'] })
    await using authority = await Authority.open()
    await using rig = await openRig(undefined, { BERTH_RESOLVERS: dns.address, BERTH_ADDRESSES: '192.0.2.1' })
    const { store, client } = rig
    const { id } = await rig.pushed('blog')
    await client.domains.add({ app: 'blog', hosts: ['shop.example.org'] })
    const { cert, key } = await authority.issue(null, { names: ['shop.example.org'], days: 5 })
    await client.certs.add({ app: 'blog', chain: cert, key })
    await store.acme.begin({
      ...{ app: id, host: 'xn--mller-kva.example.org', directory: 'https://ca.example/', order: null, key: null },
      ...{ failures: 3, failure: 'it leads elsewhere', next: Date.now() + 60_000, certificate: null, renew: null },
    })
    await store.plugins.add({
      ...{ name: 'broken', kind: 'hook', version: '1.0.0', requires: [], directory: null, enabled: true, settings: {} },
      ...{ source: { type: 'berth' }, secrets: [], revision: 1 },
    })
    await store.plugins.setState('broken', { state: 'failed', revision: 1, pid: 1, tries: 3, why: 'it throws' })
    const { findings } = await client.doctor.examine({})
    const found = Map.groupBy(findings, ({ area }) => area)
    expect(told(found.get('apps'))).to.deep.equal([['error', 'blog', 'web.1 should run, and does not']])
    expect(told(found.get('domains'))).to.deep.equal([
      ['warning', 'shop.example.org', 'blog: leads to 192.0.2.7, which is not here'],
    ])
    expect(found.get('domains')?.[0]?.hint).to.match(/^where its DNS is kept: shop\.example\.org\. A 192\.0\.2\.1/)
    expect(told(found.get('certificates'))).to.deep.equal([
      ['error', 'müller.example.org', 'none was had 3 times in a row, it has none: it leads elsewhere'],
      ['warning', 'shop.example.org', 'it expires in 4 days, and somebody has brought it'],
    ])
    expect(found.get('certificates')?.[0]?.hint).to.match(
      /^it is tried again at 20\S+Z, or by `berth certs:renew -a blog`$/,
    )
    expect(told(found.get('plugins'))).to.deep.equal([['error', 'broken', 'does not start: it throws']])
    const levels = findings.map(({ level }) => level)
    expect(levels).to.deep.equal(
      [...levels].sort((a, b) => ['error', 'warning', 'ok'].indexOf(a) - ['error', 'warning', 'ok'].indexOf(b)),
    )
  })

  it('goes on where a part is away', async () => {
    await using rig = await openRig()
    await rm(rig.config.engineSocket)
    await rig.store.redis.config('SET', 'appendonly', 'no')
    const found = await examine(rig)
    expect(told(found.get('engine'))).to.deep.equal([
      ['error', null, 'it does not answer: nothing is built or started'],
    ])
    expect(told(found.get('store'))).to.deep.equal([['error', null, 'Redis does not write to the disk as it answers']])
    expect(found.size).to.equal(10)
  })
})
