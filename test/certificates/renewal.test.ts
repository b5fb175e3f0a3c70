import { X509Certificate } from 'node:crypto'
import { expect } from 'chai'
import { renewalId } from '../../src/certificates/acme/der.js'
import { Certifier } from '../../src/certificates/certifier.js'
import { nextAttempt, reasonAgainst, renewalTime } from '../../src/certificates/wanted.js'
import { createLog } from '../../src/log.js'
import type { Certificate } from '../../src/store/certificates.js'
import type { AcmeJob } from '../../src/store/acme.js'
import { storeRig, type StoreRig } from '../store/rig.js'
import { makeLiarKeys, startLiar, type LiarKeys } from './liar.js'

const hour = 3_600_000

describe('when a certificate is renewed', function () {
  this.timeout(30_000)
  let rig: StoreRig
  let keys: LiarKeys
  before(async () => {
    rig = await storeRig()
    keys = await makeLiarKeys()
  })
  after(async () => {
    await rig.store.notifications.close()
    await rig[Symbol.asyncDispose]()
    await keys[Symbol.asyncDispose]()
  })

  it('is asked of the CA, which may want it sooner or later, and hears what is renewed', async () => {
    const { store, config } = rig
    await using liar = await startLiar(keys)
    const { url, directory, ca } = liar
    const [newNonce, newAccount, newOrder] = [`${url}/nonce`, `${url}/account`, `${url}/new`]
    liar.say('/dir', () => ({ body: { newNonce, newAccount, newOrder, renewalInfo: `${url}/renewal` } }))
    const replaced: unknown[] = []
    liar.say('/new', ({ payload }) => {
      replaced.push(payload.replaces)
      return payload.replaces !== undefined && replaced.length === 2
        ? { status: 409, body: { type: 'urn:ietf:params:acme:error:alreadyReplaced', detail: 'it is' } }
        : { status: 201, headers: { location: `${url}/order` } }
    })
    const { id: app } = await store.apps.create('renewed')
    const of = { app, host: 'a.example.org' }
    const until = async (holds: (job: AcmeJob) => boolean): Promise<AcmeJob> => {
      for (;;) {
        const job = await store.acme.job(of)
        if (job && holds(job)) return job
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
    const log = createLog('test', { level: 'silent' })
    const appHost = (name: string) => config.appHost(name)
    await using certifier = new Certifier({ store, authorities: [{ directory, ca }], appHost, log, pace: 5 })
    await certifier.start()
    await store.apps.update(app, { domains: [{ host: of.host, createdAt: '' }], autoCerts: true })
    const first = await until((job) => job.certificate !== null && job.order === null)
    expect((first.renew ?? 0) - Date.now(), 'ten days, by its own life').to.be.within(140 * hour, 172 * hour)
    expect(first.next - Date.now(), 'the CA is asked before').to.be.within(0.9 * hour, hour)

    const before = await store.certificates.get(first.certificate ?? '')
    const id = renewalId(new X509Certificate(before?.chain ?? '')) ?? ''
    const window = (start: number, end: number) => ({
      body: { suggestedWindow: { start: new Date(start).toISOString(), end: new Date(end).toISOString() } },
      headers: { 'retry-after': '0' },
    })
    const [start, end] = [Date.now() + 10 * hour, Date.now() + 20 * hour]
    liar.say(`/renewal/${id}`, () => window(start, end))
    await store.acme.update(of, { next: 0 })
    await store.acme.notify()
    const second = await until(({ next }) => next > 0 && next !== first.next)
    expect(second.renew).to.be.within(start - 1_000, end)
    expect(second.next - Date.now(), 'however often the CA wants to be asked').to.be.within(500_000, 600_000)
    expect(replaced).to.have.length(1)

    liar.say(`/renewal/${id}`, () => window(0, 1))
    await store.acme.update(of, { next: 0 })
    await store.acme.notify()
    await until(({ next, order }) => next > 0 && next !== second.next && order === null)
    expect(replaced, 'one that is replaced already is renewed all the same').to.deep.equal([undefined, id, undefined])
    const after = await store.certificates.get(first.certificate ?? '')
    expect(after?.chain).to.not.equal(before?.chain)
    expect(after?.key).to.not.equal(before?.key)
  })

  it('is with a third of its life left, unless the CA says, and not all at once', () => {
    const life = { notBefore: 0, notAfter: 90 * 24 * hour }
    expect([0, 0.5, 1].map((random) => renewalTime(life, random) / life.notAfter)).to.satisfy((all: number[]) =>
      [0.6167, 0.6667, 0.7167].every((share, at) => Math.abs(share - (all[at] ?? 0)) < 0.001),
    )
  })

  it('is later after each failure, and never sooner than the last gap', () => {
    expect([1, 2, 3, 4, 9].map((failures) => nextAttempt(failures, [10, 20, 30], 0.5))).to.deep.equal([
      10, 20, 30, 30, 30,
    ])
    expect([0, 1].map((random) => Math.round(nextAttempt(1, [100], random)))).to.deep.equal([90, 110])
  })

  it('is never of what no certificate is ordered for', () => {
    const own = {
      id: 'o',
      names: ['b.example.org'],
      chain: '',
      key: '',
      notBefore: 0,
      source: 'own' as const,
      app: 'a',
    }
    const now = Date.now()
    const why = (host: string, certificates: readonly Certificate[], app: string, dns = false) =>
      reasonAgainst(host, { certificates, app, dns })
    expect(why('a.example.org', [], 'a')).to.equal(null)
    expect(why('*.example.org', [], 'a', true)).to.equal(null)
    expect(why('*.example.org', [], 'a')).to.match(/proof by DNS/)
    expect(why('blog.localhost', [], 'a')).to.equal('it is of this machine alone')
    expect(why('b.example.org', [{ ...own, notAfter: now + hour }], 'a')).to.equal('certificate o is brought for it')
    expect(why('b.example.org', [{ ...own, notAfter: now - hour }], 'a'), 'that has expired').to.equal(null)
    expect(why('b.example.org', [{ ...own, notAfter: now + hour }], 'b'), "another app's").to.equal(null)
  })
})
