import { expect } from 'chai'
import { setCli } from './rig.js'

describe('builds on the command line', function () {
  this.timeout(20_000)
  const cli = setCli()
  const { berth, json } = cli

  it('of an app that has none are none', async () => {
    await cli.api.client.apps.create({ name: 'fresh' })
    expect((await berth(['builds', '-a', 'fresh'])).stderr).to.include('no builds yet')
    expect((await berth(['builds:output', '-a', 'fresh'])).stderr).to.include('no builds yet')
    expect((await berth(['builds:cancel', '-a', 'fresh'])).stderr).to.equal('fresh has no build under way\n')
  })

  it('are listed, described, and show what they wrote and how they ended', async () => {
    const { id: app } = await cli.api.pushed('built')
    const push = { kind: 'push', commit: 'f'.repeat(40), branch: 'main' } as const
    const { id } = await cli.api.store.operations.create(app, push)
    const followed = await berth(['builds:output', '-f', '-a', 'built'])
    expect(followed.code).to.equal(1)
    expect(followed.stdout).to.include('the pushed source is not there any more')
    expect(await berth(['builds:output', id, '-a', 'built'])).to.deep.equal({
      code: 0,
      stdout: followed.stdout,
      stderr: '',
    })
    expect((await berth(['builds', '-a', 'built'])).stdout).to.match(
      new RegExp(`^=== built Builds\n\n${id}  fffffff  main  failed `),
    )
    const info = await berth(['builds:info', '-a', 'built'])
    expect(info.stdout).to.match(/^=== Build .* of built\n\nfffffff .*\nthe pushed source is not there/)
    expect(await json(['builds', '--json', '-a', 'built'])).to.have.length(1)
    expect((await berth(['builds:cancel', id, '-a', 'built'])).stderr).to.equal(`build ${id} is over: failed\n`)
    for (const odd of ['nope', '__proto__', '..%2F..'])
      expect((await berth(['builds:info', odd, '-a', 'built'])).stderr, odd).to.include('built has no build')
  })

  it('are said where to begin, which is for the next push', async () => {
    await cli.api.pushed('mono')
    expect((await berth(['builds:set', '-a', 'mono'])).stderr).to.include('built from the top of its repository')
    const set = await berth(['builds:set', 'dir=apps/web', 'target=run', '-a', 'mono'])
    expect([set.code, set.stdout]).to.deep.equal([0, ''])
    expect(set.stderr).to.match(/^Setting dir=apps\/web, target=run of mono\.\.\. done, v3\nThe next push is built so/)
    expect((await berth(['builds:set', '-a', 'mono'])).stdout).to.equal('dir:     apps/web\ntarget:  run\n')
    expect(await json(['builds:set', '--json', '-a', 'mono'])).to.deep.equal({ dir: 'apps/web', target: 'run' })
    expect(await json(['config', '--json', '-a', 'mono'])).to.include({ BERTH_APP_DIR: 'apps/web' })
    const push = { kind: 'push', commit: 'f'.repeat(40), branch: 'main' } as const
    const { id } = await cli.api.store.operations.create((await cli.api.store.apps.get('mono')).id, push)
    await berth(['builds:output', id, '-f', '-a', 'mono'])
    expect((await berth(['builds', '-a', 'mono'])).stdout).to.include('=== mono Builds\n\ndir=apps/web target=run\n\n')
    expect((await berth(['builds:unset', 'dir', 'target', '-a', 'mono'])).code).to.equal(0)
    expect(await json(['builds:set', '--json', '-a', 'mono'])).to.deep.equal({})
    for (const [word, said] of [
      ['dir=../x', 'leads out of the repository'],
      ['dir=', 'to unset it: berth builds:unset dir'],
      ['apps/web', 'is not name=value'],
      ['folder=x', 'there are dir, dockerfile, target'],
    ] as const) {
      const { code, stderr } = await berth(['builds:set', word, '-a', 'mono'])
      expect([code === 0, stderr], word).to.deep.equal([false, stderr])
      expect(stderr).to.include(said)
    }
  })

  it('are cancelled, all that are not over', async () => {
    const { id: app } = await cli.api.pushed('busy')
    const healthy = cli.api.rollOut
    const begun = Promise.withResolvers<unknown>()
    const go = Promise.withResolvers<undefined>()
    cli.api.rollOut = () => {
      begun.resolve(null)
      return go.promise
    }
    try {
      await cli.api.client.config.change({ app: 'busy', set: { A: '1' } })
      await begun.promise
      const { id } = await cli.api.store.operations.create(app, {
        kind: 'push',
        commit: 'e'.repeat(40),
        branch: 'main',
      })
      const { code, stderr } = await berth(['builds:cancel', '-a', 'busy'])
      expect([code, stderr]).to.deep.equal([0, `Cancelling build ${id} of busy... done\n`])
    } finally {
      go.resolve(undefined)
      cli.api.rollOut = healthy
    }
  })
})
