import { expect } from 'chai'
import { walkSubmodules, type PinnedCommit } from '../../../src/git/submodules/merge.js'
import { GitKeys } from '../../../src/store/git-keys.js'
import { gitLogins } from '../../../src/store/logins.js'
import type { App } from '../../../src/store/apps.js'
import { loadConfig } from '../../../src/config.js'
import { exportedCommit } from '../../../src/builds/submodules.js'
import { Disk } from '../../../src/git/disk.js'
import { SubmoduleCache } from '../../../src/git/submodules/cache.js'
import { mergeSubmodules } from '../../../src/git/submodules/submodules.js'
import { must } from '../../run.js'
import { gitEnv } from '../rig.js'
import { readTree } from '../../../src/git/tree.js'
import { patience } from '../../patience.js'
import { bareRepository, failure, type BareRepository } from '../bare.js'
import { gitmodules, type Links } from '../remote.js'

const limits = { memory: 2 ** 30, seconds: 60, size: 2 ** 30, tree: 2 ** 30, files: 1000 }

const gone = '2'.repeat(40)

describe('submodules within submodules', function () {
  this.timeout(20_000 * patience)
  let bare: BareRepository
  before(async () => {
    bare = await bareRepository()
  })
  after(() => bare[Symbol.asyncDispose]())

  const commit = async (links: Links): Promise<string> => {
    const file = `100644 blob ${await bare.blob(gitmodules(links))}\t.gitmodules`
    return bare.commitTree([
      file,
      ...Object.entries(links).map(([path, { commit }]) => `160000 commit ${commit}\t${path}`),
    ])
  }
  const wanted: PinnedCommit[] = []
  const walk = async (commit: string, origin: URL | null = null) => {
    wanted.length = 0
    // has all that there is
    const missing = (commits: readonly string[]) => Promise.resolve(new Set(commits.filter((one) => one === gone)))
    const cache = { path: bare.path, env: {}, missing }
    const obtain = (some: readonly PinnedCommit[]) => Promise.resolve(void wanted.push(...some))
    const facts = await readTree(bare.path, commit, {}, limits)
    const source = { repository: bare.path, commit, env: {} }
    return walkSubmodules({ cache, limits, origin, obtain }, source, facts)
  }

  it('are found in their places, with URLs that count from where their parents are from', async () => {
    const leaf = await bare.commit({ a: ['100644', 'a'] })
    const inner = await commit({ deep: { url: './deep', commit: leaf }, up: { url: '../up.git', commit: leaf } })
    const top = await commit({
      lib: { url: '../lib.git', commit: inner },
      abs: { url: 'https://else/x', commit: leaf },
    })
    const places = await walk(top, new URL('https://host/you/app.git'))
    expect(places.map(({ path }) => path)).to.have.members(['lib', 'abs', 'lib/deep', 'lib/up'])
    const away = await commit({ lib: { url: '../lib.git', commit: gone } })
    await failure(walk(away, new URL('https://host/you/app.git')))
    expect(wanted.map(({ path, origin }) => [path, origin.url.href])).to.deep.equal([
      ['lib', 'https://host/you/lib.git'],
    ])
    expect(await failure(walk(top)))
      .to.include({ fault: 'invalid' })
      .with.property('hint')
      .that.includes('git:set origin')
  })

  it('are refused below so many, however many there are in all, and where one of them is wrong', async () => {
    let last = await bare.commit({ a: ['100644', 'a'] })
    for (let depth = 0; depth < 5; depth += 1) last = await commit({ d: { url: 'https://host/d', commit: last } })
    expect(await walk(last)).to.have.length(5)
    const deeper = await commit({ top: { url: 'https://host/d', commit: last } })
    expect(await failure(walk(deeper)))
      .to.include({ fault: 'large' })
      .with.property('message')
      .that.includes('top/d/d/d/d/d: ')
    const leaf = await bare.commit({ b: ['100644', 'b'] })
    const many = (count: number) =>
      commit(
        Object.fromEntries(
          Array.from({ length: count }, (_, at) => [`m${String(at)}`, { url: 'https://host/m', commit: leaf }]),
        ),
      )
    const wide = await commit({
      a: { url: 'https://host/m', commit: leaf },
      b: { url: 'https://host/m', commit: await many(99) },
    })
    expect(await failure(walk(wide)))
      .to.include({ fault: 'large' })
      .with.property('message')
      .that.includes('more than 100')
    const wrong = await commit({
      out: { url: 'https://host/m', commit: await commit({ x: { url: 'file:///etc', commit: leaf } }) },
    })
    expect(await failure(walk(wrong)))
      .to.include({ fault: 'invalid' })
      .with.property('message')
      .that.includes('out/x: ')
  })

  it('are one tree with the commit that pins them: its limits hold for all, and its id is that of its files', async () => {
    await using other = await bareRepository()
    const inner = await other.commit({ 'a.txt': ['100644', 'a'], 'b.txt': ['100755', 'b'] })
    const pinning = await commit({ 'in side é': { url: 'https://host/lib', commit: inner } })
    const cache = new SubmoduleCache(bare.path)
    await cache.ensure(2 ** 30)
    await cache.adopt(other.path)
    const merged = async (files: number) => {
      const config = { ...loadConfig({ BERTH_ROOT: bare.dir }), push: { ...limits, files } }
      const source = { repository: bare.path, commit: pinning, env: {} }
      const deps = {
        config,
        store: {
          gitLogins: (id: string) => gitLogins(null as never, id),
          gitKeys: (id: string) => new GitKeys(null as never, id),
        },
        disk: new Disk(bare.dir, 0),
      }
      const facts = await readTree(bare.path, pinning, {}, limits)
      return mergeSubmodules(deps, { gitOrigin: undefined } as App, source, facts)
    }
    const [one, again] = [await merged(10), await merged(10)]
    const files = await must('git', ['ls-tree', '-r', '-z', '--name-only', one.tree.commit], {
      cwd: bare.path,
      env: { ...gitEnv, ...one.tree.env },
    })
    expect(files.split('\0')).to.include.members(['in side é/a.txt', 'in side é/b.txt'])
    expect([again.tree.commit, again.facts.id, one.facts.links]).to.deep.equal([one.tree.commit, one.facts.id, []])
    expect(await failure(merged(3)))
      .to.include({ fault: 'large' })
      .with.property('message')
      .that.includes('more than 3 files')
    expect(await exportedCommit(bare.path, pinning)).to.include({ commit: one.tree.commit })
  })
})
