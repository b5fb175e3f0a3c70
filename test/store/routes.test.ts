import { expect } from 'chai'
import type { Route } from '../../src/store/routes.js'
import { refusals, rounds, storeRig, target, type StoreRig } from './rig.js'

describe('the route table', function () {
  this.timeout(20_000)
  let rig: StoreRig
  before(async () => {
    rig = await storeRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  it('never bring back the route of an app that was removed, nor an older version', async () => {
    const { store } = rig
    for (const round of rounds) {
      const { id } = await store.apps.create(`gone-${String(round)}`)
      const versions = await Promise.all([rig.lead(id, [target]), rig.lead(id, []), rig.lead(id, [target])])
      expect(new Set(versions).size).to.equal(3)
      expect((await store.routes.get(id))?.version).to.equal(Math.max(...versions))
      await store.routes.remove(id)
      expect(await rig.lead(id, [])).to.be.greaterThan(Math.max(...versions) + 1)
      await Promise.all([store.apps.remove(id), rig.lead(id, [target]), rig.lead(id, [])])
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
    expect((await store.routes.get(id))?.hosts).to.deep.equal([config.appHost('elder')])
    expect((await store.routes.get(younger))?.hosts).to.deep.equal([config.appHost('younger')])
  })

  it('are written over where an older one is no record', async () => {
    const { store } = rig
    const { id } = await store.apps.create('garbled')
    await store.redis.hset('routes', id, '{"app":')
    await rig.lead(id, [target])
    const route = (await store.routes.get(id)) satisfies Route | null
    expect(route?.targets).to.deep.equal([target])
  })

  it('is written once for each change, and told of it', async () => {
    const { store } = rig
    const { id } = await store.apps.create('told')
    const heard: string[] = []
    const seven = Promise.withResolvers<unknown>()
    await store.notifications.subscribe('routes', (app) => {
      if (app === id && heard.push(app) === 7) seven.resolve(null)
    })
    expect(await store.routes.change(id, () => Promise.resolve(null))).to.equal(1)
    const versions = await Promise.all(Array.from({ length: 6 }, () => rig.lead(id, [target])))
    expect(versions.sort()).to.deep.equal([2, 3, 4, 5, 6, 7])
    await store.routes.remove(id)
    await seven.promise
    await store.notifications.close()
    expect(await store.routes.change(id, () => Promise.resolve(null))).to.equal(0)
  })

  it('says which processes a router that leaves still holds, and for how long its word counts', async () => {
    const { store, other } = rig
    const held = (version: number, target: string) => other.routes.isHeld({ app: 'a', version }, target)
    expect(await held(2, 'c1')).to.equal(false)
    await store.routes.leaving('r1', [{ app: 'a', version: 2, busy: ['c1'] }])
    await store.routes.leaving('r2', [{ app: 'b', version: 9, busy: ['c9'] }])
    expect([await held(2, 'c1'), await held(2, 'c2'), await held(1, 'c2')]).to.deep.equal([true, false, false])
    expect(await held(3, 'c2'), 'it may not have heard of version 3').to.equal(true)
    await store.routes.left('r1')
    expect(await held(3, 'c1')).to.equal(false)

    const apps = { a: { version: 1, busy: ['c1'] } }
    await store.redis.hset('routes:leaving', 'dead', JSON.stringify({ until: Date.now() - 1, apps }))
    expect(await held(2, 'c1'), 'it said nothing more: it has ended').to.equal(false)
    expect(await store.redis.hkeys('routes:leaving')).to.deep.equal(['r2'])
  })

  it('keeps the last word of the router, and passes it on', async () => {
    const { store, other } = rig
    const heard = Promise.withResolvers<string>()
    await store.notifications.subscribe('routes:applied', heard.resolve)
    const applied = { app: 'a', version: 3, busy: ['c1'] }
    expect(await store.routes.lastApplied('a')).to.equal(null)
    await other.routes.applied(applied)
    expect(JSON.parse(await heard.promise)).to.deep.equal(applied)
    expect(await store.routes.lastApplied('a')).to.deep.equal(applied)
    await store.notifications.close()
  })
})
