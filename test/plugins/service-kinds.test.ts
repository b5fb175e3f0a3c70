import { expect } from 'chai'
import { messageOf } from '../../src/errors.js'
import { serviceKind, serviceKinds } from '../../src/plugins/service-kinds.js'
import { pluginRig, type PluginRig } from './rig.js'

const recipe = (name: string, body: string, more = ''): string => `
import { definePlugin, z } from 'berth/plugin'
${more}
export const plugin = definePlugin({
  kind: 'service', name: '${name}', version: '1.2.3',
  settings: z.object({ title: z.string().default('Mine') }),
  start(host) { ${body} },
})`

const good = `return {
  title: host.settings.title, variable: 'MINE', versions: [{ version: '1', debian: 'bookworm', packages: ['mine'] }],
}`

describe('kinds of services', function () {
  this.timeout(60_000)
  let rig: PluginRig
  beforeEach(async () => {
    rig = await pluginRig()
  })
  afterEach(() => rig[Symbol.asyncDispose]())
  const add = (name: string, code: string, more = {}) => rig.add(name, code, { kind: 'service', ...more })
  const refusal = (kind: string): Promise<string> => serviceKind(rig.rig.store, kind).then(() => 'nothing', messageOf)

  it('are those that came with Berth, and those that were installed, as they are set', async () => {
    await add('mine', recipe('mine', good), { settings: { title: 'Yours' } })
    await add('off', recipe('off', good), { enabled: false })
    const all = await serviceKinds(rig.rig.store)
    expect(all.map(({ kind }) => kind)).to.include.members(['mariadb', 'mine', 'postgres', 'redis'])
    expect(all.map(({ kind }) => kind)).not.to.include('off')
    expect(await serviceKind(rig.rig.store, 'mine')).to.deep.equal({
      ...{ kind: 'mine', title: 'Yours', variable: 'MINE' },
      versions: [{ version: '1', debian: 'bookworm', packages: ['mine'] }],
    })
    expect(await refusal('off')).to.contain('disabled')
    for (const bad of ['haproxy', '../postgres', 'none', ''])
      expect(await refusal(bad), bad).to.contain('no service of kind')
  })

  it('are the others while one loops, throws, exits, or is none', async () => {
    await add('mine', recipe('mine', good))
    await add('loops', recipe('loops', 'for (;;);'))
    await add('loads', recipe('loads', good, 'for (;;);'))
    await add('throws', recipe('throws', good, 'throw new Error("not today")'))
    await add('exits', recipe('exits', 'process.exit(0)'))
    await add('waits', recipe('waits', 'return new Promise(() => setInterval(() => undefined, 1000))'))
    await add('odd', recipe('odd', `return { title: 'Odd', variable: 'odd; rm', versions: [] }`))
    await add('none', recipe('none', 'return 5'))
    const names = (await serviceKinds(rig.rig.store)).map(({ kind }) => kind)
    expect(names).to.include.members(['mine', 'postgres'])
    const bad = ['loops', 'loads', 'throws', 'exits', 'waits', 'odd', 'none']
    expect(names.filter((name) => bad.includes(name))).to.deep.equal([])
    expect(await refusal('throws')).to.equal('the plugin throws does not load: not today')
    expect(await refusal('loops')).to.contain('within 5 s')
    expect(await refusal('odd')).to.contain('no recipe of services')
  })
})
