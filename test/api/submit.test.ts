import { expect } from 'chai'
import { contract } from '../../src/api/contract.js'
import { expectFault, settle } from './asked.js'
import { openRig, type Rig } from './rig.js'

describe('a change of config vars through the API', function () {
  this.timeout(10_000)
  let rig: Rig
  before(async () => {
    rig = await openRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  before(() => rig.client.apps.create({ name: 'vars' }))

  it('of every shape come back as they were given, each change a release', async () => {
    const set = {
      BERTH_APP_DIR: 'apps/web', // of those that Berth sets itself, this is for everybody
      EQUALS: 'a=b==',
      LINES: 'one\ntwo\r\n\n',
      QUOTES: `"double" 'single' \`back\` $HOME \\n`,
      UNICODE: 'naïve ☃ 🚢',
      EMPTY: '',
      LONG: 'x'.repeat(100_000),
      __proto: 'kept',
    }
    const operation = await rig.client.config.change({ app: 'vars', set })
    expect(JSON.stringify(operation)).to.not.include('double')
    const end = await settle(rig, operation.id)
    expect(end).to.include({ status: 'succeeded', release: 2 })
    expect(contract.config.get.reply.parse(await rig.client.config.get({ app: 'vars' }))).to.deep.equal(set)
    const after = await settle(rig, (await rig.client.config.change({ app: 'vars', unset: ['LONG', 'EMPTY'] })).id)
    expect(after.release).to.equal(3)
    expect(await rig.client.config.get({ app: 'vars' })).to.have.all.keys(
      'BERTH_APP_DIR',
      'EQUALS',
      'LINES',
      'QUOTES',
      'UNICODE',
      '__proto',
    )
    const { description } = await rig.client.releases.info({ app: 'vars', version: 'v3' })
    expect(description).to.include('LONG')
  })

  it('are refused when no process could have them, and nothing is changed', async () => {
    const before = await rig.client.releases.list({ app: 'vars' })
    const change = (set: Record<string, string>) => rig.client.config.change({ app: 'vars', set })
    for (const name of ['', '1A', 'A-B', 'A B', 'A=B', 'Ä', 'A\n', 'x'.repeat(300)])
      await expectFault(change({ [name]: 'secret' }), 'invalid', /is not the name of a config var/)
    await expectFault(change({ BERTH_APP: '1' }), 'invalid', /set by Berth itself/)
    for (const port of ['', '0', '65536', '08', '80 ', 'http'])
      await expectFault(change({ PORT: port }), 'invalid', /PORT is not a port number/)
    for (const path of ['../other', 'apps/../../x', '/etc', 'a\nb', 'x'.repeat(300)])
      await expectFault(change({ BERTH_APP_DIR: path }), 'invalid', /BERTH_APP_DIR cannot be/)
    await expectFault(change({ BERTH_DOCKERFILE: '../Dockerfile' }), 'invalid', /leads out of the repository/)
    await expectFault(change({ BERTH_DOCKERFILE_TARGET: 'a b' }), 'invalid', /no stage has such a name/)
    await expectFault(change({ NUL: 'a\0b' }), 'invalid', /NUL/)
    await expectFault(change({ HALF: '\ud800' }), 'invalid', /Unicode/)
    await expectFault(change({ HUGE: 'x'.repeat(200_000) }), 'large', /128 KiB/)
    await expectFault(change({}), 'invalid', /no config var/)
    await expectFault(rig.client.config.change({ app: 'vars', set: { A: 'b' }, unset: ['A'] }), 'invalid', /both/)
    expect(await rig.client.releases.list({ app: 'vars' })).to.deep.equal(before)
  })

  it('may be called like what every object has, but for the one name that cannot be kept', async () => {
    const app = 'named'
    await rig.client.apps.create({ name: app })
    const set = { constructor: '1', toString: '2', hasOwnProperty: '3', valueOf: '4' }
    await settle(rig, (await rig.client.config.change({ app, set })).id)
    expect(await rig.client.config.get({ app })).to.deep.equal(set)
    await settle(rig, (await rig.client.config.change({ app, set: {}, unset: ['constructor'] })).id)
    expect(Object.keys(await rig.client.config.get({ app }))).to.deep.equal(['toString', 'hasOwnProperty', 'valueOf'])
    const odd = JSON.parse('{"__proto__":"1","A":"2"}') as Record<string, string>
    await expectFault(rig.client.config.change({ app, set: odd }), 'invalid', /__proto__/)
    expect(await rig.client.config.get({ app })).to.not.have.property('A')
  })

  it('are 256 KiB altogether at most', async () => {
    await rig.client.apps.create({ name: 'hoard' })
    const big = 'x'.repeat(120_000)
    const many = (from: number, count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`V${from + i}`, big]))
    expect((await settle(rig, (await rig.client.config.change({ app: 'hoard', set: many(0, 2) })).id)).status).to.equal(
      'succeeded',
    )
    await expectFault(
      rig.client.config.change({ app: 'hoard', set: many(2, 1) }),
      'large',
      /256 KiB altogether at most, and these would be 352 KiB/,
    )
  })
})
