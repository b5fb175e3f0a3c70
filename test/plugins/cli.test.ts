import { expect } from 'chai'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setCli } from '../cli/rig.js'

const code = `
import { definePlugin, secret, z } from 'berth/plugin'
export const plugin = definePlugin({
  kind: 'dns', name: 'mine', version: '1.2.3',
  settings: z.strictObject({
    token: secret().describe('lets it in'),
    ttl: z.coerce.number().int().min(1).default(60).describe('seconds'),
  }),
  start: () => ({}),
})`

describe('berth plugins', () => {
  const cli = setCli()
  const { berth, json } = cli
  let directory: string
  before(async () => {
    directory = join(cli.dir, 'mine')
    await mkdir(directory)
    await writeFile(join(directory, 'package.json'), '{"type":"module"}')
    await writeFile(join(directory, 'index.js'), code)
    const source = { type: 'folder', from: directory, pin: 'x' } as const
    await cli.api.store.plugins.add({
      ...{ name: 'mine', kind: 'dns', version: '1.2.3', requires: [], source, directory, enabled: false },
      ...{ settings: {}, secrets: [], revision: 1 },
    })
  })

  it('lists them', async () => {
    expect((await berth(['plugins'])).stdout).to.match(/^mine +dns +1\.2\.3 +folder +disabled$/m)
    expect(await json(['plugins', '--json'])).to.deep.include({
      ...{ name: 'mine', kind: 'dns', version: '1.2.3', source: 'folder', state: 'disabled', failure: null },
    })
  })

  it('says what can be set', async () => {
    const { stdout } = await berth(['plugins:info', 'mine'])
    expect(stdout).to.match(/^token +\(not set: it is wanted\) +lets it in$/m)
    expect(stdout).to.match(/^ttl +60 \(default\) +seconds$/m)
  })

  it('enables none whose settings are wanting', async () => {
    const { code, stderr } = await berth(['plugins:enable', 'mine'])
    expect(code).to.equal(1)
    expect(stderr).to.match(/token: /)
    expect(await cli.api.store.plugins.get('mine')).to.include({ enabled: false, revision: 1 })
  })

  for (const [what, pair, told] of [
    ['a setting that there is not', 'tokne=x', /tokne: there is no such setting/],
    ['a value of another kind', 'ttl=soon', /ttl: .*number/],
    ['what is no setting', 'ttl', /"ttl" is no setting/],
  ] as const)
    it(`refuses ${what}, and changes nothing`, async () => {
      const { code, stderr } = await berth(['plugins:set', 'mine', pair])
      expect(code).not.to.equal(0)
      expect(stderr).to.match(told)
      expect(await cli.api.store.plugins.get('mine')).to.deep.include({ settings: {}, revision: 1 })
    })

  it('sets it, and shows no secret', async () => {
    const set = await berth(['plugins:set', 'mine', 'token=hush', 'ttl=5'])
    expect(set.stderr).to.match(/plugins:enable mine/)
    const shown = [
      ...[await berth(['plugins:info', 'mine']), await berth(['plugins:info', 'mine', '--json'])],
      ...[await berth(['plugins', '--json']), await berth(['plugins:set', 'mine', 'ttl=7', '--json'])],
    ]
    for (const { stdout, stderr } of [set, ...shown]) expect(stdout + stderr).not.to.match(/hush/)
    expect(shown[0]?.stdout).to.match(/^token +\(set, not shown\)/m)
    expect((await cli.api.store.plugins.get('mine'))?.settings).to.deep.equal({ token: 'hush', ttl: '7' })
  })

  it('enables and disables it', async () => {
    expect((await berth(['plugins:enable', 'mine'])).stderr).to.equal('mine is enabled\n')
    expect((await berth(['plugins'])).stdout).to.match(/^mine .* enabled$/m)
    const taken = await berth(['plugins:set', 'mine', 'token='])
    expect(taken.stderr).to.match(/token: /)
    await berth(['plugins:disable', 'mine'])
    expect((await berth(['plugins'])).stdout).to.match(/^mine .* disabled$/m)
  })

  it('disables one whose code does not load any more', async () => {
    await cli.api.store.plugins.update('mine', () => ({ enabled: true }))
    await writeFile(join(directory, 'index.js'), 'process.exit(3)')
    expect((await berth(['plugins:set', 'mine', 'ttl=9'])).stderr).to.match(/ends the process that loads it/)
    expect((await berth(['plugins:disable', 'mine'])).code).to.equal(0)
    expect(await cli.api.store.plugins.get('mine')).to.include({ enabled: false })
  })

  it('knows none that there is not', async () => {
    for (const args of [
      ['plugins:info', 'nope'],
      ['plugins:enable', 'nope'],
      ['plugins:set', 'nope', 'a=b'],
      ['plugins:disable', '../x'],
    ])
      expect((await berth(args)).stderr).to.match(/there is no plugin "/)
  })
})
