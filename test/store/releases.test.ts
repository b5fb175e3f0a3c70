import { expect } from 'chai'
import { defaultEntry, firstRelease } from '../../src/store/releases.js'
import { refusals, rounds, storeRig, type StoreRig } from './rig.js'

describe('the record of releases', function () {
  this.timeout(20_000)
  let rig: StoreRig
  before(async () => {
    rig = await storeRig()
  })
  after(() => rig[Symbol.asyncDispose]())

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

  it('is newest first by number, not by how numbers are written', async () => {
    const { store } = rig
    for (const version of [2, 10, 9, 1, 100]) await store.releases.put({ ...firstRelease('sorted'), version })
    const versions = (await store.releases.list('sorted')).map(({ version }) => version)
    expect(versions).to.deep.equal([100, 10, 9, 2, 1])
    expect(await store.releases.nextVersion('sorted')).to.equal(101)
    expect([await store.releases.nextVersion('none'), await store.releases.count('none')]).to.deep.equal([1, 0])
    await store.releases.remove('sorted', [])
    await store.releases.remove('sorted', [1, 2, 77])
    expect(await store.releases.count('sorted')).to.equal(3)
  })

  it('loses no change of a field to one of another', async () => {
    const { store, other } = rig
    await store.releases.put(firstRelease('fields'))
    for (const round of rounds.slice(30))
      await Promise.all([
        store.releases.update('fields', 1, { failure: String(round) }),
        other.releases.update('fields', 1, { image: `sha256:${round}` }),
        store.releases.update('fields', 1, { commit: `c${round}` }),
      ])
    expect(await other.releases.get('fields', 1)).to.include({ failure: '49', image: 'sha256:49', commit: 'c49' })
  })

  it('names no release that never was', async () => {
    const { store } = rig
    const { id } = await store.apps.create('never')
    const odd = [0, -1, NaN, 1.5, 2 ** 53]
    const told = await refusals(odd.map((version) => store.releases.get(id, version)))
    expect(told.slice(0, 3)).to.deep.equal(['no release v0', 'no release v-1', 'no release vNaN'])
    expect(told.every((words) => words !== null)).to.equal(true)
    expect(await refusals([store.releases.update(id, 7, { status: 'failed' })])).to.deep.equal(['no release v7'])
    expect(await store.releases.count(id)).to.equal(1)
  })

  it('has a current one as long as its app is there', async () => {
    const { store, other } = rig
    const app = await store.apps.create('current')
    expect((await other.releases.current(app)).version).to.equal(1)
    await store.apps.remove(app.id)
    expect(await refusals([other.releases.current(app)])).to.deep.equal(['no app named "current"'])
  })

  it('runs one web process unless somebody says otherwise, and none of any other type', () =>
    expect(['web', 'worker', 'constructor'].map((type) => defaultEntry(type).quantity)).to.deep.equal([1, 0, 0]))
})
