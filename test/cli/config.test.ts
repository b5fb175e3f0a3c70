import { expect } from 'chai'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { must } from '../run.js'
import { setCli } from './rig.js'

describe('config vars on the command line', function () {
  this.timeout(20_000)
  const cli = setCli()
  const { berth, json } = cli

  before(() => cli.api.pushed('vars'))

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

  it('are of builds alone, of processes alone, or of both', async () => {
    await cli.api.pushed('reach')
    const set = async (...words: string[]) => (await berth(['config:set', ...words, '-a', 'reach'])).stderr
    expect(await set('--build', 'NPM_TOKEN=one')).to.equal(
      'Setting NPM_TOKEN for the next build of reach... done, v3\n',
    )
    expect(await set('NPM_TOKEN=two')).to.equal('Setting NPM_TOKEN for the next build of reach... done, v4\n')
    expect(await set('--run', 'RUN=1')).to.equal('Setting RUN and restarting reach... done, v5\n')
    expect(await set('BOTH=1')).to.include('restarting')
    expect(await json(['config', '--json', '-a', 'reach'])).to.deep.equal({
      ...{ BOTH: '1', NPM_TOKEN: { value: 'two', reach: 'build' }, RUN: { value: '1', reach: 'run' } },
    })
    expect((await berth(['config', '-a', 'reach'])).stdout).to.equal(
      '=== reach Config Vars\n\nBOTH:  1\n\nBuilds alone have:\nNPM_TOKEN:  two\n\nProcesses alone have:\nRUN:  1\n\n',
    )
    expect((await berth(['config:get', 'NPM_TOKEN', '-a', 'reach'])).stdout).to.equal('two\n')
    expect(await set('--build', 'BOTH=1')).to.include('restarting')
    expect(await set('--build', '--run', 'BOTH=1', 'NPM_TOKEN=two', 'RUN=1')).to.include('restarting')
    expect(await json(['config', '--json', '-a', 'reach'])).to.deep.equal({ BOTH: '1', NPM_TOKEN: 'two', RUN: '1' })
    await set('--build', 'LATER=1')
    expect((await berth(['config:unset', 'LATER', '-a', 'reach'])).stderr).to.include(
      'for the next build of reach... done',
    )
  })

  it('come from files, standard input and dotenv files', async () => {
    await writeFile(join(cli.dir, 'key.pem'), 'line one\nline two\n')
    await writeFile(join(cli.dir, 'app.env'), '# a comment\nFROM_FILE="with \\n newline"\nGREETING=hi\n')
    const files = ['--file', 'KEY=key.pem', '--file', 'PIPED=-', '--env-file', 'app.env']
    const set = await berth(['config:set', 'GREETING=hello', ...files, '-a', 'vars'], { input: 'through a pipe' })
    expect(set.code, set.stderr).to.equal(0)
    expect(await json(['config', '--json', '-a', 'vars'])).to.include({
      KEY: 'line one\nline two\n',
      PIPED: 'through a pipe',
      FROM_FILE: 'with \n newline',
      GREETING: 'hello',
    })
    await writeFile(join(cli.dir, 'binary'), Buffer.of(0xff, 0xfe, 0))
    expect((await berth(['config:set', '--file', 'X=binary', '-a', 'vars'])).stderr).to.include('not UTF-8')
    expect((await berth(['config:set', '--file', 'X=nowhere', '-a', 'vars'])).stderr).to.include('cannot be read')
  })

  it('that `config --shell` wrote come back from --env-file as they were, and then change nothing', async () => {
    const awkward = { TICKS: "it's 'so'", MIXED: `a'b"c\\d\n$HOME # no \r\n`, TAIL: 'line\n' }
    const words = Object.entries(awkward).map(([name, value]) => `${name}=${value}`)
    expect((await berth(['config:set', ...words, '-a', 'vars'])).code).to.equal(0)
    const before = await json(['config', '--json', '-a', 'vars'])
    await writeFile(join(cli.dir, 'all.env'), (await berth(['config', '--shell', '-a', 'vars'])).stdout)
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

  it('are taken from the last place that names them, and lose no name on the way', async () => {
    const { stderr } = await berth(['config:set', '__proto__=1', 'A=2', '-a', 'vars'])
    expect(stderr).to.include('__proto__')
    expect(await json(['config', '--json', '-a', 'vars'])).to.not.have.property('A')
    await writeFile(join(cli.dir, 'odd.env'), 'A=file\nB=file\n__proto__=1\n')
    const odd = await berth(['config:set', '--env-file', 'odd.env', '-a', 'vars'])
    expect([odd.code, odd.stderr.includes('__proto__')]).to.deep.equal([1, true])
    await writeFile(join(cli.dir, 'odd.env'), '\ufeffA=file\nB=file\nC=file')
    const given = ['--env-file', 'odd.env', '--file', 'B=odd.env', 'C=word', 'C=last', 'D==']
    expect((await berth(['config:set', ...given, '-a', 'vars'])).code).to.equal(0)
    expect(await json(['config', '--json', '-a', 'vars'])).to.include({ A: 'file', C: 'last', D: '=' })
    expect((await berth(['config:get', 'B', '-a', 'vars'])).stdout).to.equal('\ufeffA=file\nB=file\nC=file\n')
    expect((await berth(['config:get', 'constructor', '-a', 'vars'])).stderr).to.include('no config var constructor')
  })
})
