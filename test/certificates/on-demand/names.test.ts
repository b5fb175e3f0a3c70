import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { DemandedNames, type DemandedNamesDeps } from '../../../src/certificates/on-demand/names.js'
import { reasonElsewhere } from '../../../src/lib/leads-here.js'
import { createLog } from '../../../src/log.js'
import type { App } from '../../../src/store/apps.js'
import type { OnDemand } from '../../../src/store/on-demand.js'
import { certifierRig, type CertifierRig } from '../rig.js'

/** An app's own answer to whether a hostname is its customer's: a real server, which counts. */
interface AskServer extends AsyncDisposable {
  readonly server: Server
  readonly url: string
  readonly host: string
  /** What it was asked, in order. */
  readonly asked: string[]
}

async function askServer(answer: RequestListener): Promise<AskServer> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    answer(request, response)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    ...{ server, asked, host, url: `http://${host}/allowed` },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const status =
  (code: number, headers: Record<string, string> = {}): RequestListener =>
  (_, response) =>
    response.writeHead(code, headers).end()

describe('hostnames on demand', function () {
  this.timeout(30_000)
  let rig: CertifierRig
  let app: App
  let now = Date.now()
  before(async () => {
    rig = await certifierRig()
  })
  after(() => rig[Symbol.asyncDispose]())
  beforeEach(async () => {
    now = Date.now()
    const { id } = await rig.store.apps.create('shop')
    app = await rig.store.apps.update(id, {})
  })
  afterEach(() => rig.store.apps.remove(app.id))

  const on = async (settings: Partial<OnDemand>): Promise<void> => {
    const given = { app: app.id, allow: [], ask: null, asksPerMinute: 600, namesPerDay: 50, most: 1_000 }
    expect(await rig.store.onDemand.put({ ...given, ...settings })).to.equal(null)
  }
  const deciding = (deps: Partial<DemandedNamesDeps> = {}): DemandedNames => {
    const where = { addresses: ['127.0.0.1'], resolvers: [rig.dns.address] }
    const appHost = (name: string): string => rig.config.appHost(name)
    return new DemandedNames({
      ...{ store: rig.store, domain: rig.config.domain, appHost, log: createLog('test', { level: 'silent' }) },
      ...{ elsewhere: (host) => reasonElsewhere({ ...where, appHost }, host), now: () => now, ...deps },
    })
  }
  /** Has these looked at, as when clients ask for them. */
  const look = async (names: DemandedNames, ...hosts: string[]): Promise<void> => {
    await rig.store.onDemand.note(hosts)
    await names.look()
  }
  const given = async (): Promise<string[]> =>
    ((await rig.store.apps.find(app.id))?.domains ?? []).map(({ host }) => host).sort()
  const says = async (): Promise<string> => (await rig.store.onDemand.verdicts())[0]?.says ?? ''

  it('that the table has become domains of the app; others, and those that lead elsewhere, do not', async () => {
    await on({ allow: ['a.example.org', '*.b.example.org', 'away.example.org', 'nowhere.example.org'] })
    await using names = deciding()
    await look(names, 'a.example.org', 'x.b.example.org', 'x.y.b.example.org', 'c.example.org')
    expect(await given()).to.deep.equal(['a.example.org', 'x.b.example.org'])
    await look(names, 'away.example.org')
    expect(await says()).to.equal('it leads to 127.0.0.2, which is not here')
    await look(names, 'nowhere.example.org')
    expect(await says()).to.equal('DNS has nothing of it')
    expect(await given()).to.have.length(2)
    const [domain] = (await rig.store.apps.find(app.id))?.domains ?? []
    expect(domain?.onDemand).to.equal(true)
    expect((await rig.store.routes.get(app.id))?.hosts, 'it is served from the same step on').to.include(
      'a.example.org',
    )
    await look(names, 'a.example.org')
    expect(await given(), 'nothing twice').to.have.length(2)
  })

  it('are never names of apps, of this machine, or what is no hostname', async () => {
    const { domain } = rig.config
    await using server = await askServer(status(200))
    await on({ ask: server.url, allow: ['*.localhost.example'] })
    await using names = deciding({ elsewhere: () => Promise.resolve(null), trusted: [server.host] })
    await look(
      names,
      `berth.${domain}`,
      `other.${domain}`,
      'a.b.localhost',
      'no host',
      '*.example.org',
      '127.0.0.1',
      'com',
    )
    expect([await given(), server.asked]).to.deep.equal([[], []])
  })

  it('are asked about by URL: 200 is yes; 4xx is no, and counts for ten minutes', async () => {
    let code = 404
    await using server = await askServer((_, response) => response.writeHead(code).end())
    await on({ ask: `${server.url}?key=1` })
    await using names = deciding({ trusted: [server.host] })
    await look(names, 'a.example.org')
    expect(server.asked).to.deep.equal(['/allowed?key=1&domain=a.example.org'])
    expect([await given(), await says()]).to.deep.equal([[], 'the app says no'])
    code = 200
    now += 599_000
    await look(names, 'a.example.org')
    expect(server.asked, 'its no counts').to.have.length(1)
    now += 2_000
    await look(names, 'a.example.org')
    expect([await given(), await says()]).to.deep.equal([['a.example.org'], 'the app says yes'])
    await look(names, 'away.example.org')
    expect(server.asked, 'what leads elsewhere is asked about never').to.have.length(2)
  })

  it('are asked about by a path of the app, where it runs, with its hostname', async () => {
    let host: string | undefined
    await using server = await askServer((request, response) => {
      host = request.headers.host
      // as apps do that are for HTTPS alone
      response.writeHead(request.headers['x-forwarded-proto'] === 'https' ? 200 : 301).end('yes')
    })
    await on({ ask: '/internal/allowed' })
    await using names = deciding({ gaps: [1_000] })
    await look(names, 'a.example.org')
    expect(await says()).to.equal('the app cannot be asked: none of its processes runs')
    const { port } = server.server.address() as AddressInfo
    await rig.store.routes.change(app.id, (before) =>
      Promise.resolve({
        ...{ name: app.name, hosts: before?.hosts ?? [] },
        targets: [{ id: 'c1', process: 'web.1', host: '127.0.0.1', port }],
      }),
    )
    now += 1_001
    await look(names, 'a.example.org')
    expect([await given(), host]).to.deep.equal([['a.example.org'], rig.config.appHost('shop')])
    expect(server.asked).to.deep.equal(['/internal/allowed?domain=a.example.org'])
  })

  for (const [what, answer, words] of [
    ['500', status(500), /^the app answers 500, which is neither/],
    ['429', status(429), /^the app answers 429/],
    ['a redirect', status(302, { location: 'http://127.0.0.1:1/' }), /^the app answers 302/],
    ['a silence', () => undefined, /does not answer in time$/],
    ['an answer that drips', (_, response) => void response.writeHead(200).write('x'), /does not answer in time$/],
    ['5 KiB', (_, response) => response.writeHead(200).end('x'.repeat(5_000)), /its answer is too long$/],
    ['a reset', (request) => request.socket.resetAndDestroy(), /cannot be asked/],
  ] as readonly [string, RequestListener, RegExp][])
    it(`are given to nobody while the app answers with ${what}, and asked about later each time`, async () => {
      await using server = await askServer(answer)
      await on({ ask: server.url })
      await using names = deciding({ trusted: [server.host], gaps: [60_000, 300_000] })
      const began = performance.now()
      await look(names, 'a.example.org')
      expect(performance.now() - began).to.be.below(4_000)
      expect([await given(), server.asked.length]).to.deep.equal([[], 1])
      expect(await says()).to.match(words)
      now += 59_000
      await look(names, 'a.example.org')
      expect(server.asked).to.have.length(1)
      now += 2_000
      await look(names, 'a.example.org')
      expect(server.asked).to.have.length(2)
      now += 61_000
      await look(names, 'a.example.org')
      expect(server.asked, 'the gap has grown').to.have.length(2)
    })

  it('are not asked about at private addresses, nor by plain HTTP', async () => {
    await using server = await askServer(status(200))
    for (const [ask, words] of [
      [server.url, /is not https/],
      [server.url.replace('http:', 'https:'), /private address/],
    ] as const) {
      await on({ ask })
      await using names = deciding()
      await look(names, 'a.example.org')
      expect(await says()).to.match(words)
    }
    expect([await given(), server.asked]).to.deep.equal([[], []])
  })

  it('have budgets: so many are looked at in a minute, given in a day, and had in all', async () => {
    await using server = await askServer(status(200))
    const made = (from: number, count: number): string[] =>
      Array.from({ length: count }, (_, at) => `n${from + at}.example.org`)
    await on({ ask: server.url, asksPerMinute: 5, namesPerDay: 7, most: 9, allow: ['named.example.org'] })
    await using names = deciding({ trusted: [server.host] })
    await look(names, ...made(0, 200))
    expect([server.asked.length, (await given()).length]).to.deep.equal([5, 5])
    await look(names, 'named.example.org', ...made(0, 200))
    expect(await given(), 'one that is named is in no flood’s way')
      .to.include('named.example.org')
      .and.have.length(6)
    now += 60_000
    await look(names, ...made(200, 200))
    expect([server.asked.length <= 10, (await given()).length]).to.deep.equal([true, 7])
    now += 86_400_000
    await look(names, ...made(400, 200))
    expect(await given(), 'in all').to.have.length(9)
    const { length } = server.asked
    now += 86_400_000
    await look(names, ...made(600, 200))
    expect([server.asked.length, await says()]).to.deep.equal([
      length,
      'the app has 9 hostnames on demand, and no more',
    ])
  })

  it('get a certificate of a real CA though certs:auto is off, and keep it while the app says nothing', async () => {
    const { store, pebble } = rig
    const issued = pebble.issued()
    const server = await askServer(status(200))
    await on({ ask: server.url })
    await using names = deciding({ trusted: [server.host] })
    await using certifier = await rig.certifier()
    expect(certifier).to.be.an('object')
    await names.start()
    await store.onDemand.note(['customer.example.org'])
    const job = await rig.job(app, 'customer.example.org', ({ certificate, order }) => certificate !== null && !order)
    await server[Symbol.asyncDispose]()
    expect((await store.certificates.get(job.certificate ?? ''))?.names).to.deep.equal(['customer.example.org'])
    expect(pebble.issued() - issued).to.equal(1)
    expect(await store.acme.job({ app: app.id, host: rig.config.appHost('shop') }), 'and no other').to.equal(null)
    await store.onDemand.end(app.id)
    await store.acme.update(job, { renew: 0, next: 0 })
    await store.acme.notify()
    await rig.job(app, 'customer.example.org', ({ renew, order }) => (renew ?? 0) > 0 && !order)
    expect(pebble.issued() - issued, 'it is renewed without the app, and when it is off').to.equal(2)
    await store.apps.update(app.id, { domains: [] })
    while ((await store.acme.job(job)) !== null) await sleep(20) // nobody tells of jobs
  })
})
