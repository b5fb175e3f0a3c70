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
})
