import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { demanding, gitmodules, remoteServer, type Links, type RemoteServer } from '../../git/remote.js'
import { patience } from '../../patience.js'
import { running } from '../apps.js'
import { createApp, startInstance, type Instance, type Repository } from '../instance.js'

describe('a push with submodules', function () {
  this.timeout(180_000 * patience)
  let berth: Instance
  let remote: RemoteServer
  let repo: Repository
  let app: string
  before(async () => {
    remote = await remoteServer()
    berth = await startInstance({ settings: { BERTH_GIT_PRIVATE_HOSTS: '127.0.0.1' } })
    repo = await berth.repository(
      running(
        "const say = require('./lib/say.js')\nrequire('http').createServer((q, s) => s.end(say('1'))).listen(process.env.PORT)\n",
      ),
    )
    app = await createApp(berth, repo, 'modules')
  })
  after(async () => {
    await remote[Symbol.asyncDispose]()
    await berth[Symbol.asyncDispose]()
  })

  const pin = async (links: Links): Promise<void> => {
    for (const [path, { commit }] of Object.entries(links)) {
      await rm(join(repo.dir, path), { recursive: true, force: true })
      await repo.git('update-index', '--add', '--cacheinfo', `160000,${commit},${path}`)
      await repo.git('update-index', '--skip-worktree', path)
    }
    await repo.commit({ '.gitmodules': gitmodules(links) })
  }
  const push = async (expected: number): Promise<string> => {
    const { code, stderr } = await repo.push()
    expect(code, stderr).to.equal(expected)
    return stderr.replace(/\s*\nremote: +!? */g, ' ')
  }
  const run = async (args: readonly string[], input = ''): Promise<void> => {
    const { code, stderr } = await berth.berth([...args, '-a', app], { input })
    expect(code, stderr).to.equal(0)
  }
  const answer = async () => (await berth.curl(app)).body

  it('is refused with the way out, taken with it, and built again when nobody can be asked', async () => {
    const inner = await remote.commit('words', { 'words.json': '{"hello": "hello"}' })
    const commit = await remote.commit(
      'say',
      { 'say.js': "module.exports = (n) => require('./words/words.json').hello + ' ' + n\n" },
      { words: { url: '../words.git', commit: inner } },
    )
    remote.guard = demanding('ada', 'hunter2')
    for (const [url, words] of [
      ['file:///etc', /lib: "file:\/\/\/etc" is a path/],
      ['git@github.com:you/say.git', /lib: .*by SSH.*https:\/\/github.com\/you\/say.git/s],
      ['http://127.0.0.2:1/say', /lib: .* private address.*BERTH_GIT_PRIVATE_HOSTS=127.0.0.2/s],
      [`${berth.config.url}/${app}.git`, /lib: .* is an app of this server/],
      [`${remote.url}/say`, /lib: .* wants a password.*berth git:auth 127.0.0.1:/s],
      ['../say', /lib: .*"..\/say" is relative.*berth git:set origin=/s],
    ] as const) {
      await pin({ lib: { url, commit } })
      expect(await push(1)).to.match(words)
    }
    expect((await repo.git('ls-remote', 'berth')).stdout).to.equal('')
    await run(['git:set', `origin=${remote.url}/app.git`])
    await run(['git:auth', remote.host, 'ada'], 'hunter2\n')

    const said = await push(0)
    expect(said).to.include(`Fetching submodule lib from ${remote.url}/say`)
    expect(said).to.include(`Fetching submodule lib/words from ${remote.url}/words.git`).and.not.include('hunter2')
    expect(await answer()).to.equal('hello 1')

    await remote.stop()
    await repo.commit({ 'other.txt': 'x' })
    expect(await push(0))
      .to.include('Building')
      .and.not.include('Fetching')
    await repo.commit({})
    expect(await push(0)).to.include('This tree runs already')
    await run(['ps:rebuild'])
    expect(await answer()).to.equal('hello 1')
  })
})
