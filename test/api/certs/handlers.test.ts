import { expect } from 'chai'
import { contract } from '../../../src/api/contract.js'
import { Authority, type Issued } from '../../certificates/authority.js'
import { expectFault } from '../asked.js'
import { openRig, type Rig } from '../rig.js'

describe('certificates through the API', function () {
  this.timeout(30_000)
  let rig: Rig
  let authority: Authority
  let leaf: Issued
  before(async () => {
    rig = await openRig()
    authority = await Authority.open()
    leaf = await authority.issue(null, { names: ['shop.example.org', '*.example.net'], subject: '/CN=Tester' })
  })
  after(async () => {
    await authority[Symbol.asyncDispose]()
    await rig[Symbol.asyncDispose]()
  })

  it('are added, listed, described and removed, and their key is in no answer', async () => {
    const { client, store } = rig
    const { id: app } = await rig.pushed('blog')
    const give = { app: 'blog', chain: leaf.cert, key: leaf.key }
    await expectFault(client.certs.add(give), 'invalid', /for shop.example.org, \*.example.net, and blog has none/)
    await client.domains.add({ app: 'blog', hosts: ['shop.example.org', '*.example.net', 'other.example.org'] })
    const added = contract.certs.add.reply.parse(await client.certs.add(give))
    expect(added).to.deep.include({ source: 'own', issuer: 'Tester', serves: ['shop.example.org', '*.example.net'] })
    expect(await client.certs.add(give), 'once more').to.deep.equal(added)
    expect(contract.certs.list.reply.parse(await client.certs.list({ app: 'blog' }))).to.deep.equal([added])
    const info = contract.certs.info.reply.parse(await client.certs.info({ app: 'blog', cert: added.id }))
    expect(info).to.include({ key: 'ec prime256v1', pem: leaf.cert })
    expect(info.fingerprint).to.match(/^([0-9A-F]{2}:){31}/)
    expect(info.chain[0]).to.match(/^Tester, until \d{4}-/)
    const told = await Promise.all(
      ['/api/apps/blog/certs', `/api/apps/blog/certs/${added.id}`].map(async (path) => (await rig.fetch(path)).text()),
    )
    expect(told.join()).to.not.include('PRIVATE').and.not.include(leaf.key.split('\n')[1])
    expect((await store.certificates.get(added.id))?.app).to.equal(app)

    await rig.pushed('neighbour')
    await expectFault(
      client.certs.info({ app: 'neighbour', cert: added.id }),
      'missing',
      /neighbour has no certificate/,
    )
    await expectFault(client.certs.remove({ app: 'neighbour', cert: added.id }), 'missing', /no certificate/)
    await expectFault(client.certs.remove({ app: 'blog', cert: '../../x' }), 'invalid', /12 hexadecimal digits/)
    await client.certs.remove({ app: 'blog', cert: added.id })
    await expectFault(client.certs.remove({ app: 'blog', cert: added.id }), 'missing', /no certificate/)
    expect(await client.certs.list({ app: 'blog' })).to.deep.equal([])
  })

  it('serve hostnames of their app alone, and are gone with it', async () => {
    const { client, store } = rig
    await rig.pushed('mine')
    const { id } = await rig.pushed('theirs')
    await client.domains.clear({ app: 'blog' })
    await client.domains.add({ app: 'mine', hosts: ['shop.example.org'] })
    await client.domains.add({ app: 'theirs', hosts: ['a.b.example', '*.example.net'] })
    const added = await client.certs.add({ app: 'theirs', chain: leaf.cert, key: leaf.key })
    expect(added.serves).to.deep.equal(['*.example.net'])
    await client.domains.clear({ app: 'theirs' })
    expect((await client.certs.list({ app: 'theirs' }))[0]?.serves, 'a name that is gone').to.deep.equal([])
    await store.apps.remove(id)
    expect(await store.certificates.get(added.id)).to.equal(null)
  })

  it('are ordered where somebody wants that, and ordered anew', async () => {
    const { client, store } = rig
    const { id } = await rig.pushed('auto')
    await expectFault(client.certs.renew({ app: 'auto' }), 'conflict', /no certificates are ordered for auto/)
    const brought = await authority.issue(null, { names: ['brought.example.org'] })
    await client.domains.add({ app: 'auto', hosts: ['a.example.com', '*.example.com', 'brought.example.org'] })
    const { id: own } = await client.certs.add({ app: 'auto', chain: brought.cert, key: brought.key })
    const on = contract.certs.auto.reply.parse(await client.certs.auto({ app: 'auto', auto: true }))
    expect(on.hosts).to.deep.equal(['a.example.com'])
    expect(on.not.map(({ host, why }) => `${host}: ${why}`).sort()).to.deep.equal([
      '*.example.com: a CA wants proof by DNS for a wildcard: enable a DNS plugin (`berth plugins`), or bring one with `berth certs:add`',
      'auto.localhost: it is of this machine alone',
      `brought.example.org: certificate ${own} is brought for it`,
    ])
    expect((await store.apps.find(id))?.autoCerts).to.equal(true)
    // what the worker has come to by now
    const failed = { failures: 3, failure: 'no', next: Date.now() + 3_600_000, renew: null, certificate: null }
    const job = {
      app: id,
      host: 'a.example.com',
      directory: 'https://ca.example/dir',
      order: null,
      key: null,
      ...failed,
    }
    await store.acme.begin(job)
    const listed = contract.domains.list.reply.parse(await client.domains.list({ app: 'auto' }))
    expect(
      listed.map(({ host, certificate, order, unordered }) => [host, certificate?.id, order?.failures, unordered]),
    ).to.deep.equal([
      ['auto.localhost', undefined, undefined, 'it is of this machine alone'],
      ['*.example.com', undefined, undefined, on.not.find(({ host }) => host === '*.example.com')?.why],
      ['a.example.com', undefined, 3, null],
      ['brought.example.org', own, undefined, `certificate ${own} is brought for it`],
    ])
    expect(await client.certs.renew({ app: 'auto' })).to.deep.equal({ hosts: ['a.example.com'] })
    expect(await store.acme.job(job)).to.deep.equal({ ...job, next: 0, renew: 0 })
    expect(await client.certs.renew({ app: 'auto', host: 'A.example.com' })).to.deep.equal({ hosts: ['a.example.com'] })
    await expectFault(
      client.certs.renew({ app: 'auto', host: 'x.example.com' }),
      'missing',
      /auto has no hostname x\.ex/,
    )
    await expectFault(client.certs.renew({ app: 'auto', host: '*.example.com' }), 'conflict', /wants proof by DNS/)
    expect(await client.certs.auto({ app: 'auto', auto: false })).to.deep.equal({ auto: false, hosts: [], not: [] })
    await store.apps.remove(id)
    expect(await store.acme.jobsOf(id)).to.deep.equal([])
  })

  it('refuse what is none, in words', async () => {
    const { client } = rig
    await rig.pushed('refused')
    const add = (chain: string, key: string) => client.certs.add({ app: 'refused', chain, key })
    await expectFault(add('x', leaf.key), 'invalid', /the chain holds no certificate/)
    await expectFault(add(leaf.cert, 'x'), 'invalid', /there is no private key/)
    await expectFault(add('', leaf.key), 'invalid', /chain/)
    await expectFault(add('x'.repeat(200_001), leaf.key), 'invalid', /chain/)
  })
})
