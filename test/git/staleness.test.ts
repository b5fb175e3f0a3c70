import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { stalenessOf } from '../../src/git/staleness.js'
import type { Operation, StoredChange } from '../../src/store/operations.js'
import { must } from '../run.js'
import { gitEnv } from './rig.js'

const zero = '0'.repeat(40)
const ref = 'refs/heads/main'

const pending = (...changes: StoredChange[]): Operation[] =>
  changes.map((change, index) => ({
    id: String(index + 1),
    app: 'a',
    change,
    status: 'queued',
    createdAt: '',
    finishedAt: null,
    release: null,
    failure: null,
  }))
const push = (commit: string): StoredChange => ({ kind: 'push', commit, branch: 'main' })

describe('whether a push is stale', function () {
  this.timeout(20_000)
  let repository: string
  /** base <- mine, base <- theirs, theirs <- merged */
  let [base, mine, theirs, merged] = ['', '', '', '']

  const git = async (...args: string[]): Promise<string> =>
    (await must('git', args, { cwd: repository, env: gitEnv })).trim()
  const commit = async (message: string, ...parents: string[]): Promise<string> => {
    const tree = await git('hash-object', '-t', 'tree', '-w', '/dev/null')
    return git('commit-tree', tree, '-m', message, ...parents.flatMap((parent) => ['-p', parent]))
  }
  before(async () => {
    repository = await mkdtemp(join(tmpdir(), 'berth-stale-'))
    await git('init', '--quiet', '--bare', '.')
    base = await commit('base')
    ;[mine, theirs] = [await commit('mine', base), await commit('theirs', base)]
    merged = await commit('merged', theirs)
  })
  after(() => rm(repository, { recursive: true, force: true }))

  /** Of a push that begins at `old`, where the branch is at `now`. */
  const staleness = async (now: string | null, old: string, to: string, waiting: Operation[] = []) => {
    if (now === null) await git('update-ref', '-d', ref)
    else await git('update-ref', ref, now)
    return stalenessOf(repository, { ref, old, new: to }, waiting, {})
  }
  const fresh = { stale: false, unless: [] }

  it('is not, upon what the branch is at', async () => {
    expect(await staleness(base, base, mine)).to.deep.equal(fresh)
    expect(await staleness(null, zero, base)).to.deep.equal(fresh)
  })

  it('is, when the branch has moved to what it does not contain', async () => {
    expect(await staleness(theirs, base, mine)).to.deep.equal({ stale: true, unless: [] })
    expect(await staleness(theirs, base, merged), 'it contains it').to.deep.equal(fresh)
  })

  it('is not when it is forced: it does not build upon what its pusher saw', async () =>
    expect(await staleness(theirs, mine, theirs, pending(push(mine)))).to.deep.equal(fresh))

  it('hangs on the pushes ahead of it that it does not contain, other changes never', async () => {
    const ahead = pending(push(theirs), { kind: 'restart', process: null }, push(base))
    expect(await staleness(base, base, mine, ahead)).to.deep.equal({ stale: false, unless: ['1'] })
    expect(await staleness(base, base, merged, ahead)).to.deep.equal(fresh)
  })

  it('is not of the first push of a branch, whatever is ahead', async () =>
    expect(await staleness(base, zero, mine, pending(push(theirs)))).to.deep.equal(fresh))
})
