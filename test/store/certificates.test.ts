import { expect } from 'chai'
import { certificateChanges, certificateFor, coversHost, type Certificate } from '../../src/store/certificates.js'
import { refusals, storeRig, type StoreRig } from './rig.js'

const day = 86_400_000

const certificate = (given: Partial<Certificate>): Certificate => ({
  ...{ id: 'c1', names: ['shop.example.org'], chain: 'CHAIN', key: 'KEY', source: 'own', app: null },
  ...{ notBefore: Date.now() - day, notAfter: Date.now() + day },
  ...given,
})

describe('certificates', function () {
  this.timeout(20_000)
  let rig: StoreRig
  before(async () => {
    rig = await storeRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  it('are kept whole, replaced by id, and told of', async () => {
    const { store, other } = rig
    const heard: string[] = []
    const three = Promise.withResolvers<unknown>()
    await store.notifications.subscribe(certificateChanges, (id) => {
      if (heard.push(id) === 3) three.resolve(null)
    })
    const one = certificate({ id: 'one' })
    await other.certificates.put(one)
    expect(await store.certificates.get('one')).to.deep.equal(one)
    const next = { ...one, chain: 'NEXT' }
    await other.certificates.put(next)
    expect(await store.certificates.list()).to.deep.equal([next])
    expect(await store.certificates.find('shop.example.org')).to.deep.equal(next)
    expect([await other.certificates.remove('one'), await store.certificates.get('one')]).to.deep.equal([true, null])
    await three.promise
    expect(heard).to.deep.equal(['one', 'one', 'one'])
    expect(await other.certificates.remove('one')).to.equal(false)
    await store.notifications.close()
  })

  it('go with their app, and come to none that is gone', async () => {
    const { store } = rig
    const [app, neighbour] = [await store.apps.create('certified'), await store.apps.create('neighbour')]
    await store.certificates.put(certificate({ id: 'its', app: app.id }))
    await store.certificates.put(certificate({ id: 'theirs', app: neighbour.id }))
    await store.certificates.put(certificate({ id: 'ours' }))
    await store.redis.hset('certificates', 'damaged', '{')
    await store.apps.remove(app.id)
    expect((await store.redis.hkeys('certificates')).sort()).to.deep.equal(['damaged', 'ours', 'theirs'])
    await store.redis.hdel('certificates', 'damaged')
    const late = store.certificates.put(certificate({ id: 'late', app: app.id }))
    expect(await refusals([late])).to.deep.equal([`no app named "${app.id}"`])
    expect((await store.certificates.list()).map(({ id }) => id).sort()).to.deep.equal(['ours', 'theirs'])
  })
})

describe('which certificate is shown', () => {
  const seen = ['long', 'short', 'ordered', 'platform', 'early', 'expired']
  const chosen = (all: readonly Certificate[], host: string, app: string | null = 'a') =>
    certificateFor(all, host, app)?.id

  it('covers a name, by a wildcard one label of it', () => {
    const covered = (name: string) =>
      ['example.org', 'a.example.org', 'a.b.example.org', '*.example.org', 'example.orgx', '.example.org', 'a'].filter(
        (host) => coversHost(name, host),
      )
    expect(covered('example.org')).to.deep.equal(['example.org'])
    expect(covered('*.example.org')).to.deep.equal(['a.example.org', '*.example.org'])
    expect(covered('*.')).to.deep.equal([])
  })

  it('is never that of another app', () => {
    const all = [certificate({ id: 'theirs', app: 'b' }), certificate({ id: 'ours', notAfter: Date.now() + 2 })]
    expect(chosen(all, 'shop.example.org')).to.equal('ours')
    expect(chosen(all.slice(0, 1), 'shop.example.org')).to.equal(undefined)
    expect(chosen(all.slice(0, 1), 'shop.example.org', null)).to.equal(undefined)
  })

  it('is valid, its own app’s, brought, and good for long, in this order', () => {
    const expired = certificate({ id: 'expired', app: 'a', notAfter: Date.now() - 1 })
    const early = certificate({ id: 'early', app: 'a', notBefore: Date.now() + day })
    const platform = certificate({ id: 'platform', names: ['*.example.org'], notAfter: Date.now() + 90 * day })
    const ordered = certificate({ id: 'ordered', app: 'a', source: 'acme', notAfter: Date.now() + 60 * day })
    const short = certificate({ id: 'short', app: 'a' })
    const long = certificate({ id: 'long', app: 'a', notAfter: Date.now() + 30 * day })
    const all = [expired, early, platform, ordered, short, long]
    const order = all.map((_, at) =>
      chosen(
        all.filter((one) => !seen.slice(0, at).includes(one.id)),
        'shop.example.org',
      ),
    )
    expect(order).to.deep.equal(seen)
  })
})
