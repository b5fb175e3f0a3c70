import { expect } from 'chai'
import { join } from 'node:path'
import { unwatchedBy } from '../../src/git/watch.js'
import { gitRig, type GitRig } from './rig.js'
import type { PushChange } from '../../src/changes/push.js'

describe('a push of a repository of which an app is built in part', function () {
  this.timeout(30_000)
  let rig: GitRig
  before(async () => {
    rig = await gitRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  it('says what it changes of what is not watched, since what runs, and nothing where it changes more', async () => {
    const app = await rig.app('watch')
    const copy = await rig.clone('watch', { 'apps/web/a': '1', 'docs/a': '1', 'docs/b': '1' })
    let unwatched: PushChange['unwatched']
    rig.fate = (operation) => {
      unwatched = (operation.change as PushChange).unwatched
      return null
    }
    const push = async (files: Record<string, string>): Promise<string | undefined> => {
      await copy.commit(files)
      const { code, stderr } = await copy.git('push', 'berth', 'main')
      expect(code, stderr).to.equal(0)
      return unwatched?.paths
    }
    expect(await push({ 'docs/a': '2' }), 'nothing runs').to.equal(undefined)
    const since = await rig.tip(app)
    const current = await rig.store.releases.current(app)
    await rig.store.releases.put({ ...current, commit: since })
    expect(await push({ 'docs/a': '3' }), 'all is watched').to.equal(undefined)
    const watch = 'apps/web/**,!**/*.md'
    await rig.store.releases.put({ ...current, commit: since, config: { BERTH_WATCH_PATHS: watch } })
    expect(await push({ 'docs/b': '2', 'apps/web/x.md': '' })).to.equal('apps/web/x.md, docs/a, docs/b')
    expect(unwatched).to.include({ since, watch })
    expect(await push({ 'apps/web/a': '2' })).to.equal(undefined)
    expect(await push({ 'docs/a': '4' }), 'that before is not built yet').to.equal(undefined)
    expect(await push({ 'apps/web/a': '1' }), 'all in all').to.equal('apps/web/x.md, docs/a, docs/b')
    expect(await push({ Procfile: 'web: x' }), 'what always counts').to.equal(undefined)
    const [before, after] = ['2'.repeat(40), '3'.repeat(40)]
    const pin = async (commit: string): Promise<string> => {
      await copy.git('update-index', '--add', '--cacheinfo', `160000,${commit},docs/lib`)
      await copy.git('commit', '-q', '-m', 'pinned')
      return (await copy.git('rev-parse', 'HEAD')).stdout.trim()
    }
    const [one, two] = [await pin(before), await pin(after)]
    const source = { repository: copy.dir, commit: two, env: { GIT_DIR: join(copy.dir, '.git') } }
    await rig.store.releases.put({ ...current, commit: one, config: { BERTH_WATCH_PATHS: watch } })
    expect(await unwatchedBy(rig.store, app, source), 'a submodule').to.equal(null)
    await copy.git('reset', '-q', '--hard', 'HEAD~2')
    await rig.store.releases.put({ ...current, commit: '1'.repeat(40), config: { BERTH_WATCH_PATHS: watch } })
    expect(await push({ 'docs/a': '5' }), 'what runs is not there').to.equal(undefined)
  })
})
