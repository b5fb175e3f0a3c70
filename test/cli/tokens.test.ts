import { expect } from 'chai'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setCli } from './rig.js'

describe('tokens on the command line', function () {
  this.timeout(20_000)
  const cli = setCli()
  const { berth, json } = cli

  it('work, and are shown once', async () => {
    const made = await berth(['tokens:create', 'ci', '--expires', '30d'])
    expect(made.stderr).to.match(/^The token of ci, expires 20\d\d-.*; it cannot be shown again:\n$/)
    const other = {
      ...cli.env,
      BERTH_CONFIG_DIR: join(cli.dir, 'ci'),
      BERTH_URL: cli.api.url,
      BERTH_TOKEN: made.stdout.trim(),
    }
    expect((await berth(['apps'], { env: other })).code).to.equal(0)
    const list = await berth(['tokens'])
    expect(list.stdout)
      .to.match(/^\w{12} {2}rig +made .* never expires .* this one$/m)
      .and.to.match(/^\w{12} {2}ci .* used /m)
    expect(list.stdout).to.not.include(made.stdout.trim())
    const revoked = await berth(['tokens:revoke', 'ci'], { env: other })
    expect(revoked.stderr).to.match(/^Revoked ci \(\w{12}\)\nIt was the one this command came with/)
    expect((await berth(['apps'], { env: other })).stderr).to.include('the token in BERTH_TOKEN is not good')
  })

  it('are named by the label, else by who makes them', async () => {
    expect(((await json(['tokens:create', '--label', 'a', '--json'])) as { name: string }).name).to.equal('a')
    expect(((await json(['tokens:create', '--json'])) as { name: string }).name).to.match(/^.+@.+$/)
    expect((await berth(['tokens:create', 'x'.repeat(101)])).stderr).to.include('name: at most 100 characters')
    expect((await berth(['tokens:create', 'x', '--expires', 'never'])).stderr).to.include('write it as 30d, 12h or 90m')
    expect((await berth(['tokens:revoke', 'nobody'])).stderr).to.include('no token "nobody"')
  })

  it('are kept from everybody else', async () => {
    for (const file of ['credentials.json', 'git-credentials'])
      expect((await stat(join(cli.dir, 'credentials', file))).mode & 0o777).to.equal(0o600)
  })
})
