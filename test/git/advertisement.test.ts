import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { loadConfig } from '../../src/config.js'
import { Advertisement } from '../../src/git/advertisement.js'
import { must } from '../../src/git/git.js'
import { flush, pkt } from '../../src/git/pkt-line.js'
import { ensureRepository } from '../../src/git/repository.js'
import type { App } from '../../src/store/apps.js'

describe('what a repository says before a push', function () {
  this.timeout(20_000)
  let dir = ''
  let repository = ''
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-advertisement-'))
    const app: App = { id: 'abc', name: 'abc', createdAt: '', deployBranch: null, current: 0 }
    repository = await ensureRepository(loadConfig({ BERTH_ROOT: dir }), app)
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  const said = new Advertisement()
  /** What git itself says. */
  const bySelf = async (): Promise<string> => {
    const args = ['receive-pack', '--stateless-rpc', '--advertise-refs', repository]
    return Buffer.concat([pkt('# service=git-receive-pack\n'), flush]).toString() + (await must(repository, args))
  }
  const ours = async (): Promise<string | undefined> => (await said.of(repository))?.toString()

  /** An empty commit. */
  const commit = async (message: string): Promise<string> => {
    const who = { GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@b', GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@b' }
    const tree = await must(repository, ['mktree'], {}, '')
    return must(repository, ['commit-tree', '-m', message, tree], who)
  }

  it('is what git says, without refs, with several, loose and packed, and the hidden left out', async () => {
    expect(await ours()).to.equal(await bySelf())
    const [one, two] = [await commit('one'), await commit('two')]
    for (const name of ['heads/main', 'heads/a/b', 'heads/a-b', 'heads/ü', 'internal/x', 'tags/v1', 'zoo'])
      await must(repository, ['update-ref', `refs/${name}`, one])
    expect(await ours()).to.equal(await bySelf())
    await must(repository, ['pack-refs', '--all'])
    expect(await ours()).to.equal(await bySelf())
    await must(repository, ['update-ref', 'refs/heads/main', two])
    await must(repository, ['update-ref', '-d', 'refs/tags/v1'])
    expect(await ours())
      .to.equal(await bySelf())
      .and.to.include(`${two} refs/heads/main`)
      .and.to.not.include('refs/internal')
  })

  it('is left to git where a ref is not plainly one, or where there are too many', async () => {
    const one = await commit('one')
    await must(repository, ['update-ref', 'refs/heads/main', one])
    await writeFile(join(repository, 'refs/heads/odd'), 'ref: refs/heads/main\n')
    expect(await ours()).to.equal(undefined)
    await rm(join(repository, 'refs/heads/odd'))
    await writeFile(join(repository, 'refs/heads/main.lock'), '')
    expect(await ours()).to.equal(await bySelf())
    await rm(join(repository, 'refs/heads/main.lock'))
    const many = Array.from({ length: 500 }, (_, at) => `refs/heads/x${String(at)}`)
    for (const ref of many) await writeFile(join(repository, ref), `${one}\n`)
    expect(await ours()).to.equal(undefined)
    for (const ref of many) await rm(join(repository, ref))
    await writeFile(join(repository, 'packed-refs'), many.map((ref) => `${one} ${ref}\n`).join(''))
    expect(await ours()).to.equal(undefined)
  })

  it('is left to git while git cannot say what it can do', async () => {
    const broken = new Advertisement()
    expect(await broken.of(join(dir, 'none'))).to.equal(null)
    expect((await broken.of(repository))?.toString()).to.equal(await bySelf())
  })
})
