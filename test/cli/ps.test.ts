import { expect } from 'chai'
import { UsageError } from '../../src/cli/failure.js'
import { parseScale } from '../../src/cli/ps.js'
import { setCli } from './rig.js'

describe('processes on the command line', function () {
  this.timeout(20_000)
  const cli = setCli()
  const { berth, json } = cli

  it('are scaled, shown and restarted', async () => {
    await cli.api.pushed('scaled')
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

  it('are scaled to what a word says, or it is told how to say it', () => {
    expect(parseScale('web=3')).to.deep.equal(['web', { quantity: 3 }])
    expect(parseScale('web=0:1G:0.5')).to.deep.equal(['web', { quantity: 0, memory: 2 ** 30, cpus: 0.5 }])
    expect(parseScale('a b=1::2')).to.deep.equal(['a b', { quantity: 1, cpus: 2 }])
    for (const wrong of [
      '',
      'web',
      '=1',
      'web=',
      'web=-1',
      'web=1.5',
      'web=1:1G:',
      'web=1:1G:x',
      'web=1:1G:1:1',
      'web=1e3',
    ])
      expect(() => parseScale(wrong), wrong).to.throw(UsageError, 'does not say how many of what')
    for (const many of ['web=101', `web=${'9'.repeat(400)}`])
      expect(() => parseScale(many), many).to.throw(UsageError, 'at most 100 of one type')
  })

  it('of an app that was never pushed are none, and may be scaled all the same', async () => {
    await cli.api.client.apps.create({ name: 'early' })
    expect((await berth(['ps', '-a', 'early'])).stderr).to.include('early runs nothing')
    expect((await berth(['ps:scale', '-a', 'early'])).stderr).to.include('no process types yet')
    expect((await berth(['ps:scale', 'worker=2', '-a', 'early'])).stderr).to.equal(
      'Scaling worker=2 of early... done, v2\n',
    )
    expect(await json(['ps:scale', '--json', '-a', 'early'])).to.have.nested.property('worker.quantity', 2)
    expect((await berth(['ps:rebuild', '-a', 'early'])).stderr).to.include('nothing to build again')
  })

  it('are built again for every app that was pushed, and those that were not are named in the end', async () => {
    const both = await berth(['ps:rebuild', '--all', '-a', 'scaled'])
    expect([both.code, both.stderr.includes('exclude each other')]).to.deep.equal([2, true])
    const { code, stderr } = await berth(['ps:rebuild', '--all'])
    expect(code).to.equal(1)
    expect(stderr)
      .to.match(/^Rebuilding scaled\.\.\. !\n/)
      .and.to.match(/not rebuilt: scaled\n/)
    expect(stderr, 'never pushed').to.not.include('Rebuilding early')
  })
})
