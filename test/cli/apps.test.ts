import { expect } from 'chai'
import { setCli } from './rig.js'

describe('apps on the command line', function () {
  this.timeout(20_000)
  const cli = setCli()
  const { berth, json } = cli

  it('get a random name, and are listed', async () => {
    const made = await berth(['apps:create', '--json'])
    const { name } = JSON.parse(made.stdout) as { name: string }
    expect((await berth(['apps'])).stdout)
      .to.match(/^=== Apps\n/)
      .and.to.include(name)
    expect(((await json(['apps:list', '--json'])) as { name: string }[]).map((app) => app.name)).to.include(name)
  })

  it('that may not be are refused, exit code 1', async () => {
    const bad = ['Upper', '..', 'a'.repeat(64), 'berth', 'api']
    for (const { code, stderr } of await Promise.all(bad.map((name) => berth(['apps:create', '--', name])))) {
      expect(code).to.equal(1)
      expect(stderr).to.match(/... !\n ▸ {4}.*\n ▸ {4}/)
    }
  })

  it('are destroyed only when their name is repeated', async () => {
    await cli.api.pushed('doomed')
    const unasked = await berth(['apps:destroy', '-a', 'doomed'])
    expect(unasked.code).to.equal(2)
    expect(unasked.stderr).to.include('--confirm doomed')
    const wrong = await berth(['apps:destroy', '-a', 'doomed', '--confirm', 'other'])
    expect(wrong.code).to.equal(1)
    expect(wrong.stderr).to.include('is not the name')
    const { code, stderr } = await berth(['apps:destroy', '-a', 'doomed', '--confirm', 'doomed'])
    expect(code, stderr).to.equal(0)
    expect(stderr).to.equal('Destroying doomed... done\n')
    expect((await berth(['apps:info', '-a', 'doomed'])).stderr).to.include('no app named "doomed"')
  })

  it('are described, and renamed to another name only', async () => {
    await cli.api.pushed('named')
    const { stdout } = await berth(['apps:info', '-a', 'named'])
    expect(stdout).to.match(/^=== named\n\nWeb URL: {4}http:/)
    expect(stdout).to.include('web=1:512M:1 worker=0:512M:1').and.to.include('v2 (Deploy 1a2b3c4)')
    const same = await berth(['apps:rename', 'named', '-a', 'named'])
    expect([same.code, same.stderr.includes('named has that name already')]).to.deep.equal([2, true])
    const { code, stdout: urls } = await berth(['apps:rename', 'renamed', '-a', 'named'])
    expect([code, urls]).to.deep.equal([
      0,
      `${cli.api.config.appUrl({ name: 'renamed' })} | ${cli.api.url}/renamed.git\n`,
    ])
    expect((await berth(['apps:rename', 'Bad', '-a', 'renamed'])).stderr).to.match(/^Renaming renamed to Bad\.\.\. !\n/)
  })
})
