import { expect } from 'chai'
import { contract } from '../../../src/api/contract.js'
import { expectFault } from '../asked.js'
import { openRig, type Rig } from '../rig.js'

describe('certificates on demand through the API', function () {
  this.timeout(30_000)
  let rig: Rig
  before(async () => {
    rig = await openRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  it('are had by one app, as it was said last, and are ended', async () => {
    const { client } = rig
    await rig.pushed('shop')
    await rig.pushed('other')
    const off = contract.onDemand.info.reply.parse(await client.onDemand.info({ app: 'shop' }))
    const defaults = { asksPerMinute: 10, namesPerDay: 50, most: 1_000 }
    expect(off).to.deep.equal({ on: false, allow: [], ask: null, ...defaults, names: [], verdicts: [] })
    await expectFault(client.onDemand.off({ app: 'shop' }), 'missing', /shop has no certificates on demand/)
    await expectFault(client.onDemand.set({ app: 'shop' }), 'invalid', /not said which hostnames/)
    const on = await client.onDemand.set({
      app: 'shop',
      allow: ['B.example.org', '*.a.example', 'b.example.org.'],
      most: 5,
    })
    expect(on).to.deep.include({ on: true, allow: ['*.a.example', 'b.example.org'], ask: null, ...defaults, most: 5 })
    await expectFault(client.onDemand.set({ app: 'other', ask: '/x' }), 'conflict', /^shop has certificates on demand/)
    await expectFault(client.onDemand.off({ app: 'other' }), 'missing', /other has no/)
    expect(await client.onDemand.set({ app: 'shop', ask: '/x?y=1' })).to.deep.include({
      allow: [],
      ask: '/x?y=1',
      ...defaults,
    })
    expect((await client.onDemand.off({ app: 'shop' })).on).to.equal(false)
    expect((await client.onDemand.set({ app: 'other', ask: 'https://app.example/x' })).on).to.equal(true)
    await client.onDemand.off({ app: 'other' })
  })

  it('are refused with what nobody can be asked by, and nothing changes', async () => {
    const { client } = rig
    for (const [ask, words] of [
      ['http://app.example/x', /is not https/],
      ['ftp://app.example/x', /is not https/],
      ['https://me:secret@app.example/', /has a user or a password/],
      ['//app.example/x', /neither a path nor a whole URL/],
      ['/\\app.example/x', /characters/],
      ['/x y', /characters/],
      ['/x#y', /characters/],
      ['allowed', /is no URL/],
      ['', /is no URL/],
    ] as const)
      await expectFault(client.onDemand.set({ app: 'shop', ask }), 'invalid', words)
    for (const host of ['https://a.example', 'com', '*.com', 'berth.localhost', 'x.localhost', '127.0.0.1'])
      await expectFault(client.onDemand.set({ app: 'shop', allow: ['a.example.org', host] }), 'invalid', /./)
    await expectFault(client.onDemand.set({ app: 'shop', ask: '/x', most: 0 }), 'invalid', /most/)
    expect((await client.onDemand.info({ app: 'shop' })).on).to.equal(false)
  })

  it('leave domains that are shown, count apart, are renewed, and become those of people who add them', async () => {
    const { client, store } = rig
    const { id } = await rig.pushed('many')
    const createdAt = new Date().toISOString()
    const demanded = Array.from({ length: 200 }, (_, at) => ({
      host: `n${at}.example.net`,
      createdAt,
      onDemand: true as const,
    }))
    await store.apps.update(id, { domains: demanded })
    await client.domains.add({ app: 'many', hosts: Array.from({ length: 100 }, (_, at) => `p${at}.example.org`) })
    await expectFault(client.domains.add({ app: 'many', hosts: ['n0.example.net'] }), 'conflict', /would have 101/)
    await client.domains.remove({ app: 'many', host: 'p0.example.org' })
    expect((await client.domains.add({ app: 'many', hosts: ['n0.example.net'] }))[0]?.onDemand).to.equal(false)
    const sent = await client.domains.redirect({ app: 'many', host: 'n1.example.net', to: 'p1.example.org' })
    expect(sent.onDemand, 'a redirect changes nothing of that').to.equal(true)
    const listed = contract.domains.list.reply.parse(await client.domains.list({ app: 'many' }))
    expect(listed.filter(({ onDemand }) => onDemand)).to.have.length(199)
    expect((await client.onDemand.info({ app: 'many' })).names)
      .to.have.length(199)
      .and.include('n1.example.net')
    const job = { app: id, host: 'n1.example.net', directory: 'https://ca.example/dir', order: null, key: null }
    await store.acme.begin({ ...job, failures: 0, failure: null, next: 9, renew: 9, certificate: null })
    expect(await client.certs.renew({ app: 'many' }), 'certs:auto is off').to.deep.equal({ hosts: ['n1.example.net'] })
    await expectFault(
      client.certs.renew({ app: 'many', host: 'p1.example.org' }),
      'conflict',
      /no certificate is ordered/,
    )
  })
})
