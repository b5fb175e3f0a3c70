import { expect } from 'chai'
import {
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { operationFiles, operationsDirectory, indexOf, keepSource, lastTree } from '../../src/builds/files.js'
import { gitRig, type GitRig } from '../git/rig.js'

describe('a push', function () {
  this.timeout(20_000)
  let rig: GitRig
  before(async () => {
    rig = await gitRig()
  })
  beforeEach(() => {
    rig.fate = () => null
  })
  after(() => rig[Symbol.asyncDispose]())

  it('deploys the pushed tree, tells its log, and moves the ref', async () => {
    const app = await rig.app('hello')
    const copy = await rig.clone('hello', { 'index.html': 'hi\n', 'sub/über.txt': 'ü' })
    let seen = ''
    rig.fate = ({ id }, log) => {
      seen = readFileSync(`${operationFiles(rig.config, id).source}/sub/über.txt`, 'utf8')
      log.step('Static site detected')
      log.detail('Á ┅ … ünï \\n 100%')
      return null
    }
    const push = await copy.git('push', 'berth', 'main')
    expect(push.code, push.stderr).to.equal(0)
    expect(seen).to.equal('ü')
    expect(push.stderr).to.include('remote: -----> Static site detected')
    expect(push.stderr).to.include('remote:        Á ┅ … ünï \\n 100%')
    expect(await rig.tip(app)).to.equal((await copy.git('rev-parse', 'HEAD')).stdout.trim())
    const [deploy] = await rig.store.operations.list(app.id)
    expect(deploy?.change).to.include({ kind: 'push', branch: 'main' })
    expect(existsSync(operationFiles(rig.config, deploy?.id ?? '').source)).to.equal(true)
  })

  it('makes the tree from that of the deploy before, whatever was done to it', async () => {
    const app = await rig.app('again')
    const copy = await rig.clone('again', {
      'same.txt': 'same',
      'changes.txt': 'one',
      'goes.txt': 'goes',
      'd/spoilt': 'd',
    })
    const push = async (look: (tree: string) => void): Promise<void> => {
      rig.fate = async ({ id }) => {
        look(operationFiles(rig.config, id).source)
        await keepSource(rig.config, id, app.id)
        return null
      }
      const { code, stderr } = await copy.git('push', 'berth', 'main')
      expect(code, stderr).to.equal(0)
    }
    const read = (tree: string): Record<string, string> =>
      Object.fromEntries(
        readdirSync(tree, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map(({ name, parentPath }) => [name, readFileSync(join(parentPath, name), 'utf8')]),
      )
    let inode = 0
    await push((tree) => {
      inode = statSync(join(tree, 'same.txt')).ino
      writeFileSync(join(tree, '.berth.Dockerfile'), 'FROM x')
      writeFileSync(join(tree, 'd/spoilt'), 'spoilt')
    })
    await copy.git('rm', '-q', 'goes.txt')
    await copy.commit({ 'changes.txt': 'two' })
    await push((tree) => {
      expect(read(tree)).to.deep.equal({ 'same.txt': 'same', 'changes.txt': 'two', spoilt: 'd' })
      expect(statSync(join(tree, 'same.txt')).ino).to.equal(inode)
    })
    truncateSync(indexOf(lastTree(rig.config, app.id)), 40)
    await copy.commit({ 'changes.txt': 'three' })
    await push((tree) => {
      expect(read(tree)).to.deep.equal({ 'same.txt': 'same', 'changes.txt': 'three', spoilt: 'd' })
    })
    expect(readdirSync(operationsDirectory(rig.config)).filter((name) => name.startsWith(app.id))).to.have.length(3)
  })

  it('leaves the ref where it was when the deploy fails, and says why', async () => {
    const app = await rig.app('fails')
    const copy = await rig.clone('fails')
    expect((await copy.git('push', 'berth', 'main')).code).to.equal(0)
    const good = await rig.tip(app)
    await copy.commit({ 'index.html': 'worse' })
    rig.fate = (_, log) => {
      log.problem('it crashed')
      return 'it crashed'
    }
    const push = await copy.git('push', 'berth', 'main')
    expect(push.code).to.equal(1)
    expect(push.stderr).to.include('remote:  !     it crashed').and.to.include('[remote rejected] main -> main')
    expect(await rig.tip(app)).to.equal(good)
  })

  it('answers clone and fetch', async () => {
    await rig.app('cloned')
    const copy = await rig.clone('cloned', { 'a.txt': 'a' })
    await copy.git('push', 'berth', 'main')
    const url = (await copy.git('remote', 'get-url', 'berth')).stdout.trim()
    const clone = await copy.git('clone', '-q', url, 'again')
    expect(clone.code, clone.stderr).to.equal(0)
    expect(readFileSync(join(copy.dir, 'again/a.txt'), 'utf8')).to.equal('a')
  })

  it('may be forced, to the branch this app deploys', async () => {
    const app = await rig.app('forced')
    const copy = await rig.clone('forced')
    await copy.git('push', 'berth', 'main')
    await copy.git('commit', '-q', '--amend', '-m', 'other')
    expect((await copy.git('push', 'berth', 'main')).stderr).to.match(/rejected/)
    expect((await copy.git('push', '--force', 'berth', 'main')).code).to.equal(0)
    expect(await rig.tip(app)).to.equal((await copy.git('rev-parse', 'HEAD')).stdout.trim())
  })

  for (const [name, args, words] of [
    ['another branch', ['main:feature'], /feature: this app deploys main or master; deploy this branch with/],
    ['a tag', ['v1'], /tags are not taken/],
    ['a note', ['main:refs/notes/x'], /\[remote rejected\] main -> refs\/notes\/x \(only branches are taken\)/],
    ['the deletion of the deploy branch', [':main'], /the deploy branch cannot be deleted/],
    ['a tag object on the branch', ['v1:main', '--force'], /a branch can only be at a commit|non-commit/],
  ] as const)
    it(`is refused for ${name}`, async () => {
      const app = `odd-${name.replace(/[^a-z]/g, '')}`.slice(0, 40)
      const record = await rig.app(app)
      const copy = await rig.clone(app)
      await copy.git('push', 'berth', 'main')
      const before = await rig.tip(record)
      await copy.git('tag', '-a', '-m', 'one', 'v1')
      const push = await copy.git('push', 'berth', ...args)
      expect(push.code).to.equal(1)
      expect(push.stderr).to.match(words)
      expect(await rig.tip(record)).to.equal(before)
      expect(await rig.store.operations.list(record.id)).to.have.length(1)
    })

  it('judges each of several refs', async () => {
    const app = await rig.app('several')
    const copy = await rig.clone('several')
    const push = await copy.git('push', 'berth', 'main', 'main:feature')
    expect(push.code).to.equal(1)
    expect(push.stderr).to.match(/new branch\]\s+main -> main/)
    expect(push.stderr).to.match(/remote rejected\] main -> feature \(this app deploys main or master/)
    expect(await rig.tip(app)).not.to.equal(null)
    expect(await rig.tip(app, 'refs/heads/feature')).to.equal(null)
  })

  it('of nothing new is harmless', async () => {
    await rig.app('same')
    const copy = await rig.clone('same')
    await copy.git('push', 'berth', 'main')
    expect((await copy.git('push', 'berth', 'main')).stderr).to.include('Everything up-to-date')
  })

  it('to a branch of the app’s own choice deploys', async () => {
    const app = await rig.app('chosen')
    await rig.store.apps.update(app.id, { deployBranch: 'live' })
    const copy = await rig.clone('chosen')
    expect((await copy.git('push', 'berth', 'main')).stderr).to.match(/this app deploys live/)
    expect((await copy.git('push', 'berth', 'main:live')).code).to.equal(0)
    expect(await rig.tip(app, 'refs/heads/live')).not.to.equal(null)
  })

  it('keeps a link that leads out of the tree a link', async () => {
    await rig.app('linked')
    const copy = await rig.clone('linked')
    symlinkSync('/etc/passwd', join(copy.dir, 'secrets'))
    await copy.commit({})
    let target = ''
    rig.fate = ({ id }) => {
      target = readlinkSync(join(operationFiles(rig.config, id).source, 'secrets'))
      return null
    }
    expect((await copy.git('push', 'berth', 'main')).code).to.equal(0)
    expect(target).to.equal('/etc/passwd')
  })
})
