import { expect } from 'chai'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setCli } from './rig.js'

describe('buildpacks on the command line', function () {
  this.timeout(20_000)
  const cli = setCli()
  const { berth } = cli

  it('print the plan of a directory without a server', async () => {
    const site = join(cli.dir, 'site')
    await mkdir(site)
    await writeFile(join(site, 'package.json'), '{"scripts":{"start":"node x.js"}}')
    const alone = { ...cli.env, BERTH_CONFIG_DIR: join(cli.dir, 'nowhere') }
    const { code, stdout, stderr } = await berth(['buildpacks:plan', site], { env: alone })
    expect(code, stderr).to.equal(0)
    expect(stdout)
      .to.match(/^FROM /m)
      .and.to.not.include('----->')
    const plan = JSON.parse((await berth(['buildpacks:plan', '--json', site], { env: alone })).stdout) as object
    expect(plan).to.have.property('buildpack', 'nodejs')
    expect((await berth(['buildpacks:plan', join(cli.dir, 'nope')], { env: alone })).code).to.equal(2)
  })

  it('write the plan of a directory into it, over nothing that is there', async () => {
    const app = join(cli.dir, 'app')
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

  it('write one that Docker of old can read, where it has here-documents', async () => {
    const site = join(cli.dir, 'page')
    await mkdir(site)
    await writeFile(join(site, 'index.html'), 'hi')
    const planned = (await berth(['buildpacks:plan', site])).stdout
    expect((await berth(['buildpacks:eject', site])).code).to.equal(0)
    const ejected = await readFile(join(site, 'Dockerfile'), 'utf8')
    expect(ejected).to.equal(`# syntax=docker/dockerfile:1\n${planned}`)
    // and Berth builds it as well
    expect((await berth(['buildpacks:plan', site])).stdout).to.equal(ejected)
  })

  it('say in the Procfile what the image runs, where the Procfile is for another platform', async () => {
    const app = join(cli.dir, 'shop')
    await mkdir(app)
    const files = {
      'index.php': '<?php echo 1;',
      'composer.json': '{}',
      Procfile: 'web: vendor/bin/heroku-php-nginx\nworker: php worker.php\n',
    }
    for (const [name, text] of Object.entries(files)) await writeFile(join(app, name), text)
    const { code, stderr } = await berth(['buildpacks:eject', app])
    expect([code, stderr.includes('Procfile')]).to.deep.equal([0, true])
    expect(await readFile(join(app, 'Procfile'), 'utf8')).to.equal('web: serve-php\nworker: php worker.php\n')
  })

  it('leave a Procfile alone that says what the image runs', async () => {
    const app = join(cli.dir, 'fine')
    await mkdir(app)
    await writeFile(join(app, 'server.js'), '')
    await writeFile(join(app, 'package.json'), '{}')
    const own = '# ours\nweb: node server.js\n'
    await writeFile(join(app, 'Procfile'), own)
    expect((await berth(['buildpacks:eject', app])).code).to.equal(0)
    expect(await readFile(join(app, 'Procfile'), 'utf8')).to.equal(own)
  })
})
