import { expect } from 'chai'
import { setCli } from './rig.js'

describe('certificates on demand on the command line', function () {
  this.timeout(30_000)
  const cli = setCli()
  const { berth, json } = cli

  it('are switched on, shown and switched off', async () => {
    const { id } = await cli.api.pushed('shop')
    const on = (...args: string[]) => berth(['certs:on-demand', ...args, '-a', 'shop'])
    expect((await on()).stdout).to.match(/On demand:? +off/)
    expect((await on('--allow', 'a.example.org', '*.b.example', '--ask', '/allowed', '--most', '7')).stderr).to.match(
      /^shop is given hostnames that no app has, once they are allowed and lead here/,
    )
    await cli.api.store.onDemand.judge({ host: 'x.example', at: new Date().toISOString(), allowed: false, says: 'why' })
    const shown = (await on()).stdout
    expect(shown)
      .to.match(/Allowed:? +\*\.b\.example, a\.example\.org/)
      .and.match(/Asked:? +\/allowed/)
    expect(shown)
      .to.match(/, 7 in all/)
      .and.match(/x\.example +not allowed: why/)
    expect(await json(['certs:on-demand', '-a', 'shop', '--json'])).to.deep.include({ on: true, most: 7 })
    await cli.api.store.apps.update(id, {
      domains: [{ host: 'x.example.org', createdAt: new Date().toISOString(), onDemand: true }],
    })
    expect((await berth(['domains', '-a', 'shop'])).stdout).to.match(/x\.example\.org +on demand, since/)
    expect((await on('--off')).stderr).to.match(/^shop is given no hostnames on demand any more/)
    expect((await on('--off')).stderr).to.include('shop has no certificates on demand')
    expect((await on('--off', '--most', '3')).stderr).to.include('contradict')
    expect((await on('--most', 'x')).stderr).to.include('"x" is no number')
    expect((await on('--most', '3')).stderr).to.include('not said which hostnames')
  })
})
