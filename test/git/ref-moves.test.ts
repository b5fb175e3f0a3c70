import { readFileSync, writeFileSync } from 'node:fs'
import { mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { moveToPush, prepareMove } from '../../src/git/ref-moves.js'
import { readMoves, type Push } from '../../src/git/pushes.js'
import type { Operation } from '../../src/store/operations.js'
import { must, run } from '../run.js'
import { bareRepository, failure, type BareRepository } from './bare.js'
import { gitRig, type GitRig } from './rig.js'

describe('the ref of a push that was deployed', () => {
  let bare: BareRepository
  let [one, two] = ['', '']
  before(async () => {
    bare = await bareRepository()
    await mkdir(join(bare.path, 'berth'))
    one = await bare.commit()
    two = await bare.commit({ a: ['100644', 'a'] }, one)
  })
  after(() => bare[Symbol.asyncDispose]())

  const landed = (branch: string, commit: string, release: number | null, more: Partial<Operation> = {}) => {
    const command = { ref: `refs/heads/${branch}`, old: '0'.repeat(40), new: commit }
    const push: Push = { id: '1-1', operation: 'd', command, refused: [] }
    return moveToPush(bare.path, push, { release, ...more } as Operation)
  }
  const tip = (branch: string) => bare.git('rev-parse', '--verify', `refs/heads/${branch}`)

  it('is moved, and HEAD with it, and may be again', async () => {
    await landed('main', one, 1)
    await landed('main', one, 1)
    await landed('live', two, 2)
    await landed('live', two, 2)
    expect([await tip('main'), await tip('live')]).to.deep.equal([one, two])
    expect(readFileSync(join(bare.path, 'HEAD'), 'utf8')).to.equal('ref: refs/heads/live\n')
    expect(await readMoves(bare.path)).to.deep.equal({
      'refs/heads/main': { release: 1, commit: one },
      'refs/heads/live': { release: 2, commit: two },
    })
  })

  it('is never taken back from a later release', async () => {
    await landed('late', two, 8)
    await landed('late', one, 7)
    expect(await tip('late')).to.equal(two)
    await landed('late', one, 9)
    expect(await tip('late')).to.equal(one)
  })

  it('is moved by a push that found its tree running, and never taken back from a later one', async () => {
    const at = (second: number) => `2026-01-01T00:00:0${String(second)}.000Z`
    await landed('same', one, 3, { finishedAt: at(1) })
    await landed('same', two, null, { finishedAt: at(2), unchanged: 3 })
    expect(await tip('same')).to.equal(two)
    await landed('same', one, 3, { finishedAt: at(1) })
    expect(await tip('same'), 'settled late').to.equal(two)
    await landed('same', one, null, { finishedAt: at(3), unchanged: 3 })
    await landed('same', two, null, { finishedAt: at(2), unchanged: 3 })
    expect(await tip('same'), 'settled late').to.equal(one)
    await landed('same', two, 4, { finishedAt: at(4) })
    await landed('same', one, null, { finishedAt: at(3), unchanged: 3 })
    expect(await tip('same'), 'settled late').to.equal(two)
  })

  it('is written down where it was moved and no more', async () => {
    await bare.git('update-ref', 'refs/heads/half', two)
    await landed('half', two, 5)
    expect((await readMoves(bare.path))['refs/heads/half']).to.deep.equal({ release: 5, commit: two })
  })

  it('is tried beforehand with room to spare, and not moved', async () => {
    const command = { ref: 'refs/heads/new', old: '0'.repeat(40), new: two }
    const spare = join(bare.path, 'berth', 'spare')
    for (const before of [null, 'cut']) {
      await rm(spare, { force: true })
      if (before !== null) writeFileSync(spare, before)
      await prepareMove(bare.path, command, {})
      expect((await stat(spare)).size).to.equal(64 * 1024)
    }
    expect(await failure(tip('new'))).to.be.instanceOf(Error)
  })

  it('is refused beforehand for a tag, which has a commit’s tree, be branches in the way or not', async () => {
    await bare.git('-c', 'user.name=x', '-c', 'user.email=x', 'tag', '-a', '-m', 'one', 'v1', one)
    const tag = await bare.git('rev-parse', 'v1')
    await landed('way/below', one, 3)
    for (const ref of ['refs/heads/free', 'refs/heads/way']) {
      const error = await failure(prepareMove(bare.path, { ref, old: '0'.repeat(40), new: tag }, {}))
      expect(error, ref).to.include({ fault: 'invalid', hint: 'push <name>^{}:main' })
      expect((error as Error).message, ref).to.match(/and this is a tag$/)
    }
  })

  it('is refused beforehand where the ref cannot stand, or the commit is not there', async () => {
    for (const [ref, commit] of [
      ['refs/heads/a..b', two],
      ['refs/heads/.hidden', two],
      ['refs/heads/x.lock', two],
      ['refs/heads/none', '1'.repeat(40)],
    ] as const) {
      const error = await failure(prepareMove(bare.path, { ref, old: '0'.repeat(40), new: commit }, {}))
      expect(error, ref).to.include({ fault: 'conflict' })
      expect((error as Error).message, ref).to.include(`${ref.slice(11)} cannot be moved to the pushed commit`)
    }
  })
})

describe('a push to a full disk', function () {
  this.timeout(60_000)
  let rig: GitRig
  let git = ''
  before(async () => {
    rig = await gitRig({
      settings: { BERTH_DISK_RESERVE: '0' },
      prepare: async (config) => {
        git = join(config.root, 'git')
        await mkdir(git, { recursive: true })
        await must('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', git])
      },
    })
  })
  after(async () => {
    await run('umount', ['--lazy', git])
    await rig[Symbol.asyncDispose]()
  })
  const fill = (): Promise<unknown> => run('dd', ['if=/dev/zero', `of=${join(git, 'fill')}`, 'bs=4096'])

  it('is refused before anything is built', async () => {
    const app = await rig.app('full')
    const copy = await rig.clone('full')
    await copy.git('ls-remote', 'berth')
    await fill()
    const pushed = await copy.git('push', 'berth', 'main')
    await rm(join(git, 'fill'))
    expect(pushed.code).not.to.equal(0)
    expect(await rig.store.operations.list(app.id)).to.have.length(0)
    const again = await copy.git('push', 'berth', 'main')
    expect(again.code, again.stderr).to.equal(0)
    expect(await rig.fsck(app)).to.equal('')
  })

  it('that filled up while it was built lands all the same', async () => {
    const app = await rig.app('fills')
    const copy = await rig.clone('fills')
    rig.fate = async () => {
      await fill()
      return null
    }
    const pushed = await copy.git('push', 'berth', 'main')
    const tip = await rig.tip(app)
    await rm(join(git, 'fill'))
    expect(pushed.code, pushed.stderr).to.equal(0)
    expect(tip).to.equal((await copy.git('rev-parse', 'HEAD')).stdout.trim())
    expect(await rig.fsck(app)).to.equal('')
  })
})
