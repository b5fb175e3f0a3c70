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

  it('are not needed to know who pushes, in whichever process', async () => {
    const { store, other } = rig
    await store.pushers.put('12-345', { token: 'abc', name: 'ada' })
    expect(await other.pushers.get('12-345')).to.deep.equal({ token: 'abc', name: 'ada' })
    expect(await other.pushers.get('12-346')).to.equal(null)
    expect(await store.redis.ttl('pusher:12-345')).to.be.within(1, 86_400)
  })
})
