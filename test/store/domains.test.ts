import { expect } from 'chai'
import {
  checkDomain,
  checkPath,
  HostnameTaken,
  namesOf,
  type Domain,
  type DomainPath,
} from '../../src/store/domains.js'
import { refusals, rounds, storeRig, target, type StoreRig } from './rig.js'

const domain = (host: string): Domain => ({ host, createdAt: '2026-11-30T12:00:00.000Z' })

const pathOf = (root: string, path = '/api', host = 'paths.example'): DomainPath => ({
  ...{ host, path, root, createdAt: '2026-11-30T12:00:00.000Z' },
})

describe('domains', function () {
  this.timeout(20_000)
  let rig: StoreRig
  before(async () => {
    rig = await storeRig()
  })
  after(() => rig[Symbol.asyncDispose]())
  const hostsOf = async (app: string) => (await rig.store.routes.get(app))?.hosts
  const owner = (host: string) => rig.store.redis.hget('routes:hosts', host)

  it('are claimed in one step: of many who ask for one, exactly one has it', async () => {
    const { store, other } = rig
    const apps = [await store.apps.create('one'), await store.apps.create('two'), await store.apps.create('three')]
    for (const round of rounds) {
      const host = `r${String(round)}.example.org`
      const add = (id: string, at = store) =>
        at.apps.update(id, ({ domains = [] }) => ({ domains: [...domains, domain(host)] }))
      const outcomes = await Promise.allSettled(apps.map(({ id }, at) => add(id, at % 2 === 0 ? store : other)))
      const winner = apps.filter((_, at) => outcomes[at]?.status === 'fulfilled')
      expect(winner).to.have.length(1)
      const id = winner[0]?.id ?? ''
      expect(await owner(host)).to.equal(id)
      for (const outcome of outcomes) {
        if (outcome.status === 'fulfilled') continue
        expect(outcome.reason).to.be.instanceOf(HostnameTaken).and.include({ host, owner: id, fault: 'conflict' })
      }
      const having = await Promise.all(apps.map(async (app) => (await hostsOf(app.id))?.includes(host)))
      expect(having.filter((has) => has === true)).to.have.length(1)
    }
  })

  it('of one app are all there, however many add theirs at once, while it is rolled out and renamed', async () => {
    const { store, other, config } = rig
    const { id } = await store.apps.create('busy')
    const hosts = Array.from({ length: 20 }, (_, at) => `h${String(at)}.example.org`)
    const add = (host: string, at: number) =>
      (at % 2 === 0 ? store : other).apps.update(id, ({ domains = [] }) => ({ domains: [...domains, domain(host)] }))
    const lead = () =>
      other.routes.change(id, async () => {
        const now = await other.apps.find(id)
        return now && { ...namesOf(now, (name) => config.appHost(name)), targets: [target] }
      })
    await Promise.all([...hosts.map(add), lead(), store.apps.rename(id, 'busier'), lead()])
    const route = await store.routes.get(id)
    expect(route?.targets).to.deep.equal([target])
    expect([...(route?.hosts ?? [])].sort()).to.deep.equal([config.appHost('busier'), ...hosts].sort())
    expect(route?.hosts[0]).to.equal(config.appHost('busier'))
    for (const host of hosts) expect(await owner(host)).to.equal(id)
  })

  it('are free again when they are removed, and when their app is', async () => {
    const { store } = rig
    const [old, young] = [await store.apps.create('old'), await store.apps.create('young')]
    const domains = [domain('*.free.example.org'), domain('free.example.org')]
    await store.apps.update(old.id, { domains })
    expect(await refusals([store.apps.update(young.id, { domains })])).to.deep.equal([
      "the hostname *.free.example.org is another app's",
    ])
    expect(await hostsOf(young.id), 'all or nothing').to.have.length(1)
    await store.apps.update(old.id, { domains: domains.slice(1) })
    await store.apps.update(young.id, { domains: domains.slice(0, 1) })
    expect([await owner('*.free.example.org'), await owner('free.example.org')]).to.deep.equal([young.id, old.id])
    await store.routes.remove(old.id)
    await store.apps.update(young.id, { domains })
    await store.apps.remove(old.id)
    expect(await owner('free.example.org'), 'an app that ends takes nothing along').to.equal(young.id)
    await store.apps.remove(young.id)
    expect([await owner('*.free.example.org'), await owner('free.example.org')]).to.deep.equal([null, null])
  })

  it('have paths that are claimed in one step, of an app that has the hostname at that moment', async () => {
    const { store, other } = rig
    const root = await store.apps.create('root')
    const apps = [await store.apps.create('path-one'), await store.apps.create('path-two')]
    const paths = [pathOf(root.id)]
    const early = store.apps.update(apps[0]?.id ?? '', { paths })
    expect(await refusals([early]), 'nobody has the hostname').to.deep.equal(["paths.example/api is another app's"])
    await store.apps.update(root.id, { domains: [domain('paths.example')] })
    for (const round of rounds) {
      const mine = [pathOf(root.id, `/r${String(round)}`)]
      const asked = apps.map(({ id }, at) => (at === 0 ? store : other).apps.update(id, { paths: mine }))
      const outcomes = await Promise.allSettled(asked)
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).to.have.length(1)
      for (const { id } of apps) await store.apps.update(id, { paths: [] })
    }
    const [one, two] = apps.map(({ id }) => id)
    await store.apps.update(one ?? '', { paths })
    expect(await refusals([store.apps.update(two ?? '', { paths })])).to.deep.equal([
      "paths.example/api is another app's",
    ])
    await rig.other.routes.change(one ?? '', async () => {
      const now = await store.apps.find(one ?? '')
      return now && { ...namesOf(now, (name) => rig.config.appHost(name)), targets: [target] }
    })
    expect((await store.routes.get(one ?? ''))?.paths).to.deep.equal([
      ...[{ host: 'paths.example', path: '/api', root: root.id }],
    ])
    await store.apps.update(root.id, { domains: [] })
    const heir = await store.apps.create('heir')
    await store.apps.update(heir.id, { domains: [domain('paths.example')] })
    expect(await refusals([store.apps.update(two ?? '', { paths: [pathOf(root.id, '/new')] })])).to.deep.equal([
      "paths.example/new is another app's",
    ])
    await store.apps.update(two ?? '', { paths: [pathOf(heir.id)] })
    await store.apps.update(one ?? '', { domains: [domain('more.example')] })
    expect((await store.apps.find(one ?? ''))?.paths, 'what leads nowhere is in the way of nobody').to.have.length(1)
    for (const { id } of [...apps, heir]) await store.apps.remove(id)
    expect((await store.redis.hkeys('routes:hosts')).filter((claim) => claim.includes('paths.example'))).to.deep.equal(
      [],
    )
    expect(await owner('paths.example')).to.equal(null)
  })

  it('have paths of one spelling', () => {
    const said = (text: string): string => {
      try {
        return checkPath(text)
      } catch (error) {
        return (error as Error).message.replace(/^".*?" /s, '')
      }
    }
    expect(['/api', '/docs/v2.1/', '/~me/a-b_c'].map(said)).to.deep.equal(['/api', '/docs/v2.1', '/~me/a-b_c'])
    expect(['', '/'].map(said)).to.deep.equal(Array(2).fill('is the whole hostname: add that without a path'))
    const spelling = 'is no path that a request can have in one spelling only'
    for (const text of [
      'api',
      '//api',
      '/a//b',
      '/a b',
      '/%61pi',
      '/ä',
      '/a;b',
      '/a?b',
      '/a\\b',
      '/a//',
      '/a\n',
      '/a*',
    ])
      expect(said(text), text).to.equal(spelling)
    expect(['/..', '/a/./b', '/../api'].map(said)).to.deep.equal(Array(3).fill('leads elsewhere by its dots'))
    expect(said(`/${'x'.repeat(200)}`)).to.equal('is longer than 200 characters')
  })

  it('are told to the router once, and an app that others are about to take over from stays as it was', async () => {
    const { store } = rig
    const { id } = await store.apps.create('told')
    const before = await store.routes.get(id)
    await store.apps.update(id, { domains: [domain('told.example.org')] })
    const after = await store.routes.get(id)
    expect(after?.version).to.equal((before?.version ?? 0) + 1)
    await store.apps.update(id, { domains: [domain('told.example.org')] })
    expect((await store.routes.get(id))?.version, 'nothing is new').to.equal(after?.version)
  })

  it('are no names that are not to be had', () => {
    const said = (text: string, below = 'example.org'): string => {
      try {
        return checkDomain(text, below)
      } catch (error) {
        return (error as Error).message
      }
    }
    expect(said('Shop.Example.net')).to.equal('shop.example.net')
    expect(said('example.org'), 'nobody is named so').to.equal('example.org')
    expect(said('a.b.example.org')).to.equal('a.b.example.org')
    expect(said('notexample.org')).to.equal('notexample.org')
    expect(said('berth.example.org')).to.equal("berth.example.org is Berth's own hostname")
    expect(said('blog.example.org')).to.match(/^blog.example.org is below example.org, where each app/)
    expect(said('*.example.org')).to.match(/^\*.example.org is below example.org, where each app/)
    expect(said('10.0.0.1')).to.equal('"10.0.0.1" is an IP address')
  })
})
