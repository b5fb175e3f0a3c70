import { expect } from 'chai'
import { setCli } from './rig.js'

describe('git on the command line', function () {
  this.timeout(20_000)
  const cli = setCli()
  const { berth, json } = cli

  it('deploys the branch that was chosen', async () => {
    await cli.api.client.apps.create({ name: 'branched' })
    expect((await berth(['git:branch', 'production', '-a', 'branched'])).stderr).to.include(
      'Pushes to production deploy branched',
    )
    expect((await berth(['git:branch', '-a', 'branched'])).stdout).to.equal('production\n')
    expect(await json(['git:branch', '--json', '-a', 'branched'])).to.deep.equal({ deployBranch: 'production' })
    expect((await berth(['git:branch', '--default', '-a', 'branched'])).stderr).to.include('main or master deploy')
    expect((await berth(['git:branch', '-a', 'branched'])).stdout).to.equal('main or master\n')
    expect((await berth(['git:branch', 'x', '--default', '-a', 'branched'])).code).to.equal(2)
    expect((await berth(['git:branch', 'a..b', '-a', 'branched'])).stderr).to.include('"a..b" is not a branch name')
  })

  it('is given no remote outside of a repository', async () => {
    const { code, stderr } = await berth(['git:remote', '-a', 'branched'])
    expect([code, stderr.includes('this is no git repository')]).to.deep.equal([2, true])
    expect((await berth(['git:remote', '-a', 'nowhere'], { cwd: await cli.repository() })).stderr).to.include(
      'no app named',
    )
  })

  it('knows where an app comes from, and reads a password from its input', async () => {
    await cli.api.client.apps.create({ name: 'origin' })
    const of = ['-a', 'origin']
    expect((await berth(['git', ...of])).stdout).to.match(/Origin: +not said/)
    expect((await berth(['git:set', 'origin=https://host/you/app.git', ...of])).stderr).to.include('https://host/you')
    expect((await berth(['git:set', 'orgin=x', ...of])).code).to.equal(2)
    expect((await berth(['git:set', 'origin=../x', ...of])).stderr).to.include('give the https:// URL')
    const set = await berth(['git:auth', 'github.com', 'ada', ...of], { input: 'hunter2\n' })
    expect([set.code, set.stderr]).to.deep.equal([0, 'Submodules of origin are fetched from github.com as ada\n'])
    expect((await berth(['git:auth', 'github.com', 'ada', ...of], { input: '\n' })).code).to.equal(2)
    const shown = await berth(['git', ...of])
    expect(shown.stdout)
      .to.match(/Password for github.com: +ada/)
      .and.not.include('hunter2')
    const login = { host: 'github.com', user: 'ada' }
    expect(await json(['git', '--json', ...of])).to.deep.equal({
      origin: 'https://host/you/app.git',
      deployBranch: null,
      logins: [login],
    })
    expect(await json(['git:auth:remove', 'github.com', '--json', ...of])).to.deep.equal(login)
    expect((await berth(['git:auth:remove', 'github.com', ...of])).stderr).to.include('no login for "github.com"')
    expect(await json(['git:unset', 'origin', '--json', ...of])).to.include({ origin: null })
    expect((await berth(['git:unset', 'branch', ...of])).code).to.equal(2)
  })
})
