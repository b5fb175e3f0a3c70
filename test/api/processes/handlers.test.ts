import { expect } from 'chai'
import { contract } from '../../../src/api/contract.js'
import { expectFault, settle } from '../asked.js'
import { openRig, type Rig } from '../rig.js'

describe('processes through the API', function () {
  this.timeout(10_000)
  let rig: Rig
  before(async () => {
    rig = await openRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  it('are restarted where there are any, and nothing else is', async () => {
    await rig.pushed('restarted')
    const { id } = await rig.client.processes.restart({ app: 'restarted', process: 'web.1' })
    expect((await settle(rig, id)).status).to.equal('succeeded')
    for (const process of ['web.2', 'web.0', 'web.01', 'worker.1', 'nothing', 'release.1'])
      await expectFault(rig.client.processes.restart({ app: 'restarted', process }), 'missing', /no process/)
    await expectFault(
      rig.client.processes.restart({ app: 'restarted', process: '../x' }),
      'invalid',
      /^process: a process is named web.1/,
    )
  })

  it('are listed where they should run', async () => {
    await rig.pushed('listing')
    const all = contract.processes.list.reply.parse(await rig.client.processes.list({ app: 'listing' }))
    expect(all.map(({ name, state }) => `${name} ${state}`)).to.deep.equal(['web.1 down'])
  })

  it('of other names than those of the app have no log', async () => {
    await rig.pushed('logged')
    const logs = (process: string) => rig.client.processes.logs({ app: 'logged', process })
    for (const process of ['wbe', 'web.0', 'web.01', 'constructor', 'run', 'run.1'])
      await expectFault(logs(process), 'missing', /^logged has no process "/)
    for (const process of ['web.1.2', 'web.', '.1', 'web 1', 'a'.repeat(64), 'web.1234567890'])
      await expectFault(logs(process), 'invalid', /^process: a process is named web\.1/)
    for (const process of ['web', 'web.7', 'worker', 'release'])
      expect((await (await logs(process)).next()).value, process).to.deep.equal({ lines: 0 })
    const { id } = await rig.store.apps.create('unpushed')
    await expectFault(rig.client.processes.logs({ app: 'unpushed', process: 'web' }), 'missing', /no process "web"/)
    await rig.store.apps.remove(id)
  })

  it('are built again from a repository that gives their commit, and from no other', async () => {
    await rig.pushed('rebuilt')
    await rig.client.apps.create({ name: 'never' })
    await expectFault(rig.client.processes.rebuild({ app: 'never' }), 'conflict', /nothing to build again/)
    await expectFault(rig.client.processes.rebuild({ app: 'rebuilt' }), 'missing', /does not give commit 1a2b3c4/)
    expect(await rig.client.builds.list({ app: 'rebuilt' })).to.deep.equal([])
  })

  it('that wrote nothing have a log that ends at once, with a verdict', async () => {
    await rig.pushed('silent')
    const lines = await rig.client.processes.logs({ app: 'silent' })
    expect(await lines.next()).to.deep.equal({ done: true, value: { lines: 0 } })
  })
})
