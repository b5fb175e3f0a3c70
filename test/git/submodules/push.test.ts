import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { operationFiles } from '../../../src/builds/files.js'
import { objectFile } from '../../../src/git/lfs/objects.js'
import { checkOut } from '../../../src/queue/rebuild.js'
import { Secret } from '../../../src/lib/secret.js'
import type { App } from '../../../src/store/apps.js'
import { patience } from '../../patience.js'
import { gitmodules, remoteServer, type Links, type RemoteServer } from '../remote.js'
import { gitRig, type GitRig, type WorkingCopy } from '../rig.js'

describe('a push with submodules', function () {
  this.timeout(60_000 * patience)
  let rig: GitRig
  let remote: RemoteServer
  let app: App
  let copy: WorkingCopy
  let trees: Record<string, string>[] = []
  let count = 0
  before(async () => {
    rig = await gitRig({ settings: { BERTH_GIT_PRIVATE_HOSTS: '127.0.0.1' } })
  })
  after(() => rig[Symbol.asyncDispose]())
  beforeEach(async () => {
    remote = await remoteServer()
    const name = `mods${String((count += 1))}`
    app = await rig.app(name)
    copy = await rig.clone(name)
    trees = []
    rig.fate = ({ id }) => {
      trees.push(filesIn(operationFiles(rig.config, id).source))
      return null
    }
  })
  afterEach(async () => {
    expect(await rig.fsck(app)).to.equal('')
    await remote[Symbol.asyncDispose]()
  })

  const filesIn = (directory: string): Record<string, string> =>
    Object.fromEntries(
      readdirSync(directory, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .map((path) => [path.slice(directory.length + 1), readFileSync(path, 'utf8')]),
    )

  /** Commits submodules to the app's repository. */
  const pin = async (links: Links, text = gitmodules(links)): Promise<string> => {
    await copy.commit({ '.gitmodules': text })
    for (const [path, { commit }] of Object.entries(links)) {
      await mkdir(join(copy.dir, path), { recursive: true }) // or `git add --all` would take it out
      await copy.git('update-index', '--add', '--cacheinfo', `160000,${commit},${path}`)
    }
    await copy.git('commit', '-q', '-m', 'submodules')
    return (await copy.git('rev-parse', 'HEAD')).stdout.trim()
  }
  const push = () => copy.git('push', 'berth', 'main')
  const taken = async (): Promise<string> => {
    const { code, stderr } = await push()
    expect(code, stderr).to.equal(0)
    return stderr
  }
  const refused = async (words: RegExp): Promise<string> => {
    const { code, stderr } = await push()
    expect(code, stderr).to.equal(1)
    const said = stderr.replace(/\s*\nremote: +!? */g, ' ').replace(/\s+/g, ' ')
    expect(words.test(said), said).to.equal(true)
    expect([trees.length, await rig.tip(app)]).to.deep.equal([0, null])
    expect(readdirSync(join(rig.repository(app), 'berth')).filter((name) => name.startsWith('fetch-'))).to.deep.equal(
      [],
    )
    return stderr
  }

  it('has their files in their places, and those of their submodules', async () => {
    const inner = await remote.commit('inner', { 'deep/er.txt': 'inner' })
    const outer = await remote.commit(
      'outer',
      { 'lib.js': 'outer' },
      { 'vendor/inner': { url: '../inner', commit: inner } },
    )
    await remote.commit('outer', { 'lib.js': 'newer' })
    await pin({ 'libs/outer': { url: `${remote.url}/outer.git`, commit: outer } })
    const said = await taken()
    expect(said).to.include(`Fetching submodule libs/outer from ${remote.url}/outer.git`)
    expect(said).to.include(`Fetching submodule libs/outer/vendor/inner from ${remote.url}/inner`)
    const [tree = {}] = trees
    expect(Object.keys(tree).sort()).to.deep.equal([
      '.gitmodules',
      'index.html',
      'libs/outer/.gitmodules',
      'libs/outer/lib.js',
      'libs/outer/vendor/inner/deep/er.txt',
    ])
    expect([tree['libs/outer/lib.js'], tree['libs/outer/vendor/inner/deep/er.txt']]).to.deep.equal(['outer', 'inner'])
  })

  it('has the files that Git LFS keeps of a submodule, from its own server or as they were sent to the app, and is refused without them', async () => {
    const bytes = randomBytes(5_000)
    const oid = createHash('sha256').update(bytes).digest('hex')
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize 5000\n`
    const one = await remote.commit('lib', { '.gitattributes': '*.bin filter=lfs -text\n', 'art/a.bin': pointer })
    await pin({ lib: { url: `${remote.url}/lib`, commit: one } })
    await refused(
      /lib: http:\S+\/lib\.git\/info\/lfs, where its files.*answers 404.*in lib: `git lfs push --all origin`, or `git lfs push --all` with the URL of this remote/,
    )
    const stored = objectFile(rig.repository(app), oid)
    await mkdir(dirname(stored), { recursive: true })
    await writeFile(stored, bytes)
    await taken()
    expect(trees[0]?.['lib/art/a.bin']).to.equal(bytes.toString('utf8'))

    // its own server: another app's, which git-lfs itself has filled
    await rig.app(`art${String(count)}`)
    const art = await rig.clone(`art${String(count)}`, {
      '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n',
    })
    await art.git('lfs', 'install', '--local')
    const commit = await art.commit({ 'b.bin': 'from its own server' })
    const sent = await art.git('push', 'berth', 'main')
    expect(sent.code, sent.stderr).to.equal(0)
    trees = []
    const url = `${rig.url}/art${String(count)}.git`
    await pin({ lib: { url: `${remote.url}/lib`, commit: one }, art: { url, commit } })
    await rig.store.gitLogins(app.id).set({ host: new URL(rig.url).host, user: 'x' }, new Secret(rig.token))
    expect(await taken()).to.not.include(rig.token)
    expect(trees[0]?.['art/b.bin']).to.equal('from its own server')
  })

  it('asks nobody again for a commit that it has, nor when it is built again', async () => {
    const one = await remote.commit('lib', { a: '1', gone: 'x' })
    const commit = await pin({ lib: { url: `${remote.url}/lib`, commit: one } })
    await taken()
    await remote.stop()
    await copy.commit({ 'index.html': 'changed' })
    expect(await taken()).to.not.include('Fetching')
    expect(trees[1]).to.include({ 'lib/a': '1', 'index.html': 'changed' })
    const [first, second] = (await rig.store.operations.list(app.id)).map(({ change }) => change.tree)
    await copy.git('revert', '--no-edit', 'HEAD')
    await taken()
    const [third] = (await rig.store.operations.list(app.id)).map(({ change }) => change.tree)
    expect([third === second, first === second]).to.deep.equal([true, false])
    const directory = join(rig.config.root, 'again')
    await checkOut(rig.config, app, commit, directory)
    expect(filesIn(directory)).to.include({ 'lib/a': '1', 'index.html': 'hi' })
  })

  it('follows what is pinned, forth and back', async () => {
    const one = await remote.commit('lib', { a: '1', gone: 'x' })
    await remote.git('lib', 'rm', '-q', 'gone')
    const two = await remote.commit('lib', { a: '2' })
    for (const commit of [one, two, one]) {
      await pin({ lib: { url: `${remote.url}/lib`, commit } })
      await taken()
    }
    expect(trees.map((tree) => [tree['lib/a'], tree['lib/gone']])).to.deep.equal([
      ['1', 'x'],
      ['2', undefined],
      ['1', 'x'],
    ])
  })

  it('is refused when one leads to what others must not see: the way out is named', async () => {
    await pin({ lib: { url: 'http://169.254.169.254/latest', commit: '1'.repeat(40) } })
    await refused(/lib: http:\/\/169.254.169.254\/latest leads to a private address.*=169.254.169.254/)
    await pin({ lib: { url: `http://berth.localhost/other.git`, commit: '1'.repeat(40) } })
    await refused(/lib: http:\/\/berth.localhost\/other.git is an app of this server/)
  })
})
