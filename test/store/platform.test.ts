import { expect } from 'chai'
import { platformChanges } from '../../src/store/platform.js'
import { storeRig, type StoreRig } from './rig.js'

describe("choices about Berth's own hostname", () => {
  let rig: StoreRig
  before(async () => (rig = await storeRig()))
  after(() => rig[Symbol.asyncDispose]())

  it('are none at first, change one by one, and are told of', async () => {
    const { platform, notifications } = rig.store
    expect(await platform.choices()).to.deep.equal({ https: false, autoCerts: false })
    const told = new Promise<void>((resolve) => void notifications.subscribe(platformChanges, () => resolve()))
    await notifications.subscribe(platformChanges, () => undefined)
    const [one, other] = await Promise.all([
      platform.choose({ https: true }),
      rig.other.platform.choose({ autoCerts: true }),
    ])
    await told
    expect([one.https, other.autoCerts]).to.deep.equal([true, true])
    expect(await platform.choices()).to.deep.equal({ https: true, autoCerts: true })
    expect(await platform.choose({ autoCerts: false })).to.deep.equal({ https: true, autoCerts: false })
    await notifications.close()
  })
})
