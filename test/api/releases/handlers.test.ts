import { expect } from 'chai'
import { contract } from '../../../src/api/contract.js'
import { expectFault, settle } from '../asked.js'
import { openRig, type Rig } from '../rig.js'

describe('releases through the API', function () {
  this.timeout(10_000)
  let rig: Rig
  before(async () => {
    rig = await openRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  it('are gone back to: the one before, or the one named', async () => {
    const app = 'rolling'
    await rig.pushed(app)
    await expectFault(rig.client.releases.rollback({ app }), 'conflict', /no earlier release/)
    await settle(rig, (await rig.client.config.change({ app, set: { A: '1' } })).id)
    const end = await settle(rig, (await rig.client.releases.rollback({ app })).id)
    expect(end, end.text).to.include({ status: 'succeeded', release: 4 })
    expect(await rig.client.config.get({ app })).to.deep.equal({})
    const current = contract.releases.info.reply.parse(await rig.client.releases.info({ app, version: 'current' }))
    expect(current).to.include({ version: 4, description: 'Rollback to v2', current: true })
    // a scale alone is nothing a rollback would undo: it goes past it
    await settle(rig, (await rig.client.formation.scale({ app, formation: { web: { quantity: 2 } } })).id)
    await settle(rig, (await rig.client.releases.rollback({ app })).id)
    expect(await rig.client.releases.info({ app, version: 'current' })).to.include({ description: 'Rollback to v3' })
    expect((await settle(rig, (await rig.client.releases.rollback({ app, version: 4 })).id)).text).to.match(
      /Brings back the code, .* of v4\n.*Does not bring back the scale/,
    )
    await expectFault(rig.client.releases.rollback({ app, version: 1 }), 'conflict', /no image/)
    await expectFault(rig.client.releases.rollback({ app, version: 7 }), 'conflict', /current/)
    await expectFault(rig.client.releases.rollback({ app, version: 99 }), 'missing', /v99/)
    await expectFault(rig.client.releases.info({ app, version: 'x' }), 'invalid', /^version: a version is v1/)
  })

  it('that fail say so in the verdict, with the log, and the old one stays', async () => {
    const app = 'sick'
    await rig.pushed(app)
    const healthy = rig.rollOut
    rig.rollOut = (_app, _release, { log }) => {
      log('web.1 says: cannot find module')
      return Promise.reject(new Error('web.1 crashed'))
    }
    try {
      const end = await settle(rig, (await rig.client.config.change({ app, set: { BAD: '1' } })).id)
      expect(end).to.include({ status: 'failed', failure: 'web.1 crashed' })
      expect(end.text).to.include('cannot find module')
    } finally {
      rig.rollOut = healthy
    }
    expect(await rig.client.config.get({ app })).to.deep.equal({})
    const [newest] = await rig.client.releases.list({ app })
    expect(newest).to.include({ version: 3, status: 'failed', current: false })
  })
})
