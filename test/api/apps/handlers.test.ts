import { expect } from 'chai'
import { contract } from '../../../src/api/contract.js'
import { is } from '../../../src/errors.js'
import { expectFault, settle } from '../asked.js'
import { openRig, type Rig } from '../rig.js'

describe('apps through the API', function () {
  this.timeout(10_000)
  let rig: Rig
  before(async () => {
    rig = await openRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  it('are created with a first release, listed and described', async () => {
    const made = contract.apps.create.reply.parse(await rig.client.apps.create({ name: 'listed' }))
    expect(made).to.include({ url: rig.config.appUrl({ name: 'listed' }), gitUrl: `${rig.url}/listed.git`, release: 1 })
    const all = contract.apps.list.reply.parse(await rig.client.apps.list({}))
    expect(all.map(({ name }) => name)).to.include('listed')
    const info = contract.apps.info.reply.parse(await rig.client.apps.info({ app: 'listed' }))
    expect(info.description).to.equal('Initial release')
    expect(contract.releases.list.reply.parse(await rig.client.releases.list({ app: 'listed' }))).to.have.length(1)
  })

  it('get a random name when none is given', async () => {
    const { name } = await rig.client.apps.create({})
    expect(name).to.match(/^[a-z]+-[a-z]+-\d{4}$/)
  })

  it('are refused bad, reserved and taken names, and nothing is half-made', async () => {
    await rig.client.apps.create({ name: 'taken' })
    const before = await rig.client.apps.list({})
    for (const name of ['', 'Upper', '..', 'a'.repeat(64), 'berth', 'api', 'a_b', '-a', 'a-', '1a', 'a b', 'ü'])
      await expectFault(rig.client.apps.create({ name }), 'invalid', /name/)
    await expectFault(rig.client.apps.create({ name: 'taken' }), 'conflict', /is taken/)
    expect(await rig.client.apps.list({})).to.deep.equal(before)
  })

  it('that are not there are 404 everywhere', async () => {
    const { apps, config, formation, processes, releases, builds } = rig.client
    const app = 'nowhere'
    for (const call of [
      apps.info({ app }),
      apps.destroy({ app, confirm: app }),
      config.get({ app }),
      config.change({ app, set: { A: 'b' } }),
      formation.scale({ app, formation: { web: { quantity: 2 } } }),
      processes.logs({ app }),
      processes.restart({ app }),
      releases.rollback({ app }),
      builds.list({ app }),
    ])
      await expectFault(call, 'missing', /no app named "nowhere"/)
  })

  it('are renamed, and their new name is known at once', async () => {
    await rig.client.apps.create({ name: 'before' })
    const { app, operation } = contract.apps.update.reply.parse(
      await rig.client.apps.update({ app: 'before', name: 'after' }),
    )
    expect(app.name).to.equal('after')
    expect((await settle(rig, operation?.id ?? '')).status).to.equal('succeeded')
    await expectFault(rig.client.apps.info({ app: 'before' }), 'missing', /before/)
    await expectFault(rig.client.apps.update({ app: 'after', name: 'Bad' }), 'invalid', /Bad/)
  })

  it('choose their branch', async () => {
    await rig.client.apps.create({ name: 'branched' })
    const { app } = await rig.client.apps.update({ app: 'branched', deployBranch: 'release/2.0' })
    expect(app.deployBranch).to.equal('release/2.0')
    for (const bad of ['', '-x', 'a..b', 'a b', 'a/', '.a', 'a.lock', 'a~1', 'a\nb'])
      await expectFault(rig.client.apps.update({ app: 'branched', deployBranch: bad }), 'invalid', /branch/)
  })

  it('are destroyed when their name is repeated, and only then', async () => {
    await rig.client.apps.create({ name: 'doomed' })
    await expectFault(rig.client.apps.destroy({ app: 'doomed', confirm: 'Doomed' }), 'invalid', /not the name/)
    const operation = await rig.client.apps.destroy({ app: 'doomed', confirm: 'doomed' })
    const end = await settle(rig, operation.id).catch((error: unknown) => error)
    // it may be gone before we ask; then it was destroyed
    expect(is(end, 'missing') || (end as { status: string }).status === 'succeeded').to.equal(true)
    await expectFault(rig.client.apps.info({ app: 'doomed' }), 'missing', /doomed/)
    await rig.client.apps.create({ name: 'doomed' })
  })
})
