import { expect } from 'chai'
import { refusals, rounds, storeRig, target, type StoreRig } from './rig.js'

describe('the record of apps', function () {
  this.timeout(20_000)
  let rig: StoreRig
  before(async () => {
    rig = await storeRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  const hosts = async (): Promise<Map<string, string>> => {
    const all = (await rig.store.routes.list()).flatMap(({ app, hosts }) => hosts.map((host) => [host, app] as const))
    const map = new Map(all)
    expect(map.size, 'a hostname has one owner').to.equal(all.length)
    return map
  }

  it('keep a new branch, a new name and a new release, whichever comes first', async () => {
    const { store, other } = rig
    const { id } = await store.apps.create('busy')
    for (const round of rounds) {
      const name = `busy-${String(round)}`
      await Promise.all([
        other.apps.update(id, { current: round + 2 }),
        store.apps.update(id, { deployBranch: name }),
        store.apps.rename(id, name),
      ])
      expect(await store.apps.get(name)).to.include({ current: round + 2, deployBranch: name, name })
    }
  })

  it('give a hostname to one app only, and every app a route, while names change hands', async () => {
    const { store, other, config } = rig
    const { id } = await store.apps.create('mine-0')
    for (const round of rounds) {
      const [mine, next] = [`mine-${String(round)}`, `mine-${String(round + 1)}`]
      const [, , second] = await Promise.all([
        store.apps.rename(id, next),
        rig.lead(id, [target]),
        other.apps.create(mine).catch(() => null), // until the name is free it is taken
      ])
      const owners = await hosts()
      expect(owners.get(config.appHost(next))).to.equal(id)
      expect(owners.get(config.appHost(mine))).to.equal(second?.id)
    }
    expect((await store.routes.list()).length).to.equal((await store.apps.list()).length)
  })

  it('make one app of a name, and leave nothing of the others', async () => {
    const { store, other } = rig
    for (const round of rounds) {
      const name = `race-${String(round)}`
      const told = await refusals([store, other, store, other].map((each) => each.apps.create(name)))
      expect(told.filter((message) => message === null)).to.have.length(1)
      expect(told.find((message) => message !== null)).to.equal(`the name "${name}" is taken`)
    }
    const apps = await store.apps.list()
    expect(await store.redis.hlen('apps:names')).to.equal(apps.length)
    expect((await store.routes.list()).map(({ app }) => app).sort()).to.deep.equal(apps.map(({ id }) => id).sort())
  })

  it('is whole from the first step to the last', async () => {
    const { store, other, config } = rig
    const { id } = await store.apps.create('whole')
    const { id: neighbour } = await store.apps.create('neighbour')
    expect(await other.routes.get(id)).to.deep.equal({
      ...{ app: id, name: 'whole', hosts: [config.appHost('whole')], targets: [], away: 'not-pushed', version: 1 },
    })
    expect((await other.releases.current(await other.apps.get('whole'))).description).to.equal('Initial release')
    await store.operations.create(id, { kind: 'rename' })
    await Promise.all([store.apps.remove(id), other.apps.remove(id)])
    await store.apps.remove(id)
    expect(await other.apps.find(id)).to.equal(null)
    for (const key of await store.redis.keys('*')) {
      const type = await store.redis.type(key)
      const held = type === 'hash' ? await store.redis.hgetall(key) : [key]
      expect(JSON.stringify(held), key).to.not.include(id)
    }
    expect((await store.apps.create('whole')).id).to.not.equal(id)
    expect((await store.apps.get('neighbour')).id).to.equal(neighbour)
  })

  it('holds names that are hostnames and nothing else', async () => {
    const { store } = rig
    const before = await store.apps.list()
    const bad = ['', 'A', '-a', 'a-', '1a', 'a.b', 'a_b', 'a b', 'a\n', 'ü', 'a'.repeat(64), '*', '__proto__', '\0']
    const told = await refusals([...bad, 'berth', 'localhost'].map((name) => store.apps.create(name)))
    expect(told.filter((words) => !/is not an app name|is reserved/.test(words ?? ''))).to.deep.equal([])
    const { id } = await store.apps.create(`a${'b'.repeat(61)}c`)
    expect(await refusals([store.apps.rename(id, 'api'), store.apps.rename(id, 'x'.repeat(1_000_000))]))
      .to.include('the name "api" is reserved')
      .and.to.satisfy(([, words]: string[]) => (words?.length ?? 0) < 200)
    await store.apps.remove(id)
    expect(await store.apps.list()).to.deep.equal(before)
  })

  it('says of one that is not there that it is not', async () => {
    const { store } = rig
    const told = await refusals([
      ...[store.apps.get('nobody'), store.apps.get('constructor'), store.apps.get('x'.repeat(200))],
      ...[store.apps.update('0', { current: 2 }), store.apps.rename('0', 'somebody')],
    ])
    expect(told).to.deep.equal([
      ...['no app named "nobody"', 'no app named "constructor"', `no app named "${'x'.repeat(80)}"`],
      ...['no app named "0"', 'no app named "somebody"'],
    ])
    expect(await store.redis.hexists('apps:names', 'somebody')).to.equal(0)
  })

  it('keeps where an app leads, and why nowhere, when its name changes', async () => {
    const { store, config } = rig
    const { id } = await store.apps.create('empty')
    await store.apps.rename(id, 'empty-still')
    expect(await store.routes.get(id)).to.include({ name: 'empty-still', away: 'not-pushed' })
    await store.apps.update(id, { domains: [{ host: 'www.example.com', createdAt: '2026-11-30T12:00:00.000Z' }] })
    const before = [config.appHost('empty-still'), 'www.example.com']
    await store.routes.change(id, () => Promise.resolve({ name: 'empty-still', hosts: before, targets: [target] }))
    await store.apps.rename(id, 'leads')
    const hosts = [config.appHost('leads'), 'www.example.com']
    expect(await store.routes.get(id)).to.deep.equal({ app: id, name: 'leads', hosts, targets: [target], version: 5 })
  })
})
