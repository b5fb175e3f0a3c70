import { expect } from 'chai'
import { contract } from '../../../src/api/contract.js'
import { expectFault, settle } from '../asked.js'
import { openRig, type Rig } from '../rig.js'

describe('formations through the API', function () {
  this.timeout(10_000)
  let rig: Rig
  before(async () => {
    rig = await openRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  it('are read and changed, one field of one type at a time', async () => {
    await rig.pushed('sized')
    const before = contract.formation.get.reply.parse(await rig.client.formation.get({ app: 'sized' }))
    expect(before).to.have.all.keys('web', 'worker')
    const operation = await rig.client.formation.scale({
      app: 'sized',
      formation: { worker: { quantity: 2, cpus: 0.5 } },
    })
    expect((await settle(rig, operation.id)).release).to.equal(3)
    expect((await rig.client.formation.get({ app: 'sized' })).worker).to.deep.equal({
      quantity: 2,
      memory: 2 ** 29,
      cpus: 0.5,
      command: 'node worker.js',
    })
  })

  it('name only what the release has, in sizes that can be', async () => {
    await rig.pushed('unscaled')
    const scale = (type: string, quantity: number, memory = 2 ** 29) =>
      rig.client.formation.scale({ app: 'unscaled', formation: { [type]: { quantity, memory } } })
    await expectFault(scale('wbe', 1), 'missing', /no process type "wbe"/)
    await expectFault(scale('release', 1), 'missing', /no process type "release"/)
    await expectFault(scale('web', -1), 'invalid', /^web=-1: not less than 0$/)
    await expectFault(scale('web', 1, 10), 'invalid', /^web: 10 bytes of memory: at least 16M$/)
    await rig.client.apps.create({ name: 'unpushed' })
    const before = (formation: Record<string, { quantity: number }>) =>
      rig.client.formation.scale({ app: 'unpushed', formation })
    await expectFault(before({ release: { quantity: 2 } }), 'missing', /no process type "release"/)
    await expectFault(before({ 'a b': { quantity: 2 } }), 'missing', /no process type "a b"/)
    expect(await rig.client.formation.get({ app: 'unpushed' })).to.deep.equal({})
  })

  it('set a scale before the first push, of types called anything a Procfile may', async () => {
    const app = 'early'
    await rig.client.apps.create({ name: app })
    await settle(rig, (await rig.client.formation.scale({ app, formation: { constructor: { quantity: 2 } } })).id)
    await settle(rig, (await rig.client.formation.scale({ app, formation: { worker: { quantity: 3 } } })).id)
    const formation = await rig.client.formation.get({ app })
    expect(Object.entries(formation).map(([type, { quantity }]) => `${type}=${quantity}`)).to.deep.equal([
      'constructor=2',
      'worker=3',
    ])
  })
})
