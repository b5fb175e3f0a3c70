import { expect } from 'chai'
import { readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { App } from '../../src/store/apps.js'
import { must, run } from '../run.js'
import { commit, head, none, object, pack, push, pushObjects, tree } from './packs.js'
import { gitEnv, gitRig, type GitRig, type WorkingCopy } from './rig.js'

describe('an odd push', function () {
  this.timeout(60_000)
  let rig: GitRig
  let elsewhere: string
  let app: App
  let name = ''
  let count = 0
  before(async () => {
    rig = await gitRig()
    elsewhere = await mkdtemp(join(tmpdir(), 'berth-elsewhere-'))
  })
  beforeEach(async () => {
    rig.fate = () => null
    name = `odd${String((count += 1))}`
    app = await rig.app(name)
  })
  afterEach(async () => {
    expect(await rig.fsck(app)).to.equal('')
  })
  after(async () => {
    await rm(elsewhere, { recursive: true, force: true })
    await rig[Symbol.asyncDispose]()
  })

  const operations = async () => (await rig.store.operations.list(app.id)).length
  const refused = async (said: string, words: RegExp): Promise<void> => {
    expect(said).to.match(words)
    expect([await operations(), await rig.tip(app)]).to.deep.equal([0, null])
  }
  const urlOf = async (copy: WorkingCopy) => (await copy.git('remote', 'get-url', 'berth')).stdout.trim()
  /** A repository with three commits that is not on Berth, and a clone of it, made as the arguments say. */
  const cloned = async (...args: string[]): Promise<{ origin: WorkingCopy; clone: WorkingCopy['git'] }> => {
    const origin = await rig.clone(name)
    await origin.commit({ a: '1' })
    await origin.commit({ a: '2', b: 'b' })
    await origin.git('config', 'uploadpack.allowFilter', 'true')
    const dir = join(elsewhere, name)
    await must('git', ['clone', '-q', ...args, `file://${origin.dir}`, dir], { env: gitEnv })
    const clone = (...more: string[]) => run('git', more, { cwd: dir, env: gitEnv })
    await clone('remote', 'add', 'berth', await urlOf(origin))
    return { origin, clone }
  }

  for (const depth of ['1', '2'])
    it(`of a clone of depth ${depth} is refused before anything is built, and lands once it is whole`, async () => {
      const { clone } = await cloned('--depth', depth)
      const first = await clone('push', 'berth', 'main')
      expect(first.code).to.equal(1)
      await refused(first.stderr, /shallow clone[\s\S]*git fetch --unshallow/)
      await clone('fetch', '-q', '--unshallow')
      const second = await clone('push', 'berth', 'main')
      expect(second.code, second.stderr).to.equal(0)
      const again = await clone('clone', '-q', (await clone('remote', 'get-url', 'berth')).stdout.trim(), 'again')
      expect(again.code, again.stderr).to.equal(0)
    })

  it('of a shallow clone is taken where all that it builds upon is here', async () => {
    const { origin, clone } = await cloned('--depth', '1')
    await origin.git('push', 'berth', 'main')
    await clone('commit', '-q', '--allow-empty', '-m', 'on top')
    const pushed = await clone('push', 'berth', 'main')
    expect(pushed.code, pushed.stderr).to.equal(0)
    expect(await rig.tip(app)).to.equal((await clone('rev-parse', 'HEAD')).stdout.trim())
  })

  it('of a shallow clone onto an older history is refused, and changes nothing', async () => {
    const { origin, clone } = await cloned('--depth', '1')
    await origin.git('push', 'berth', 'HEAD~2:refs/heads/main')
    const before = await rig.tip(app)
    const pushed = await clone('push', '--force', 'berth', 'main')
    expect([pushed.code, await operations(), await rig.tip(app)]).to.deep.equal([1, 1, before])
  })

  for (const filter of ['blob:none', 'tree:0'])
    it(`of a partial clone (${filter}) arrives whole`, async () => {
      const { clone } = await cloned(`--filter=${filter}`, '--no-checkout')
      const pushed = await clone('push', 'berth', 'main')
      expect(pushed.code, pushed.stderr).to.equal(0)
    })

  it('of a clone that borrows its objects arrives whole', async () => {
    const { clone } = await cloned('--shared')
    const pushed = await clone('push', 'berth', 'main')
    expect(pushed.code, pushed.stderr).to.equal(0)
  })

  const file = object('blob', 'hi\n')
  const files = tree([['100644', 'index.html', file.oid]])
  const top = commit(files.oid)
  for (const [what, objects, words] of [
    ['file', [files, top], /neither in the push nor here/],
    ['tree', [file, top], /neither in the push nor here/],
    ['parent', [file, files, commit(files.oid, '1'.repeat(40))], /neither in the push nor here/],
    ['commit', [file, files], /only be at a commit|not in the push/],
  ] as const)
    it(`that lacks a ${what} is refused before anything is built`, async () => {
      const answer = await pushObjects(rig, name, objects)
      await refused(answer.text, words)
      expect(answer.text).to.include('ng refs/heads/main')
    })

  it('that names a ref twice is refused', async () => {
    const twice = [none, top.oid, 'refs/heads/main'] as const
    const { status, text } = await push(rig, name, Buffer.concat([head(twice, twice), pack([])]))
    expect(status).to.equal(400)
    await refused(text, /names refs\/heads\/main twice/)
  })

  it('that must be all or nothing is refused by git, which is told so', async () => {
    const copy = await rig.clone(name)
    await refused((await copy.git('push', '--atomic', 'berth', 'main', 'main:x')).stderr, /does not support --atomic/)
  })

  it('of a branch whose name is the deploy branch in capitals is refused', async () => {
    const copy = await rig.clone(name)
    await refused((await copy.git('push', 'berth', 'main:Main')).stderr, /Main: this app deploys main or master/)
  })

  it('to a repository with nothing but a deletion is refused', async () => {
    const { text } = await push(rig, name, head(['1'.repeat(40), none, 'refs/heads/main']))
    await refused(text, /cannot be deleted/)
  })

  it('of a commit without files is judged by what it would run', async () => {
    const copy = await rig.clone(name, {})
    expect((await copy.git('push', 'berth', 'main')).code).to.equal(0)
  })

  it('to a deploy branch that the one before is in the way of lands, and that one goes', async () => {
    const copy = await rig.clone(name)
    for (const branch of ['live', 'live/eu', 'live']) {
      await rig.store.apps.update(app.id, { deployBranch: branch })
      await copy.commit({ branch })
      const pushed = await copy.git('push', 'berth', `main:refs/heads/${branch}`)
      expect(pushed.code, pushed.stderr).to.equal(0)
    }
    expect((await copy.git('ls-remote', '--heads', 'berth')).stdout.trim()).to.match(/\trefs\/heads\/live$/)
  })

  for (const lock of ['refs/heads/main.lock', 'HEAD.lock', 'packed-refs.lock'])
    it(`to a repository where ${lock} was left lands`, async () => {
      const copy = await rig.clone(name)
      await copy.git('push', 'berth', 'main')
      writeFileSync(join(rig.repository(app), lock), '')
      await copy.commit({ a: '1' })
      const pushed = await copy.git('push', 'berth', 'main')
      expect(pushed.code, pushed.stderr).to.equal(0)
      expect(await rig.tip(app)).to.equal((await copy.git('rev-parse', 'HEAD')).stdout.trim())
      await rm(join(rig.repository(app), lock), { force: true })
    })

  it('whose ref is locked while it is built lands all the same', async () => {
    const copy = await rig.clone(name)
    rig.fate = () => {
      const lock = join(rig.repository(app), 'refs/heads/main.lock')
      writeFileSync(lock, '')
      utimesSync(lock, 0, 0)
      return null
    }
    const pushed = await copy.git('push', 'berth', 'main')
    expect(pushed.code, pushed.stderr).to.equal(0)
    expect(await rig.tip(app)).not.to.equal(null)
  })

  for (const victim of ['receive-pack', 'pre-receive'])
    it(`whose ${victim} is killed when the operation is over lands all the same`, async () => {
      const copy = await rig.clone(name)
      rig.fate = async () => {
        const [id = ''] = readdirSync(join(rig.repository(app), 'berth')).filter((one) => /^\d/.test(one))
        const receivePack = id.split('-')[0] ?? ''
        // the sideband is relayed by a child of git's own
        const children = (await must('ps', ['-o', 'pid=,comm=', '--ppid', receivePack])).split('\n')
        const hook = children
          .find((line) => line.includes('pre-receive'))
          ?.trim()
          .split(' ')[0]
        process.kill(Number(victim === 'pre-receive' ? hook : receivePack), 'SIGKILL')
        return null
      }
      await copy.git('push', 'berth', 'main')
      const head = (await copy.git('rev-parse', 'HEAD')).stdout.trim()
      while ((await rig.tip(app)) !== head) await new Promise((resolve) => setTimeout(resolve, 20))
      expect((await copy.git('push', 'berth', 'main')).stderr).to.include('Everything up-to-date')
    })

  it('that is recorded while Redis goes away lands when it is deployed, and is forgotten when it was not', async () => {
    const copy = await rig.clone(name)
    const { operations } = rig.store
    const create = operations.create.bind(operations)
    const lost = (record: boolean) => {
      operations.create = async (...asked) => {
        if (record) await create(...asked)
        throw new Error('Connection is closed.')
      }
    }
    try {
      lost(false)
      expect((await copy.git('push', 'berth', 'main')).stderr).to.include('Connection is closed')
      expect(await rig.tip(app)).to.equal(null)
      const left = () => readdirSync(join(rig.repository(app), 'berth')).filter((one) => /^\d/.test(one))
      while (left().length > 0) await new Promise((resolve) => setTimeout(resolve, 20))
      lost(true)
      await copy.git('push', 'berth', 'main')
      const head = (await copy.git('rev-parse', 'HEAD')).stdout.trim()
      while ((await rig.tip(app)) !== head) await new Promise((resolve) => setTimeout(resolve, 20))
    } finally {
      operations.create = create
    }
    expect((await copy.git('push', 'berth', 'main')).stderr).to.include('Everything up-to-date')
  })

  it('to a repository with 100,000 refs lands', async () => {
    const copy = await rig.clone(name)
    await copy.git('push', 'berth', 'main')
    const oid = (await rig.tip(app)) ?? ''
    const refs = Array.from({ length: 100_000 }, (_, at) => `${oid} refs/heads/x${String(at).padStart(6, '0')}\n`)
    writeFileSync(
      join(rig.repository(app), 'packed-refs'),
      `# pack-refs with: peeled fully-peeled sorted \n${refs.join('')}`,
    )
    await copy.commit({ a: '1' })
    const pushed = await copy.git('push', 'berth', 'main')
    expect(pushed.code, pushed.stderr).to.equal(0)
  })
})
