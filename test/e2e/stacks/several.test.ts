import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { createApp, instance, type Instance, type Repository } from '../instance.js'
import { patience } from './example.js'

describe('Apps of several buildpacks', () => {
  let berth: Instance
  before(async function () {
    this.timeout(patience)
    berth = await instance()
  })

  const pushed = async (repo: Repository): Promise<string> => {
    const { code, stderr } = await repo.push()
    expect(code, stderr).to.equal(0)
    return stderr
  }
  const refused = async (repo: Repository): Promise<string> => {
    const { code, stderr } = await repo.push()
    expect(code, stderr).to.equal(1)
    return stderr
  }

  it('have the front end that Node.js builds served by Python, and install nothing again for a changed line', async function () {
    this.timeout(patience)
    const repo = await berth.example('multi-buildpack')
    const app = await createApp(berth, repo, 'multi')
    expect(await pushed(repo)).to.include('Node.js and Python app (Flask) detected')
    expect(JSON.parse((await berth.curl(app, '/api/greetings')).body)).to.deep.equal([
      'Hello from Python',
      'built by Node.js',
    ])
    expect((await berth.curl(app, '/static/page.js')).body)
      .to.include('/api/greetings')
      .and.not.include('import')
    const inside = await berth.berth(['run', 'which node || echo none; ls node_modules', '-a', app])
    expect(inside.stdout)
      .to.match(/^none$[^]*^preact$/m)
      .and.not.match(/^esbuild$/m)
    const text = await readFile(join(repo.dir, 'front/page.js'), 'utf8')
    await repo.commit({ 'front/page.js': text.replace("'ul'", "'ol'") })
    expect(await pushed(repo)).not.to.match(/added \d+ packages/)
    expect((await berth.curl(app, '/static/page.js')).body).to.include('"ol"')
    await repo.commit({ 'front/page.js': `${text}import nothing from 'nothing'\n` })
    expect(await refused(repo)).to.match(/! {5}.*npm: .*|Could not resolve "nothing"/)
  })

  it('are a script and the Debian packages of its Aptfile', async function () {
    this.timeout(patience)
    const repo = await berth.example('apt-worker')
    const app = await createApp(berth, repo, 'apt')
    expect(await pushed(repo)).to.include('Aptfile detected')
    const { stdout } = await berth.berth(['run', '-a', app, '--', './work.sh', '0.5', '0.25'])
    expect(stdout).to.match(/made a tone of 0\.5\d* s\s+made a tone of 0\.25\d* s/)
    await repo.commit({ 'work.sh': `${await readFile(join(repo.dir, 'work.sh'), 'utf8')}# changed\n` })
    expect(await pushed(repo)).not.to.include('Running in')
    await repo.commit({ Aptfile: 'sox\nno-such-package-of-debian\n' })
    expect(await refused(repo)).to.match(/! {5}Debian has no package no-such-package-of-debian: correct the Aptfile/)
  })

  it('are built by a buildpack in their tree, which has its cache, their config vars and a say in what runs', async function () {
    this.timeout(patience)
    const repo = await berth.example('foreign-buildpack')
    const app = await createApp(berth, repo, 'foreign')
    await berth.berth(['config:set', 'CFLAGS=-O1', '-a', app])
    const first = await pushed(repo)
    expect(first)
      .to.include('App for ./buildpacks/c detected')
      .and.include('-----> C')
      .and.include('Compiling with -O1')
    expect(first).to.include('Process types: web')
    const said = 'Hello from C, a profile script and what bin/release says\n'
    expect((await berth.curl(app)).body).to.equal(said)
    const once = await berth.berth(['run', 'echo "$FROM_PROFILE"', '-a', app])
    expect(once.stdout).to.include('a profile script')
    await repo.commit({ 'README.md': 'changed\n' })
    expect(await pushed(repo)).to.include('Taking the server from the cache')
    expect((await berth.curl(app)).body).to.equal(said)
    const text = await readFile(join(repo.dir, 'server.c'), 'utf8')
    await repo.commit({ 'server.c': text.replace('int main', 'int nothing') })
    expect(await refused(repo)).to.match(
      /! {5}server\.c does not compile[^]*\.\/buildpacks\/c: bin\/compile ended with exit code 1/,
    )
    await repo.commit({ 'server.c': text, 'buildpacks/c/bin/release': '#!/bin/sh\n' })
    expect(await refused(repo)).to.include('the last buildpack names no process type (bin/release)')
    await repo.commit({ 'server.c': null, '.buildpacks': './buildpacks/c\nhttps://127.0.0.1:9/me/other#v1\n' })
    expect(await refused(repo)).to.match(/! {5}https:\/\/127\.0\.0\.1:9\/me\/other#v1: it cannot be fetched/)
    await repo.commit({ '.buildpacks': './buildpacks/c\n' })
    expect(await refused(repo)).to.include('./buildpacks/c: bin/detect does not take this app')
    expect((await berth.curl(app)).body).to.equal(said)
    // last, as all steps of a build are run again where a config var is another
    await berth.berth(['config:set', 'FROM_RELEASE=a config var', '-a', app])
    expect((await berth.curl(app)).body).to.equal('Hello from C, a profile script and a config var\n')
  })
})
