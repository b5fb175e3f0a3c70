import { expect } from 'chai'
import { setCli } from './rig.js'

describe('canaries on the command line', function () {
  this.timeout(20_000)
  const cli = setCli()
  const { berth, json } = cli
  const app = 'trying'

  it('are begun, shown, promoted and ended', async () => {
    await cli.api.pushed(app)
    await berth(['config:set', 'A=1', '-a', app])
    expect(await berth(['canary', '-a', app])).to.deep.include({ code: 0, stdout: '' })
    expect(await json(['canary', '--json', '-a', app])).to.equal(null)
    const begin = ['canary', 'v2', '10%', '--header', 'X-Beta: 1', '--processes', '2', '-a', app]
    // an engine that is not there has no image
    expect((await berth(begin)).stderr).to.match(/^Starting v2 as the canary of trying\.\.\./)
    const { id } = await cli.api.store.apps.get(app)
    const header = { name: 'x-beta', value: '1' }
    await cli.api.store.apps.update(id, {
      canary: { release: 2, since: '2026-01-02T03:04:05.000Z', percent: 10, header },
    })
    const counts = { stable: { requests: 30, errors: 0 }, canary: { requests: 4, errors: 1 } }
    await cli.api.store.canaries.count(id, '2026-01-02T03:04:05.000Z', counts)
    const { stdout } = await berth(['canary', '-a', app])
    expect(stdout).to.match(/^=== trying: v2 gets 10 % of clients, and requests with x-beta: 1, since /)
    expect(stdout)
      .to.match(/^stable +v3 +30 requests +0 errors \(0\.0 %\)/m)
      .and.match(/^canary +v2 +4 requests +1 errors \(25\.0 %\)/m)
    expect(await json(['canary', '--json', '-a', app])).to.deep.include({ percent: 10, header })
    expect((await berth(['config:set', 'B=1', '-a', app])).stderr).to.match(/v2 is the canary of trying now/)
    const off = await berth(['canary:off', '-a', app])
    expect(off, off.stderr).to.include({ code: 0 })
    expect(off.stderr).to.match(/All requests go to v3; no new release/)
    for (const command of ['canary:off', 'canary:promote'])
      expect(
        await berth([command, '-a', app]).then(({ code, stderr }) => [code, /trying has no canary/.test(stderr)]),
      ).to.deep.equal([1, true])
  })

  it('are shares from 1% to 99%, and headers that can be told', async () => {
    for (const [args, said] of [
      [['v2', '0%'], /canary:off/],
      [['v2', '100%'], /canary:promote/],
      [['v2', '101%'], /1% to 99%/],
      [['v2', 'ten'], /1% to 99%/],
      [['v2', '10%%'], /1% to 99%/],
      [['v2', '--', '-10%'], /1% to 99%/],
      [['v2', '1e1'], /1% to 99%/],
      [['v0', '10%'], /not a release/],
      [['v2', '--header', 'X-Beta'], /not a header/],
      [['v2', '--header', ': 1'], /not a header/],
      [['v2', '10%', '--processes', '0'], /not a number of processes/],
      [['--header', 'X-Beta: 1'], /no release that this is of/],
    ] as const) {
      const { code, stderr } = await berth(['canary', '-a', app, ...args])
      expect([code, said.test(stderr)], `${args.join(' ')}\n${stderr}`).to.deep.equal([2, true])
    }
    for (const header of ['X-Beta: 1\r\nHost: x', 'Transfer-Encoding: chunked', 'Cookie: a=b', 'X-Beta:'])
      expect((await berth(['canary', 'v2', '--header', header, '-a', app])).stderr, header).to.match(
        /no header that requests may be told by/,
      )
  })
})
