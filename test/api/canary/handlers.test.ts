import { expect } from 'chai'
import { expectFault, settle } from '../asked.js'
import { openRig, type Rig } from '../rig.js'

describe('a canary through the API', function () {
  this.timeout(10_000)
  let rig: Rig
  before(async () => {
    rig = await openRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  /** An app whose v3 runs, and whose v2 is there to be tried. */
  const prepared = async (name: string): Promise<string> => {
    const { id } = await rig.pushed(name)
    await settle(rig, (await rig.client.config.change({ app: name, set: { A: '1' } })).id)
    expect((await rig.store.apps.find(id))?.current).to.equal(3)
    return id
  }

  it('is refused in words where it makes no sense', async () => {
    const app = 'refusing'
    await prepared(app)
    const { start } = rig.client.canary
    await expectFault(start({ app, version: 99, percent: 10 }), 'missing', /v99/)
    await expectFault(start({ app, version: 3, percent: 10 }), 'conflict', /v3 is what refusing runs already/)
    await expectFault(start({ app, version: 2 }), 'invalid', /nothing says which requests/)
    for (const percent of [0, 100, 101, 1.5])
      await expectFault(start({ app, version: 2, percent }), 'invalid', /^percent/)
    for (const header of [
      { name: 'host', value: 'x' },
      { name: 'x-beta', value: 'a\r\nb: c' },
      { name: 'X-Beta', value: '1' },
    ])
      await expectFault(start({ app, version: 2, header }), 'invalid', /no header that requests may be told by/)
    await expectFault(rig.client.canary.promote({ app }), 'missing', /has no canary/)
    await expectFault(rig.client.canary.off({ app }), 'missing', /has no canary/)
    expect(await rig.client.canary.get({ app })).to.deep.equal({ canary: null })
  })
})
