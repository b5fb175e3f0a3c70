import { expect } from 'chai'
import { setCli } from './rig.js'

describe('releases on the command line', function () {
  this.timeout(20_000)
  const cli = setCli()
  const { berth, json } = cli

  it('are listed, described and gone back to', async () => {
    await cli.api.pushed('rolling')
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

  it('are named v4 or 4, and nothing else', async () => {
    for (const wrong of ['v0', '0', '04', 'v', 'latest', '-1', '1.5', '1e3', 'v'.repeat(100), '9'.repeat(10)])
      for (const command of ['rollback', 'releases:info']) {
        const { code, stderr } = await berth([command, '-a', 'rolling', '--', wrong])
        expect([code, stderr.includes('is not a release')], `${command} ${wrong}`).to.deep.equal([2, true])
      }
    expect((await berth(['releases:info', '4', '-a', 'rolling'])).stdout).to.match(/^=== Release v4 of rolling\n/)
    expect((await berth(['releases:info', 'v999', '-a', 'rolling'])).stderr).to.include('no release v999')
    expect((await berth(['releases', '-n', '1', '-a', 'rolling'])).stdout.trim().split('\n')).to.have.length(3)
    for (const count of ['-1', 'x', '1.5', ''])
      expect((await berth(['releases', `--num=${count}`, '-a', 'rolling'])).code, count).to.equal(2)
  })

  it('show what they run and how large, and names of config vars only', async () => {
    await berth(['config:set', 'SECRET=hunter2', '-a', 'rolling'])
    const { stdout } = await berth(['releases:info', '-a', 'rolling'])
    expect(stdout)
      .to.match(/^web: +1:512M:1 node server\.js$/m)
      .and.to.match(/^Config vars: +.*SECRET/m)
    expect(stdout).to.not.include('hunter2')
  })
})
