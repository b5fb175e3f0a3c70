import { expect } from 'chai'
import { whenRouted } from '../../src/api/routed.js'
import { storeRig, type StoreRig } from '../store/rig.js'

describe('an answer that waits for the router', function () {
  this.timeout(20_000)
  let rig: StoreRig
  before(async () => (rig = await storeRig()))
  after(() => rig[Symbol.asyncDispose]())

  /** Whoever asks Redis for something meanwhile has had time for it. */
  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < 50; turn += 1) await rig.store.redis.ping()
  }

  it('comes at once where there is none, or no route', async () => {
    const { store } = rig
    const { id } = await store.apps.create('alone')
    await whenRouted(store, id)
    await whenRouted(store, 'nobody')
  })

  it('comes when that version is applied, and no earlier one will do', async () => {
    const { store } = rig
    const { id } = await store.apps.create('led')
    const version = (await store.routes.get(id))?.version ?? 0
    const seen: string[] = []
    // a router, as far as the store can tell
    const leave = await store.notifications.subscribe('routes', () => undefined)
    const told = Promise.withResolvers<null>()
    const off = await store.notifications.subscribe('routes:applied', () => told.resolve(null))
    const answered = whenRouted(store, id).then(() => seen.push('answered'))
    await turns()
    await store.routes.applied({ app: id, version: version - 1, busy: [] })
    await told.promise
    await turns()
    seen.push('applied')
    await store.routes.applied({ app: id, version, busy: [] })
    await answered
    off()
    expect(seen).to.deep.equal(['applied', 'answered'])
    leave()
  })

  it('comes in the end where a router says nothing', async () => {
    const { store } = rig
    const { id } = await store.apps.create('silent')
    const leave = await store.notifications.subscribe('routes', () => undefined)
    const began = performance.now()
    await whenRouted(store, id)
    expect(performance.now() - began).to.be.within(1_500, 6_000)
    leave()
  })
})
