import { expect } from 'chai'
import type { Canary, CanaryCounts } from '../../src/store/canaries.js'
import { rounds, storeRig, target, type StoreRig } from './rig.js'

const canary = (since: string): Canary => ({ release: 2, since, percent: 10 })
const one: CanaryCounts = { stable: { requests: 9, errors: 0 }, canary: { requests: 1, errors: 1 } }
const none: CanaryCounts = { stable: { requests: 0, errors: 0 }, canary: { requests: 0, errors: 0 } }

describe('canaries in the store', function () {
  this.timeout(20_000)
  let rig: StoreRig
  before(async () => (rig = await storeRig()))
  after(() => rig[Symbol.asyncDispose]())

  it('lead and end in the step that says so, with the processes that only they lead to', async () => {
    const { store } = rig
    const { id } = await store.apps.create('blog')
    await store.apps.update(id, { canary: { ...canary('a'), processes: 2 } })
    expect((await store.routes.get(id))?.canary).to.deep.equal({ since: 'a', percent: 10 })
    const fresh = { ...target, id: 'c2', process: 'web.c1', canary: true as const }
    await store.routes.change(id, (before) => Promise.resolve(before && { ...before, targets: [target, fresh] }))
    await store.apps.update(id, { canary: { ...canary('a'), percent: 50 } })
    expect(await store.routes.get(id)).to.deep.include({
      targets: [target, fresh],
      canary: { since: 'a', percent: 50 },
    })
    await store.apps.update(id, { canary: undefined })
    const after = await store.routes.get(id)
    expect(after?.targets).to.deep.equal([target])
    expect(after).not.to.have.property('canary')
    expect(await store.apps.find(id)).not.to.have.property('canary')
  })

  it('count every request of theirs, whoever tells it, and none of another', async () => {
    const { store, other } = rig
    const { id } = await store.apps.create('shop')
    await store.canaries.count(id, 'a', one)
    expect(await store.canaries.counts(id, 'a')).to.deep.equal(none)
    await store.apps.update(id, { canary: canary('a') })
    await Promise.all(rounds.map((at) => (at % 2 === 0 ? store : other).canaries.count(id, 'a', one)))
    const all = { stable: { requests: 450, errors: 0 }, canary: { requests: 50, errors: 50 } }
    expect(await other.canaries.counts(id, 'a')).to.deep.equal(all)
    await store.apps.update(id, { canary: canary('b') })
    await store.canaries.count(id, 'a', one)
    expect(await store.canaries.counts(id, 'b')).to.deep.equal(none)
    await store.canaries.count(id, 'b', one)
    expect(await store.canaries.counts(id, 'b')).to.deep.equal(one)
  })

  it('leave nothing when their app goes', async () => {
    const { store } = rig
    const { id } = await store.apps.create('gone')
    await store.apps.update(id, { canary: canary('a') })
    await store.canaries.count(id, 'a', one)
    await store.apps.remove(id)
    await store.canaries.count(id, 'a', one)
    expect(await store.redis.exists(`canary:${id}`)).to.equal(0)
  })
})
