import { mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Rig } from '../api/rig.js'
import { must, run } from '../run.js'
import { home } from './built.js'
import { openCliRig, type CliRig } from './cli-rig.js'

describe('the command line, on what it changes and shows', () => {
  let cli: CliRig
  let rig: Rig
  let dir: string
  let env: NodeJS.ProcessEnv
  let berth: CliRig['berth']
  let json: CliRig['json']
  before(async () => {
    cli = await openCliRig()
    ;({ api: rig, dir, env, berth, json } = cli)
  })
  after(() => cli[Symbol.asyncDispose]())

  describe('config vars', () => {
    before(() => rig.pushed('vars'))

    it('are set, read and unset as they are', async () => {
      const values: Record<string, string> = {
        EQUALS: 'a=b==c',
        LINES: 'one\ntwo\n',
        QUOTES: `"double" 'single' \`back\` $HOME \\n`,
        SPACES: '  around  ',
        AT: '@not-a-file',
        UNICODE: 'naïve ☃',
        EMPTY: '',
        LONG: 'x'.repeat(100_000),
      }
      const set = await berth(['config:set', ...Object.entries(values).map(([k, v]) => `${k}=${v}`), '-a', 'vars'])
      expect(set.code, set.stderr).to.equal(0)
      expect(set.stderr).to.equal('Setting 8 config vars and restarting vars... done, v3\n')
      expect(await json(['config', '--json', '-a', 'vars'])).to.deep.equal(values)
      expect((await berth(['config:get', 'LINES', '-a', 'vars'])).stdout).to.equal('one\ntwo\n\n')
      const shell = await berth(['config', '--shell', '-a', 'vars'])
      const echoed = await must('sh', ['-c', `${shell.stdout}printf %s "$QUOTES|$AT|$EQUALS"`])
      expect(echoed).to.equal(`${values.QUOTES ?? ''}|@not-a-file|a=b==c`)

      const unset = await berth(['config:unset', 'LONG', 'LINES', '-a', 'vars'])
      expect(unset.stderr).to.equal('Unsetting LONG, LINES and restarting vars... done, v4\n')
      expect((await berth(['config', '-a', 'vars'])).stdout)
        .to.match(/^=== vars Config Vars\n\n/)
        .and.to.include('@not-a-file')
      const gone = await berth(['config:get', 'LONG', '-a', 'vars'])
      expect([gone.code, gone.stdout]).to.deep.equal([1, ''])
    })

    it('come from files, standard input and dotenv files', async () => {
      await writeFile(join(dir, 'key.pem'), 'line one\nline two\n')
      await writeFile(join(dir, 'app.env'), '# a comment\nFROM_FILE="with \\n newline"\nGREETING=hi\n')
      const files = ['--file', 'KEY=key.pem', '--file', 'PIPED=-', '--env-file', 'app.env']
      const set = await berth(['config:set', 'GREETING=hello', ...files, '-a', 'vars'], { input: 'through a pipe' })
      expect(set.code, set.stderr).to.equal(0)
      expect(await json(['config', '--json', '-a', 'vars'])).to.include({
        KEY: 'line one\nline two\n',
        PIPED: 'through a pipe',
        FROM_FILE: 'with \n newline',
        GREETING: 'hello',
      })
      await writeFile(join(dir, 'binary'), Buffer.of(0xff, 0xfe, 0))
      expect((await berth(['config:set', '--file', 'X=binary', '-a', 'vars'])).stderr).to.include('not UTF-8')
      expect((await berth(['config:set', '--file', 'X=nowhere', '-a', 'vars'])).stderr).to.include('cannot be read')
    })

    it('that `config --shell` wrote come back from --env-file as they were, and then change nothing', async () => {
      const awkward = { TICKS: "it's 'so'", MIXED: `a'b"c\\d\n$HOME # no \r\n`, TAIL: 'line\n' }
      const words = Object.entries(awkward).map(([name, value]) => `${name}=${value}`)
      expect((await berth(['config:set', ...words, '-a', 'vars'])).code).to.equal(0)
      const before = await json(['config', '--json', '-a', 'vars'])
      await writeFile(join(dir, 'all.env'), (await berth(['config', '--shell', '-a', 'vars'])).stdout)
      await berth(['config:unset', ...Object.keys(awkward), '-a', 'vars'])
      expect((await berth(['config:set', '--env-file', 'all.env', '-a', 'vars'])).code).to.equal(0)
      expect(await json(['config', '--json', '-a', 'vars'])).to.deep.equal(before)
      for (const again of [
        ['config:set', '--env-file', 'all.env'],
        ['config:unset', 'NOT_SET'],
      ]) {
        const same = await berth([...again, '-a', 'vars'])
        expect(same.code).to.equal(0)
        expect(same.stderr).to.match(/restarting vars\.\.\. nothing changed: no release, no restart\n$/)
      }
      // Node.js would take a script's --env-file for its own; bin/berth tells it where its own options end
      const none = await berth(['config:set', '--env-file', 'none.env', '-a', 'vars'])
      expect(none.code).to.equal(1)
      expect(none.stderr).to.include('none.env cannot be read')
    })

    it('that may not be change nothing and are never printed', async () => {
      const before = await json(['releases', '--json', '-a', 'vars'])
      for (const bad of ['1A=hunter2', 'A-B=hunter2', 'PORT=hunter2', 'BERTH_X=hunter2']) {
        const { code, stdout, stderr } = await berth(['config:set', bad, '-a', 'vars'])
        expect(code, bad).to.equal(1)
        expect(stdout + stderr, bad).to.not.include('hunter2')
      }
      expect(await json(['releases', '--json', '-a', 'vars'])).to.deep.equal(before)
    })
  })

  describe('a change that fails', () => {
    it('shows its log and why, exit code 1', async () => {
      await rig.pushed('sick')
      const healthy = rig.rollOut
      rig.rollOut = (_app, _release, { log }) => {
        log('web.1 | Error: cannot find module')
        return Promise.reject(new Error('web.1 crashed with exit code 1'))
      }
      const { code, stderr } = await berth(['config:set', 'A=1', '-a', 'sick']).finally(() => (rig.rollOut = healthy))
      expect(code).to.equal(1)
      expect(stderr).to.match(/^Setting A and restarting sick\.\.\. \n/)
      expect(stderr).to.include('cannot find module')
      expect(stderr).to.match(/ ▸ {4}web\.1 crashed with exit code 1\n ▸ {4}what ran before goes on/)
    })
  })

  it('scales, shows and restarts processes', async () => {
    await rig.pushed('scaled')
    const up = await berth(['ps:scale', 'web=3', 'worker=1:1G:0.5', '-a', 'scaled'])
    expect(up.stderr).to.equal('Scaling web=3 worker=1:1G:0.5 of scaled... done, v3\n')
    expect((await berth(['ps:scale', '-a', 'scaled'])).stdout).to.equal('web=3:512M:1 worker=1:1G:0.5\n')
    const ps = await berth(['ps', '-a', 'scaled'])
    expect(ps.stdout)
      .to.match(/^=== web: node server\.js \(3\)\n\nweb\.1: {2}down/)
      .and.to.include('worker.1:')
    expect(await json(['ps', '--json', '-a', 'scaled'])).to.have.length(4)
    expect((await berth(['ps:restart', 'web.2', '-a', 'scaled'])).stderr).to.equal(
      'Restarting web.2 of scaled... done\n',
    )
    expect((await berth(['ps:restart', 'web.9', '-a', 'scaled'])).stderr).to.include('no process web.9')
    expect((await berth(['ps:scale', 'wbe=1', '-a', 'scaled'])).stderr).to.include('no process type "wbe"')
  })

  it('lists and describes releases, and rolls back', async () => {
    await rig.pushed('rolling')
    await berth(['config:set', 'A=1', '-a', 'rolling'])
    const list = await berth(['releases', '-a', 'rolling'])
    expect(list.stdout).to.match(/^=== rolling Releases - Current: v3\n\nv3 {2}Set A config vars +current/)
    const { stderr } = await berth(['rollback', '-a', 'rolling'])
    expect(stderr).to.match(
      /^Rolling back rolling\.\.\. \n +Brings back .* of v2\n +Does not bring back .*\n[^]*\ndone, v4\n$/,
    )
    expect((await berth(['releases:info', '-a', 'rolling'])).stdout).to.include('Rollback to v2')
    expect(await json(['releases:info', 'v3', '--json', '-a', 'rolling'])).to.deep.include({ config: { A: '1' } })
    expect((await berth(['rollback', 'v1', '-a', 'rolling'])).code).to.equal(1)
  })

  it('shows logs and builds of an app that has none', async () => {
    await rig.client.apps.create({ name: 'fresh' })
    expect(await berth(['logs', '-a', 'fresh'])).to.deep.equal({ code: 0, stdout: '', stderr: '' })
    expect((await berth(['builds', '-a', 'fresh'])).stderr).to.include('no builds yet')
    expect((await berth(['builds:output', '-a', 'fresh'])).stderr).to.include('no builds yet')
    expect((await berth(['run', '-a', 'fresh', '--', 'true'])).stderr).to.include('nothing to run yet')
  })

  it('goes on following a change while the store is restarted', async () => {
    await rig.pushed('patient')
    const healthy = rig.rollOut
    let begun = (): void => undefined
    const started = new Promise<void>((resolve) => (begun = resolve))
    let go = (): void => undefined
    const gate = new Promise<void>((resolve) => (go = resolve))
    rig.rollOut = async () => {
      begun()
      await gate
    }
    try {
      const set = berth(['config:set', 'A=1', '-a', 'patient'])
      await started
      await rig.redis.kill()
      await rig.redis.start()
      go()
      const { code, stderr } = await set
      expect(code, stderr).to.equal(0)
      expect(stderr).to.match(/done, v3/)
    } finally {
      go()
      rig.rollOut = healthy
    }
  })

  it('chooses the deploy branch, and makes tokens that work', async () => {
    await rig.client.apps.create({ name: 'branched' })
    expect((await berth(['git:branch', 'production', '-a', 'branched'])).stderr).to.include(
      'Pushes to production deploy branched',
    )
    expect((await berth(['git:branch', '-a', 'branched'])).stdout).to.equal('production\n')
    const { stdout: token } = await berth(['tokens:create', 'ci'])
    const other = { ...env, BERTH_CONFIG_DIR: join(dir, 'ci'), BERTH_URL: rig.url, BERTH_TOKEN: token.trim() }
    expect((await berth(['apps'], { env: other })).code).to.equal(0)
  })

  it('prints the plan of a directory without a server', async () => {
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

  it('keeps credentials from everybody else', async () => {
    for (const file of ['credentials.json', 'git-credentials'])
      expect((await stat(join(dir, 'credentials', file))).mode & 0o777).to.equal(0o600)
  })

  it('ends quietly when its reader does', async () => {
    const { code, stderr } = await run('sh', ['-c', `'${home}/bin/berth' --help | head -1`], { env })
    expect([code, stderr]).to.deep.equal([0, ''])
  })
})
