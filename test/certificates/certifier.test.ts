import { X509Certificate } from 'node:crypto'
import { expect } from 'chai'
import { certificateIdOf } from '../../src/certificates/order.js'
import { loadConfig } from '../../src/config.js'
import { appChanges } from '../../src/store/apps.js'
import { certifierRig, type CertifierRig } from './rig.js'

const isDone = (job: { certificate: string | null; order: string | null }): boolean =>
  job.certificate !== null && job.order === null

describe('certificates that Berth orders', function () {
  this.timeout(30_000)
  let rig: CertifierRig
  before(async () => {
    rig = await certifierRig({ refuses: 50 })
  })
  after(() => rig[Symbol.asyncDispose]())

  it('come from a CA that refuses half of all nonces, one for each hostname, and are kept with when to renew them', async () => {
    const { store, pebble } = rig
    const before = pebble.issued()
    const app = await rig.app('shop', 'shop.example.org', 'www.example.org', '*.example.org')
    await using certifier = await rig.certifier()
    expect(certifier).to.be.an('object')
    for (const host of ['shop.example.org', 'www.example.org']) {
      const job = await rig.job(app, host, isDone)
      const one = await store.certificates.get(job.certificate ?? '')
      expect(one).to.deep.include({ names: [host], source: 'acme', app: app.id })
      const leaf = new X509Certificate(one?.chain ?? '')
      expect(leaf.subjectAltName).to.equal(`DNS:${host}`)
      expect(one?.chain.match(/BEGIN CERTIFICATE/g), 'with who vouches for it').to.have.length(2)
      const life = (one?.notAfter ?? 0) - (one?.notBefore ?? 0)
      expect(((job.renew ?? 0) - (one?.notBefore ?? 0)) / life).to.be.within(0.6, 0.75)
      expect([job.failures, job.failure, job.key]).to.deep.equal([0, null, null])
    }
    expect(pebble.issued() - before).to.equal(2)
    expect(await store.acme.job({ app: app.id, host: '*.example.org' }), 'http-01 proves no wildcard').to.equal(null)
    expect(await store.redis.keys('acme:token:*'), 'no token stays').to.deep.equal([])
    expect(await store.redis.hlen('acme:accounts')).to.equal(1)
  })

  it('are renewed in their place, with another key, and never twice at once', async () => {
    const { store, pebble } = rig
    const app = await rig.app('renewed', 'renewed.example.org')
    await using certifier = await rig.certifier()
    expect(certifier).to.be.an('object')
    const first = await rig.job(app, 'renewed.example.org', isDone)
    const before = await store.certificates.get(first.certificate ?? '')
    const issued = pebble.issued()
    await store.acme.update(first, { renew: 0, next: 0 })
    for (let times = 0; times < 5; times += 1) await store.acme.notify()
    const second = await rig.job(app, 'renewed.example.org', (job) => (job.renew ?? 0) > 0 && isDone(job))
    expect(second.certificate).to.equal(first.certificate)
    const after = await store.certificates.get(second.certificate ?? '')
    expect(after?.key).to.not.equal(before?.key)
    expect(pebble.issued() - issued).to.equal(1)
  })

  it('that are wanted no more are renewed no more, and go where they serve nobody', async () => {
    const { store } = rig
    const app = await rig.app('gone', 'gone.example.org', 'stays.example.org')
    await using certifier = await rig.certifier()
    expect(certifier).to.be.an('object')
    const [gone, stays] = [
      await rig.job(app, 'gone.example.org', isDone),
      await rig.job(app, 'stays.example.org', isDone),
    ]
    await store.apps.update(app.id, ({ domains = [] }) => ({
      domains: domains.filter(({ host }) => host !== gone.host),
    }))
    await until(async () => (await store.certificates.get(gone.certificate ?? '')) === null)
    expect(await store.acme.job(gone)).to.equal(null)
    expect(await store.acme.job(stays)).to.deep.equal(stays)
    await store.apps.update(app.id, { autoCerts: false })
    await until(async () => (await store.acme.job(stays)) === null)
    expect((await store.certificates.get(stays.certificate ?? ''))?.names, 'it serves on').to.deep.equal([stays.host])
    await store.apps.update(app.id, { autoCerts: true })
    const again = await rig.job(app, stays.host, isDone)
    expect([again.certificate, again.next > Date.now()], 'nothing is ordered anew').to.deep.equal([
      stays.certificate,
      true,
    ])
    await store.apps.remove(app.id)
    expect(await store.acme.jobsOf(app.id)).to.deep.equal([])
  })

  it('fail with a reason and growing gaps, and come when there is no reason any more', async () => {
    const { store } = rig
    const app = await rig.app('late', 'nowhere.example.org')
    await using certifier = await rig.certifier({ gaps: [30, 60, 600_000] })
    expect(certifier).to.be.an('object')
    const job = await rig.job(app, 'nowhere.example.org', ({ failures }) => failures === 3)
    expect(job.failure).to.match(/nowhere\.example\.org.*see `berth domains:check`/)
    expect(job.next - Date.now()).to.be.within(500_000, 700_000)
    expect([job.order, job.certificate]).to.deep.equal([null, null])
    expect(await store.redis.keys('acme:token:*')).to.deep.equal([])
    await store.apps.remove(app.id)
  })

  it('are not ordered where nobody wants them, or somebody brought one', async () => {
    const { store, pebble } = rig
    const issued = pebble.issued()
    const app = await rig.app('brought', 'brought.example.org')
    await store.apps.update(app.id, { autoCerts: false })
    const job = { app: app.id, host: 'brought.example.org' }
    const own = { id: 'own', names: [job.host], chain: 'C', key: 'K', source: 'own' as const, app: app.id }
    await store.certificates.put({ ...own, notBefore: 0, notAfter: Date.now() + 86_400_000 })
    await store.apps.update(app.id, { autoCerts: true })
    const other = await rig.app('other', 'other.example.org')
    await using certifier = await rig.certifier()
    expect(certifier).to.be.an('object')
    await rig.job(other, 'other.example.org', isDone)
    expect(await store.acme.job(job)).to.equal(null)
    await store.redis.publish(appChanges, app.id)
    expect(pebble.issued() - issued).to.equal(1)
    expect(await store.certificates.get(certificateIdOf(job))).to.equal(null)
  })
})

describe('a CA that knows its accounts from elsewhere', function () {
  this.timeout(30_000)
  const external = { kid: 'kid-1', hmac: 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W' }

  it('gives certificates to those that it knows, and a reason to others', async () => {
    await using rig = await certifierRig({ external })
    const app = await rig.app('bound', 'bound.example.org')
    {
      await using stranger = await rig.certifier({ gaps: [600_000] })
      expect(stranger).to.be.an('object')
      const { failure } = await rig.job(app, 'bound.example.org', ({ failures }) => failures === 1)
      expect(failure).to.match(/set BERTH_ACME_EAB/)
    }
    const { directory, ca } = rig.pebble
    await using known = await rig.certifier({ authorities: [{ directory, ca, external }] })
    expect(known).to.be.an('object')
    await rig.store.acme.update({ app: app.id, host: 'bound.example.org' }, { next: 0 })
    await rig.store.acme.notify()
    await rig.job(app, 'bound.example.org', isDone)
  })
})

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20))
}

describe('several CAs', function () {
  this.timeout(30_000)

  it('are asked in order: the next where one has failed twice, with an account at each', async () => {
    await using rig = await certifierRig({ refuses: 30 })
    const { store, pebble } = rig
    const gone = 'https://127.0.0.1:1/dir'
    const authorities = [{ directory: gone }, { directory: pebble.directory, ca: pebble.ca }] as const
    const app = await rig.app('several', 'several.example.org')
    await using certifier = await rig.certifier({ authorities, gaps: [10] })
    expect(certifier).to.be.an('object')
    const job = await rig.job(app, 'several.example.org', isDone)
    expect(job).to.include({ directory: pebble.directory, failures: 0, failure: null })
    expect(await store.redis.hkeys('acme:accounts')).to.have.members([gone, pebble.directory])
    // its renewal begins with the first again, and the certificate serves on until the second has renewed it
    await store.acme.update(job, { renew: 0, next: 0 })
    await store.acme.notify()
    const failed = await rig.job(app, 'several.example.org', ({ failures }) => failures > 0)
    expect(failed.failure).to.include('the CA at 127.0.0.1:1 cannot be asked')
    expect(await store.certificates.get(job.certificate ?? '')).to.not.equal(null)
    await rig.job(app, 'several.example.org', (now) => (now.renew ?? 0) > 0 && isDone(now))
    expect(pebble.issued()).to.equal(2)
  })

  it('are each as the settings say, by their order', () => {
    const acme = (more: Record<string, string>) =>
      loadConfig({ BERTH_ROOT: '/nowhere', BERTH_ACME_DIRECTORY: 'https://a.example/d, https://b.example/d', ...more })
        .acme
    const none = { caFile: undefined, profile: undefined, external: undefined }
    expect(acme({ BERTH_ACME_EAB: ',kid:a2V5', BERTH_ACME_PROFILE: 'short' }).authorities).to.deep.equal([
      { ...none, directory: 'https://a.example/d', profile: 'short' },
      { ...none, directory: 'https://b.example/d', external: { kid: 'kid', hmac: 'a2V5' } },
    ])
    expect(() => acme({ BERTH_ACME_CA: '/a,/b,/c' })).to.throw(/BERTH_ACME_CA says something of 3 CAs, and there are 2/)
    expect(() => acme({ BERTH_ACME_DIRECTORY: 'https://a.example,http://b.example' })).to.throw(/must be an https URL/)
    expect(() => acme({ BERTH_ACME_EAB: 'kid:key,x' })).to.throw(/must be KID:KEY/)
  })
})

describe("the certificate of Berth's own hostname", function () {
  this.timeout(30_000)

  it('is ordered where somebody wants it, beside those of apps, and serves no app that has a certificate', async () => {
    await using rig = await certifierRig()
    const { store } = rig
    const appHost = (name: string): string => `${name}.example.org`
    const platform = { app: null, host: 'berth.example.org' }
    const app = await rig.app('shop')
    await using certifier = await rig.certifier({ appHost })
    expect(certifier).to.be.an('object')
    await rig.job(app, 'shop.example.org', isDone)
    expect(await store.acme.job(platform), 'nobody wants it').to.equal(null)
    await store.platform.choose({ autoCerts: true })
    await until(async () => isDone((await store.acme.job(platform)) ?? { certificate: null, order: null }))
    const { certificate } = (await store.acme.job(platform)) ?? {}
    expect(await store.certificates.get(certificate ?? '')).to.deep.include({
      ...{ names: ['berth.example.org'], source: 'acme', app: null },
    })
    expect((await store.certificates.find('berth.example.org'))?.id).to.equal(certificate)
    expect(rig.pebble.issued()).to.equal(2)
    await store.platform.choose({ autoCerts: false })
    await until(async () => (await store.acme.job(platform)) === null)
    expect((await store.certificates.find('berth.example.org'))?.id, 'it serves on').to.equal(certificate)
  })
})
