import { expect } from 'chai'
import { storeRig } from './rig.js'

describe('who pushes', () => {
  it('is known in whichever process is asked, for a day, and of a push that nobody noted it is not', async () => {
    await using rig = await storeRig()
    const { store, other } = rig
    await store.pushers.put('12-345', { token: 'abc', name: 'ada' })
    expect(await other.pushers.get('12-345')).to.deep.equal({ token: 'abc', name: 'ada' })
    expect(await other.pushers.get('12-346')).to.equal(null)
    expect(await store.redis.ttl('pusher:12-345')).to.be.within(1, 86_400)
    await other.pushers.put('12-345', { token: 'def', name: 'bob' })
    expect((await store.pushers.get('12-345'))?.name).to.equal('bob')
  })
})
