import { expect } from 'chai'
import type { OnDemand } from '../../src/store/on-demand.js'
import { storeRig, type StoreRig } from './rig.js'

const settings = (app: string, allow: readonly string[] = ['shop.example.org']): OnDemand => ({
  ...{ app, allow, ask: null, asksPerMinute: 10, namesPerDay: 50, most: 1_000 },
})

describe('the record of certificates on demand', () => {
  let rig: StoreRig
  before(async () => {
    rig = await storeRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  it('is of one app: of many who want it at once one has it, and the others are told whose it is', async () => {
    const { store, other } = rig
    const apps = await Promise.all(Array.from({ length: 20 }, (_, at) => store.apps.create(`many-${at}`)))
    const outcomes = await Promise.all(
      apps.map(({ id }, at) => (at % 2 === 0 ? store : other).onDemand.put(settings(id))),
    )
    const [winner, ...more] = apps.filter((_, at) => outcomes[at] === null)
    expect(more).to.deep.equal([])
    expect(new Set(outcomes)).to.deep.equal(new Set([null, winner?.id]))
    expect((await other.onDemand.get())?.app).to.equal(winner?.id)
    const loser = apps.find((app) => app !== winner)?.id ?? ''
    expect(await store.onDemand.end(loser), 'it is another app that has it').to.equal(false)
    expect(await store.onDemand.put(settings(winner?.id ?? '', ['other.example.org'])), 'once more').to.equal(null)
    expect((await other.onDemand.get())?.allow).to.deep.equal(['other.example.org'])
    expect(await store.onDemand.end(winner?.id ?? '')).to.equal(true)
    expect([await store.onDemand.get(), await store.onDemand.put(settings(loser))]).to.deep.equal([null, null])
  })

  it('goes with its app, and with it what was noted and decided', async () => {
    const { store } = rig
    const before = await store.onDemand.get()
    if (before) await store.onDemand.end(before.app)
    const { id } = await store.apps.create('leaves')
    await store.onDemand.put(settings(id))
    expect(await store.onDemand.note(['a.example.org'])).to.equal(true)
    await store.onDemand.judge({ host: 'a.example.org', at: '', allowed: false, says: 'no' })
    await store.apps.remove(id)
    expect(await store.redis.keys('on-demand*')).to.deep.equal([])
    expect(await store.onDemand.note(['a.example.org']), 'nobody wants to know').to.equal(false)
    await store.onDemand.judge({ host: 'a.example.org', at: '', allowed: false, says: 'no' })
    expect(await store.redis.keys('on-demand*')).to.deep.equal([])
    expect(await store.onDemand.put(settings(id)), 'an app that is gone').to.equal('')
  })

  it('holds a thousand hostnames and twenty verdicts, whatever is noted', async () => {
    const { store, other } = rig
    const { id } = await store.apps.create('flooded')
    await store.onDemand.put(settings(id))
    for (let at = 0; at < 10; at += 1)
      await store.onDemand.note(Array.from({ length: 500 }, (_, index) => `n${at * 500 + index}.example.org`))
    for (let at = 0; at < 50; at += 1)
      await store.onDemand.judge({ host: `n${at}.example.org`, at: '', allowed: false, says: 'no' })
    const verdicts = await store.onDemand.verdicts()
    expect([verdicts.length, verdicts[0]?.host]).to.deep.equal([20, 'n49.example.org'])
    const [some, others] = await Promise.all([store.onDemand.take(), other.onDemand.take()])
    expect([new Set([...some, ...others]).size, some.length + others.length]).to.deep.equal([1_000, 1_000])
  })
})
