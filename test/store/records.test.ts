import { expect } from 'chai'
import type { Route, Target } from '../../src/store/routes.js'
import { firstRelease } from '../../src/store/releases.js'
import { refusals, storeRig, type StoreRig } from './rig.js'

const rounds = Array.from({ length: 50 }, (_, index) => index)
const target: Target = { id: 'c1', process: 'web.1', host: '10.0.0.1', port: 5000 }

describe('records that two processes change at once', function () {
  this.timeout(20_000)
  let rig: StoreRig
  before(async () => {
    rig = await storeRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  /** A route without processes, for the name the app has. */
  const lead = (app: string, targets: Target[]) =>
    rig.other.routes.change(app, async () => {
      const now = await rig.other.apps.find(app)
      return now && { name: now.name, hosts: [rig.config.appHost(now.name)], targets }
    })

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
        lead(id, [target]),
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

  it('never bring back the route of an app that was removed, nor an older version', async () => {
    const { store } = rig
    for (const round of rounds) {
      const { id } = await store.apps.create(`gone-${String(round)}`)
      const versions = await Promise.all([lead(id, [target]), lead(id, []), lead(id, [target])])
      expect(new Set(versions).size).to.equal(3)
      expect((await store.routes.get(id))?.version).to.equal(Math.max(...versions))
      await store.routes.remove(id)
      expect(await lead(id, [])).to.be.greaterThan(Math.max(...versions) + 1)
      await Promise.all([store.apps.remove(id), lead(id, [target]), lead(id, [])])
      expect(await store.routes.get(id)).to.equal(null)
    }
    expect(await store.redis.hlen('routes:version')).to.equal((await store.apps.list()).length)
  })

  it('take the hostnames of a Berth that claimed none yet as they are', async () => {
    const { store, config } = rig
    const { id } = await store.apps.create('elder')
    await store.redis.del('routes:hosts')
    const { id: younger } = await store.apps.create('younger')
    const steal = store.routes.change(younger, () =>
      Promise.resolve({ name: 'younger', hosts: [config.appHost('younger'), config.appHost('elder')], targets: [] }),
    )
    expect(await refusals([steal])).to.deep.equal([`the hostname ${config.appHost('elder')} is another app's`])
    expect((await hosts()).get(config.appHost('elder'))).to.equal(id)
  })

  it('end a deploy once: what is over stays as it ended', async () => {
    const { store, other } = rig
    const { id: app } = await store.apps.create('ends')
    for (const round of rounds) {
      const { id } = await store.operations.create(app, { kind: 'push', commit: String(round), branch: 'main' })
      const ends = await Promise.all([
        store.operations.update(id, { status: 'succeeded', release: round }),
        other.operations.update(id, { status: 'failed', failure: 'no' }),
        store.operations.update(id, { status: 'building' }),
      ])
      const end = await store.operations.get(id)
      expect(end.status).to.be.oneOf(['succeeded', 'failed'])
      expect(ends.filter(({ status }) => status === end.status)).to.not.have.length(0)
      expect(end.failure).to.equal(end.status === 'failed' ? 'no' : null)
    }
    expect(await store.operations.pending(app)).to.deep.equal([])
  })

  it('record no deploy of an app that is gone, and one of an id once', async () => {
    const { store, other } = rig
    const { id: app } = await store.apps.create('fleeting')
    const change = { kind: 'restart', process: null } as const
    await Promise.all([store.operations.create(app, change, 'same'), other.operations.create(app, change, 'same')])
    expect(await store.operations.pending(app)).to.have.length(1)
    await store.apps.remove(app)
    expect(await refusals([store.operations.create(app, change)])).to.deep.equal(['the app is not there any more'])
    expect(await store.redis.exists('deploys:' + app, 'pending:' + app, 'releases:' + app)).to.equal(0)
  })

  it('remember the last hundred deploys of an app, pending ones apart', async () => {
    const { store } = rig
    const { id: app } = await store.apps.create('old')
    const waiting = await store.operations.create(app, { kind: 'restart', process: null })
    for (let n = 0; n < 5; n += 1) {
      const { id } = await store.operations.create(app, { kind: 'config', set: { BIG: 'x' }, unset: [] })
      await store.operations.update(id, { status: 'succeeded' })
    }
    expect(await store.operations.trim(app, 3)).to.deep.equal([])
    await store.operations.update(waiting.id, { status: 'succeeded' })
    expect(await store.operations.trim(app, 3))
      .to.have.length(3)
      .and.to.include(waiting.id)
    expect((await store.operations.list(app)).map(({ change }) => change)).to.deep.equal(
      Array(3).fill({ kind: 'config', set: { BIG: '' }, unset: [] }),
    )
  })

  it('change fields of a release, and say of one that is kept no more that it was', async () => {
    const { store, other } = rig
    const { id: app } = await store.apps.create('kept')
    for (let version = 2; version < 5; version += 1) await store.releases.put({ ...firstRelease(app), version })
    await Promise.all([
      store.releases.update(app, 4, { status: 'failed', failure: 'no' }),
      other.releases.update(app, 4, { image: 'sha256:1' }),
    ])
    expect(await store.releases.get(app, 4)).to.include({ status: 'failed', failure: 'no', image: 'sha256:1' })
    await store.releases.remove(app, [2])
    const told = await refusals([store.releases.get(app, 2), store.releases.get(app, 9)])
    expect(told).to.deep.equal(['v2 is kept no more: of each app, the last 100 releases are', 'no release v9'])
  })

  it('are written over where an older one is no record', async () => {
    const { store } = rig
    const { id } = await store.apps.create('garbled')
    await store.redis.hset('routes', id, '{"app":')
    await lead(id, [target])
    const route = (await store.routes.get(id)) satisfies Route | null
    expect(route?.targets).to.deep.equal([target])
  })
})
