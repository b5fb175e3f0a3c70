import { expect } from 'chai'
import { patience } from '../../patience.js'
import { answering } from '../apps.js'
import { createApp, instance, type Instance } from '../instance.js'

describe('watch-paths', function () {
  this.timeout(180_000 * patience)
  let berth: Instance
  before(async () => {
    berth = await instance()
  })

  it('have a push that changes none of them move the ref and build nothing, unless it is to', async () => {
    const inFolder = (text: string) =>
      Object.fromEntries(Object.entries(answering(text)).map(([path, file]) => [`apps/web/${path}`, file]))
    const repo = await berth.repository({ ...inFolder('one'), 'docs/a.md': 'a' })
    const app = await createApp(berth, repo, 'watched')
    const set = await berth.berth(['builds:set', 'dir=apps/web', 'watch-paths=apps/web/**,packages/**', '-a', app])
    expect(set.code, set.stderr).to.equal(0)
    const push = async (words: RegExp, ...more: string[]): Promise<string> => {
      const { code, stderr } = await repo.push(...more)
      expect(code, stderr).to.equal(0)
      expect(stderr).to.match(words)
      return stderr
    }
    await push(/Building/)
    const docs = await repo.commit({ 'docs/a.md': 'b', 'docs/b.md': 'b' })
    expect(await push(/Nothing of watch-paths has changed \(docs\/a\.md, docs\/b\.md\) since /)).to.not.include(
      'Building',
    )
    expect((await repo.git('ls-remote', 'berth', 'main')).stdout).to.match(new RegExp(`^${docs}\\t`))
    await repo.commit({ 'docs/c.md': 'c' })
    await push(/Building/, '-o', 'rebuild', 'main')
    await repo.commit(inFolder('two'))
    await push(/Building/)
    expect((await berth.curl(app)).body).to.equal('two')
    const long = await berth.berth(['builds:set', `watch-paths=${'a/**,'.repeat(30)}b`, '-a', app])
    expect(long.code).to.equal(1)
    expect(long.stderr).to.include('use at most 20 globs')
  })
})
