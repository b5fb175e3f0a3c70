import { expect } from 'chai'
import { operationChannel } from '../../src/store/operations.js'
import { storeRig, type StoreRig } from './rig.js'

describe('notifications', function () {
  this.timeout(10_000)
  let rig: StoreRig
  before(async () => {
    rig = await storeRig()
  })
  after(async () => {
    await rig.store.notifications.close()
    await rig[Symbol.asyncDispose]()
  })

  it('reach all who wait for a channel, until they do no more', async () => {
    const { store, other } = rig
    const heard: string[] = []
    const both = Promise.withResolvers<unknown>()
    const stop = await store.notifications.subscribe(operationChannel('1'), (what) => heard.push(`first ${what}`))
    await store.notifications.subscribe(operationChannel('1'), both.resolve)
    await other.operations.notify('1', 'log')
    expect(await both.promise).to.equal('log')
    expect(heard).to.deep.equal(['first log'])
    stop()
    const again = Promise.withResolvers<unknown>()
    await store.notifications.subscribe(operationChannel('1'), again.resolve)
    await other.operations.notify('1', 'succeeded')
    expect(await again.promise).to.equal('succeeded')
    expect(heard).to.deep.equal(['first log'])
  })

  it('come again for all channels when Redis is back, for some may have been missed', async () => {
    const { store } = rig
    const heard = Promise.withResolvers<string>()
    const stop = await store.notifications.subscribe('missed', heard.resolve)
    const victim = (await store.redis.call('client', 'list', 'type', 'pubsub')) as string
    const [, id = ''] = /^id=(\d+)/m.exec(victim) ?? []
    await store.redis.call('client', 'kill', 'id', id)
    expect(await heard.promise).to.equal('')
    stop()
  })

  it('reach one who stops waiting and another who begins in the same moment', async () => {
    const { store, other } = rig
    for (let round = 0; round < 20; round += 1) {
      const stop = await store.notifications.subscribe('handed', () => undefined)
      const heard = Promise.withResolvers<string>()
      const begun = store.notifications.subscribe('handed', heard.resolve)
      stop()
      const end = await begun
      await other.redis.publish('handed', String(round))
      expect(await heard.promise).to.equal(String(round))
      end()
    }
  })

  it('can be waited for again after the connection was closed', async () => {
    const { store, other } = rig
    await store.notifications.close()
    await store.notifications.close()
    const heard = Promise.withResolvers<string>()
    await store.notifications.subscribe('anew', heard.resolve)
    await other.redis.publish('anew', 'x')
    expect(await heard.promise).to.equal('x')
  })
})
