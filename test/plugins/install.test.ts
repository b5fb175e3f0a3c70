import { expect } from 'chai'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { installPlugin, uninstallPlugin, updatePlugin } from '../../src/plugins/install.js'
import { sourceOf } from '../../src/plugins/source.js'
import { module, pluginRig, type PluginRig } from './rig.js'

describe('installing plugins', () => {
  let rig: PluginRig
  beforeEach(async () => {
    rig = await pluginRig()
  })
  afterEach(() => rig[Symbol.asyncDispose]())
  const deps = () => ({ config: rig.rig.config, store: rig.rig.store })
  const root = (): string => join(rig.rig.config.root, 'plugins')
  const there = async (): Promise<string[]> => (existsSync(root()) ? await readdir(root()) : [])
  const refusal = (done: Promise<unknown>): Promise<string> =>
    done.then(
      () => 'nothing',
      (error: unknown) => (error as Error).message,
    )

  it('copies a folder, pins what it was, and enables it', async () => {
    const folder = await rig.folder('mine', module('mine', 'return {}'))
    expect(await installPlugin(deps(), folder)).to.equal('mine')
    const record = await rig.rig.store.plugins.get('mine')
    expect(record).to.deep.include({ kind: 'dns', version: '1.2.3', enabled: true })
    expect(record?.source)
      .to.have.property('pin')
      .that.matches(/^[0-9a-f]{12}$/)
    expect(record?.directory).to.match(new RegExp(`^${root()}/mine-[0-9a-f]{12}$`))
  })

  it('does not enable one that has yet to be set', async () => {
    const code = module('mine', 'return {}', 'settings: z.strictObject({ token: secret() }),')
    await installPlugin(deps(), await rig.folder('mine', code))
    expect(await rig.rig.store.plugins.get('mine')).to.deep.include({ enabled: false, secrets: ['token'] })
  })

  const no: readonly [what: string, code: string, told: RegExp][] = [
    ['throws', `throw new Error('no luck')`, /is no plugin: no luck$/],
    ['never ends', `await new Promise(() => {})`, /ends the process that loads it$/],
    ['ends the process', `process.exit(0)`, /ends the process that loads it$/],
    ['says nothing', ``, /exports no `plugin`$/],
    ['has a bad name', module('../x', ''), /name: a name is of small letters/],
    ['has a bad version', module('x', '').replace('1.2.3', 'new'), /version: a version is as 1\.2\.3/],
    ['has the name of one of ours', module('dns-rfc2136', 'return {}'), /Berth has a plugin dns-rfc2136 of its own$/],
  ]
  for (const [what, code, told] of no)
    it(`refuses one that ${what}, and leaves nothing`, async () => {
      expect(await refusal(installPlugin(deps(), await rig.folder('bad', code)))).to.match(told)
      expect(await there()).to.deep.equal([])
      expect(await rig.rig.store.plugins.list()).to.deep.equal([])
    })

  it('refuses a second of a name', async () => {
    const folder = await rig.folder('mine', module('mine', 'return {}'))
    await installPlugin(deps(), folder)
    expect(await refusal(installPlugin(deps(), folder))).to.equal('there is a plugin mine already')
    expect(await there()).to.have.length(1)
  })

  it('refuses a folder that is not there, and what is no place', async () => {
    expect(await refusal(installPlugin(deps(), '/no/such/folder'))).to.equal('the folder /no/such/folder is not there')
    for (const from of ['file:///etc', 'ext::sh -c id', '../x', '-x', 'a b', 'https://x/\ny'])
      expect(await refusal(installPlugin(deps(), from)), from).to.match(/is no place that a plugin comes from$/)
    expect(await refusal(installPlugin(deps(), 'https://127.0.0.1:1/x.git#--upload-pack=x'))).to.match(/is no branch/)
    expect(await refusal(installPlugin(deps(), 'http://127.0.0.1:1/x.git'))).to.match(/^git ended with 128: /)
    expect(await there()).to.deep.equal([])
  })

  it('tells places apart', () => {
    expect(sourceOf('https://git.example.com/x.git#v1')).to.equal('git')
    expect(sourceOf('git@git.example.com:x/y.git')).to.equal('git')
    expect(sourceOf('ssh://git@git.example.com/x')).to.equal('git')
    expect(sourceOf('@scope/berth-x@1.2.3')).to.equal('npm')
    expect(sourceOf('berth-x')).to.equal('npm')
    expect(sourceOf('/srv/x')).to.equal('folder')
  })

  it('brings one up to date, and keeps its settings', async () => {
    const settings = `settings: z.strictObject({ word: z.string().optional() }),`
    const folder = await rig.folder('mine', module('mine', 'return {}', settings))
    await installPlugin(deps(), folder)
    const { plugins } = rig.rig.store
    const before = await plugins.update('mine', () => ({ settings: { word: 'x' } }))
    await rig.folder('mine', module('mine', 'return {}', settings).replace('1.2.3', '1.3.0'))
    await updatePlugin(deps(), 'mine')
    const after = await plugins.get('mine')
    expect(after).to.deep.include({ version: '1.3.0', settings: { word: 'x' }, enabled: true })
    expect(existsSync(before?.directory ?? '')).to.equal(false)
    expect(await readFile(join(after?.directory ?? '', 'index.js'), 'utf8')).to.include('1.3.0')
  })

  it('keeps the one there is where the next does not take its settings, or is another', async () => {
    const folder = await rig.folder('mine', module('mine', 'return {}'))
    await installPlugin(deps(), folder)
    const before = await rig.rig.store.plugins.get('mine')
    for (const [code, told] of [
      [module('mine', 'return {}', 'settings: z.strictObject({ token: secret() }),'), /does not take the settings/],
      [module('other', 'return {}'), /what is there now is other/],
      ['nonsense(', /is no plugin/],
    ] as const) {
      await rig.folder('mine', code)
      expect(await refusal(updatePlugin(deps(), 'mine'))).to.match(told)
    }
    expect(await rig.rig.store.plugins.get('mine')).to.deep.equal(before)
    expect(await there()).to.have.length(1)
  })

  it('uninstalls one that no other requires', async () => {
    await installPlugin(deps(), await rig.folder('mine', module('mine', 'return {}')))
    await installPlugin(deps(), await rig.folder('needs', module('needs', 'return {}', `requires: ['mine'],`)))
    expect(await refusal(uninstallPlugin(deps(), 'mine'))).to.equal('needs requires mine')
    await uninstallPlugin(deps(), 'needs')
    await uninstallPlugin(deps(), 'mine')
    expect(await there()).to.deep.equal([])
    expect(await refusal(uninstallPlugin(deps(), 'mine'))).to.match(/there is no plugin "mine"/)
  })

  it('removes what one that was killed has left, and nothing young', async () => {
    for (const name of ['.new-1', 'old-1', 'young-1']) await mkdir(join(root(), name), { recursive: true })
    for (const name of ['.new-1', 'old-1']) await utimes(join(root(), name), 1, 1)
    await installPlugin(deps(), await rig.folder('mine', module('mine', 'return {}')))
    expect((await there()).map((name) => name.replace(/-[0-9a-f]{12}$/, ''))).to.have.members(['mine', 'young-1'])
  })

  it('copies links as links', async () => {
    const folder = await rig.folder('mine', module('mine', 'return {}'))
    await symlink('/etc/passwd', join(folder, 'link'))
    await writeFile(join(folder, 'more.js'), '')
    await installPlugin(deps(), folder)
    const record = await rig.rig.store.plugins.get('mine')
    const entries = await readdir(record?.directory ?? '', { withFileTypes: true })
    expect(entries.find(({ name }) => name === 'link')?.isSymbolicLink()).to.equal(true)
  })
})
