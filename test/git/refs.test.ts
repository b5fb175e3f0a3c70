import { existsSync, writeFileSync } from 'node:fs'
import { mkdir, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { GitFailed } from '../../src/git/git.js'
import { moveRef, readRef, tryRef } from '../../src/git/refs.js'
import { bareRepository, failure, type BareRepository } from './bare.js'

describe('the refs of a repository', () => {
  let bare: BareRepository
  let [one, two] = ['', '']
  before(async () => {
    bare = await bareRepository()
    one = await bare.commit()
    two = await bare.commit({}, one)
  })
  beforeEach(async () => {
    await rm(join(bare.path, 'refs'), { recursive: true, force: true })
    await rm(join(bare.path, 'packed-refs'), { force: true })
    await mkdir(join(bare.path, 'refs/heads'), { recursive: true })
  })
  after(() => bare[Symbol.asyncDispose]())

  const main = 'refs/heads/main'
  const refs = async () => (await bare.git('for-each-ref', '--format=%(refname)')).split('\n').filter(Boolean)

  it('are read loose and packed, the loose one first', async () => {
    expect(await readRef(bare.path, main)).to.equal(null)
    await moveRef(bare.path, main, one)
    expect(await readRef(bare.path, main)).to.equal(one)
    await bare.git('pack-refs', '--all')
    expect([existsSync(join(bare.path, main)), await readRef(bare.path, main)]).to.deep.equal([false, one])
    await moveRef(bare.path, main, two)
    expect(await readRef(bare.path, main)).to.equal(two)
  })

  it('are not those that only end or begin alike', async () => {
    await moveRef(bare.path, 'refs/heads/x/main', one)
    await moveRef(bare.path, 'refs/heads/mainly', one)
    await bare.git('pack-refs', '--all')
    for (const ref of [main, 'refs/heads/x', 'refs/heads/ly']) expect(await readRef(bare.path, ref), ref).to.equal(null)
  })

  it('are none where a directory of their name was left', async () => {
    await mkdir(join(bare.path, main, 'below'), { recursive: true })
    expect(await readRef(bare.path, main)).to.equal(null)
    await moveRef(bare.path, main, one)
    expect(await readRef(bare.path, main)).to.equal(one)
  })

  it('are not taken for missing when they cannot be read', async () => {
    await symlink('main', join(bare.path, main)) // of itself: ELOOP
    expect(await failure(readRef(bare.path, main))).to.include({ code: 'ELOOP' })
  })

  for (const [there, ref] of [
    [['a', 'ab', 'b'], 'a/b'],
    [['a/b/c', 'a/d', 'ab'], 'a'],
    [['a/b'], 'a/b/c/d'],
  ] as const)
    it(`make way for ${ref}: ${there.join(', ')}`, async () => {
      for (const branch of there) await moveRef(bare.path, `refs/heads/${branch}`, one)
      const before = await refs()
      await tryRef(bare.path, `refs/heads/${ref}`, two, {})
      expect(await refs()).to.deep.equal(before)
      await moveRef(bare.path, `refs/heads/${ref}`, two)
      const alike = there.filter((branch) => ['ab', 'b'].includes(branch)).map((branch) => `refs/heads/${branch}`)
      expect(await refs()).to.deep.equal([`refs/heads/${ref}`, ...alike].sort())
    })

  it('are moved though a git that was killed has locked them', async () => {
    await moveRef(bare.path, main, one)
    writeFileSync(join(bare.path, `${main}.lock`), '')
    await moveRef(bare.path, main, two)
    expect([await readRef(bare.path, main), existsSync(join(bare.path, `${main}.lock`))]).to.deep.equal([two, false])
  })

  it('are tried without being moved, and the lock is let go', async () => {
    await tryRef(bare.path, main, one, {})
    expect([await readRef(bare.path, main), existsSync(join(bare.path, `${main}.lock`))]).to.deep.equal([null, false])
  })

  it('are not moved to what is not there, nor under a name that git has not', async () => {
    for (const [ref, commit] of [
      [main, '1'.repeat(40)],
      ['refs/heads/a..b', one],
      ['refs/heads/a\nupdate refs/heads/evil', one],
    ] as const) {
      expect(await failure(tryRef(bare.path, ref, commit, {})), ref).to.be.instanceOf(GitFailed)
      expect(await failure(moveRef(bare.path, ref, commit)), ref).to.be.instanceOf(GitFailed)
    }
    expect(await refs()).to.deep.equal([])
  })
})
