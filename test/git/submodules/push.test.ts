import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { operationFiles } from '../../../src/builds/files.js'
import { Secret } from '../../../src/lib/secret.js'
import { checkOut } from '../../../src/queue/rebuild.js'
import type { App } from '../../../src/store/apps.js'
import { demanding, gitmodules, remoteServer, type Links, type RemoteServer } from '../remote.js'
import { gitRig, type GitRig, type WorkingCopy } from '../rig.js'

describe('a push with submodules', function () {
  this.timeout(30_000)
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

  it('has a commit from a server that gives nothing but branches', async () => {
    remote.modern = false
    const old = await remote.commit('lib', { a: 'old' })
    await remote.commit('lib', { a: 'new' })
    await pin({ lib: { url: `${remote.url}/lib`, commit: old } })
    await taken()
    expect(trees[0]).to.include({ 'lib/a': 'old' })
  })

  it('counts relative URLs from where the app comes from, once that is said', async () => {
    const commit = await remote.commit('lib', { a: '1' })
    await pin({ lib: { url: '../lib.git', commit } })
    await refused(/lib: its URL "..\/lib.git" is relative.*berth git:set origin=/)
    await rig.store.apps.update(app.id, { gitOrigin: `${remote.url}/app.git` })
    await taken()
    expect(trees[0]).to.include({ 'lib/a': '1' })
  })

  it('sends a password where it belongs, by no command line and to no log', async () => {
    remote.guard = demanding('ada', 'p%40 ss:word')
    const commit = await remote.commit('lib', { a: '1' })
    await pin({ lib: { url: `${remote.url}/lib`, commit } })
    await refused(/lib: .*\/lib wants a password, or is not there.*berth git:auth 127.0.0.1:\d+ USER/)
    await rig.store.gitLogins.set(app.id, { host: remote.host, user: 'ada' }, new Secret('wrong'))
    const said = await refused(/lib: 127.0.0.1:\d+ refuses the password of ada/)
    expect(said).to.not.include('wrong')
    await rig.store.gitLogins.set(app.id, { host: remote.host, user: 'ada' }, new Secret('p%40 ss:word'))
    expect(await taken()).to.not.include('p%40')
    expect(trees[0]).to.include({ 'lib/a': '1' })
  })

  it('sends the password of a URL, and shows the URL without it', async () => {
    remote.guard = demanding('ada', 'secret:1')
    const commit = await remote.commit('lib', { a: '1' })
    await pin({ lib: { url: `${remote.url.replace('//', '//ada:secret%3A1@')}/lib`, commit } })
    expect(await taken()).to.not.include('secret')
  })

  it('follows a repository to where it has moved, without the password of the host that it left', async () => {
    await using other = await remoteServer()
    const commit = await other.commit('lib', { a: '1' })
    remote.guard = (request, response) => {
      response.writeHead(301, { Location: `${other.url}${(request.url ?? '').replace('/old/', '/lib.git/')}` }).end()
      return true
    }
    await rig.store.gitLogins.set(app.id, { host: remote.host, user: 'ada' }, new Secret('secret'))
    await pin({ lib: { url: `${remote.url}/old`, commit } })
    await taken()
    expect(trees[0]).to.include({ 'lib/a': '1' })
    expect(other.asked.map(({ authorization }) => authorization)).to.not.include.members(['Basic YWRhOnNlY3JldA=='])
    expect(other.asked.length).to.be.greaterThan(0)
  })

  for (const [what, url, words] of [
    ['files of the server', 'file:///etc', /lib: "file:\/\/\/etc" is a path/],
    ['a path', '/srv/git/lib.git', /lib: "\/srv\/git\/lib.git" is a path/],
    ['a program', 'ext::sh -c id', /lib: "ext::sh -c id" would run a program/],
    [
      'SSH',
      'git@github.com:org/lib.git',
      /by SSH, and Berth has no keys for it use https:\/\/github.com\/org\/lib.git/,
    ],
    ['SSH, as a URL', 'ssh://git@github.com/org/lib.git', /use https:\/\/github.com\/org\/lib.git/],
    ['another protocol', 'git://github.com/lib.git', /"git:\/\/github.com\/lib.git" is not spoken here/],
    ['a private address', 'http://10.1.2.3/lib.git', /private address.*BERTH_GIT_PRIVATE_HOSTS=10.1.2.3/],
    ['the metadata of a cloud', 'http://169.254.169.254/latest', /private address/],
    ['this machine by a name', 'http://localhost:1/lib.git', /private address.*=localhost/],
    ['an app of this server', 'http://berth.localhost/other.git', /is an app of this server/],
    [
      'a host that there is not',
      'https://nowhere.invalid/lib.git',
      /lib: the host of https:\/\/nowhere.invalid\/lib.git is not found/,
    ],
  ] as const)
    it(`is refused when one names ${what}`, async () => {
      await pin({ lib: { url, commit: '1'.repeat(40) } })
      await refused(words)
    })

  it('is refused for a commit that is not there, a repository that is not, and a server that is away', async () => {
    await remote.commit('lib', { a: '1' })
    await pin({ lib: { url: `${remote.url}/lib`, commit: '1'.repeat(40) } })
    await refused(/lib: commit 1111111 is not at http:\S+\/lib push it there/)
    await pin({ lib: { url: `${remote.url}/nothing`, commit: '1'.repeat(40) } })
    await refused(/lib: there is no repository at http:\S+\/nothing/)
    await remote.stop()
    await refused(/lib: http:\S+\/nothing cannot be reached/)
  })

  it('is refused when .gitmodules does not say where they are from, or is a link', async () => {
    await copy.commit({ '.gitmodules': gitmodules({ other: { url: remote.url, commit: '' } }) })
    for (const path of ['deep/a', 'deep/b', 'deep/c', 'deep/d'])
      await copy.git('update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},${path}`)
    await copy.git('commit', '-q', '-m', 'embedded')
    await refused(/deep\/a, deep\/b, deep\/c and 1 more: a commit of another repository is pinned there/)
  })

  it('is refused with too many, or too deep in each other', async () => {
    const commit = await remote.commit('lib', { a: '1' })
    const many = Object.fromEntries(
      Array.from({ length: 101 }, (_, at) => [`m${String(at)}`, { url: `${remote.url}/lib`, commit }]),
    )
    await pin(many)
    await refused(/more than 100 submodules/)
    let inner = commit
    for (const depth of [1, 2, 3, 4, 5])
      inner = await remote.commit(
        `nest${String(depth)}`,
        {},
        { d: { url: depth === 1 ? '../lib' : `../nest${String(depth - 1)}`, commit: inner } },
      )
    await copy.git('rm', '-q', '--cached', ...Object.keys(many))
    await pin({ top: { url: `${remote.url}/nest5`, commit: inner } })
    await refused(/top\/d\/d\/d\/d\/d: submodules lie more than 5 deep/)
    expect(existsSync(join(rig.repository(app), 'berth', 'submodules.git'))).to.equal(true)
  })
})
