import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { run } from '../run.js'
import { home } from './built.js'
import { openCliRig, type CliRig } from './cli-rig.js'
import { typeAt } from './typing.js'

/** What only the built command on real streams can show; each command is in `test/cli`. */
describe('the command line, as it is installed', () => {
  let cli: CliRig
  before(async () => {
    cli = await openCliRig()
    await cli.api.pushed('blog')
  })
  after(() => cli[Symbol.asyncDispose]())

  it('tells by its exit code and its streams how it went', async () => {
    const { berth, json } = cli
    const help = await berth([])
    expect([help.code, help.stderr, help.stdout.includes('apps:create')]).to.deep.equal([0, '', true])
    const wrong = await berth(['appz'])
    expect([wrong.code, wrong.stdout]).to.deep.equal([2, ''])
    expect(wrong.stderr).to.match(/^ ▸ {4}unknown command 'appz'\n.*Did you mean apps/)
    const missing = await berth(['apps:info', '-a', 'nowhere'])
    expect([missing.code, missing.stderr.includes('no app named "nowhere"')]).to.deep.equal([1, true])
    expect(((await json(['apps', '--json'])) as { name: string }[]).map(({ name }) => name)).to.deep.equal(['blog'])
    expect((await berth(['run', '-a', 'blog', '--', 'true'])).code).to.equal(1)
  })

  it('reads what is piped to it', async () => {
    const { berth, json } = cli
    const set = await berth(['config:set', '--file', 'PIPED=-', '-a', 'blog'], { input: 'through a pipe\n' })
    expect(set.code, set.stderr).to.equal(0)
    expect(set.stderr).to.match(/^Setting PIPED and restarting blog\.\.\. done, v3\n$/)
    expect(await json(['config', '--json', '-a', 'blog'])).to.deep.equal({ PIPED: 'through a pipe\n' })
  })

  it('takes options that Node.js has too for its own', async () => {
    const { berth, dir } = cli
    const none = await berth(['config:set', '--env-file', 'none.env', '-a', 'blog'])
    expect([none.code, none.stderr.includes('none.env cannot be read')]).to.deep.equal([1, true])
    await writeFile(join(dir, 'app.env'), 'GREETING=hi\n')
    expect((await berth(['config:set', '--env-file', 'app.env', '-a', 'blog'])).code).to.equal(0)
  })

  it('destroys nothing when who is asked leaves', async () => {
    const { env } = cli
    for (const key of ['\u0003', '\u0004']) {
      const left = await typeAt(`${home}/bin/berth apps:destroy -a blog`, 'to go on', key, { env })
      expect([left.code, left.stdout.includes('nothing was destroyed')], left.stdout).to.deep.equal([1, true])
      expect(left.stdout).not.to.match(/warning|unsettled/i)
    }
    expect((await cli.berth(['apps:info', '-a', 'blog'])).code).to.equal(0)
  })

  it('ends quietly when its reader does', async () => {
    const { code, stderr } = await run('sh', ['-c', `'${home}/bin/berth' --help | head -1`], { env: cli.env })
    expect([code, stderr]).to.deep.equal([0, ''])
  })
})
