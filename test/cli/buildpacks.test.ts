import { expect } from 'chai'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openCliRig, type CliRig } from './rig.js'

describe('buildpacks on the command line', function () {
  this.timeout(20_000)
  let cli: CliRig
  let dir: CliRig['dir']
  let env: CliRig['env']
  let berth: CliRig['berth']
  before(async () => {
    cli = await openCliRig()
    ;({ dir, env, berth } = cli)
  })
  after(() => cli[Symbol.asyncDispose]())

  it('print the plan of a directory without a server', async () => {
    const site = join(dir, 'site')
    await mkdir(site)
    await writeFile(join(site, 'package.json'), '{"scripts":{"start":"node x.js"}}')
    const alone = { ...env, BERTH_CONFIG_DIR: join(dir, 'nowhere') }
    const { code, stdout, stderr } = await berth(['buildpacks:plan', site], { env: alone })
    expect(code, stderr).to.equal(0)
    expect(stdout)
      .to.match(/^FROM /m)
      .and.to.not.include('----->')
    const plan = JSON.parse((await berth(['buildpacks:plan', '--json', site], { env: alone })).stdout) as object
    expect(plan).to.have.property('buildpack', 'nodejs')
    expect((await berth(['buildpacks:plan', join(dir, 'nope')], { env: alone })).code).to.equal(2)
  })

  it('write the plan of a directory into it, over nothing that is there', async () => {
    const app = join(dir, 'app')
    await mkdir(app)
    await writeFile(join(app, 'package.json'), '{"scripts":{"start":"node x.js"}}')
    const planned = (await berth(['buildpacks:plan', app])).stdout
    await writeFile(join(app, '.dockerignore'), 'mine\n')
    const refused = await berth(['buildpacks:eject', app])
    expect([refused.code, refused.stderr.includes('.dockerignore is there already')]).to.deep.equal([2, true])
    await rm(join(app, '.dockerignore'))
    const { code, stderr } = await berth(['buildpacks:eject', app])
    expect(code, stderr).to.equal(0)
    expect(await readFile(join(app, 'Dockerfile'), 'utf8')).to.equal(planned)
    expect(await readFile(join(app, '.dockerignore'), 'utf8')).to.include('**/node_modules\n')
    const again = await berth(['buildpacks:eject', app])
    expect([again.code, again.stderr.includes('has a Dockerfile of its own')]).to.deep.equal([2, true])
    expect(await readFile(join(app, 'Dockerfile'), 'utf8')).to.equal(planned)
  })
})
