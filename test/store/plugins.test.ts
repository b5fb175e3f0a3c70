import { expect } from 'chai'
import { Plugins, type PluginRecord } from '../../src/store/plugins.js'
import { rounds, storeRig, type StoreRig } from './rig.js'

const record = (name: string, directory: string | null): PluginRecord => ({
  ...{ name, kind: 'hook', version: '1.0.0', requires: [], directory, enabled: true, settings: {}, secrets: [] },
  ...{ source: { type: 'berth' }, revision: 1 },
})

describe('records of plugins', () => {
  let rig: StoreRig
  before(async () => (rig = await storeRig()))
  after(() => rig[Symbol.asyncDispose]())

  it('go with the state of the instance wherever it is carried', async () => {
    const { root } = rig.config
    await rig.store.plugins.add(record('carried', `${root}/plugins/carried-1/node_modules/x`))
    const elsewhere = new Plugins(rig.store.redis, '/srv/other')
    expect((await elsewhere.get('carried'))?.directory).to.equal('/srv/other/plugins/carried-1/node_modules/x')
    await elsewhere.update('carried', () => ({ enabled: false }))
    expect((await rig.store.plugins.get('carried'))?.directory).to.equal(`${root}/plugins/carried-1/node_modules/x`)
  })

  it('lose no setting that several set at once', async () => {
    await rig.store.plugins.add(record('shared', null))
    const set = (round: number): Promise<PluginRecord | null> => {
      const { plugins } = round % 2 === 0 ? rig.store : rig.other
      return plugins.update('shared', ({ settings }) => ({ settings: { ...settings, [`s${round}`]: 'x' } }))
    }
    await Promise.all(rounds.map(set))
    const after = await rig.store.plugins.get('shared')
    expect(Object.keys(after?.settings ?? {})).to.have.length(rounds.length)
    expect(after?.revision).to.equal(1 + rounds.length)
  })
})
