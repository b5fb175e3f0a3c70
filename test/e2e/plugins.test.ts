import { chmod, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import type { PluginInfo, PluginView } from '../../src/api/contract.js'
import { remoteServer, type RemoteServer } from '../git/remote.js'
import { eventually } from './engine/harness.js'
import { createApp, home, startInstance, type Instance } from './instance.js'

/** The files of an example, as another version of it. */
async function example(
  name: 'plugin-hook' | 'plugin-dns' | 'plugin-buildpack' | 'plugin-notifier',
  version: string,
): Promise<Record<string, string>> {
  const folder = join(home, 'examples', name)
  const names = await readdir(folder)
  const files = await Promise.all(
    names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const),
  )
  return Object.fromEntries(files.map(([name, text]) => [name, text.replaceAll('1.0.0', version)]))
}

describe('a plugin from a git server', function () {
  this.timeout(180_000)
  let berth: Instance
  let remote: RemoteServer
  let commit: string
  before(async () => {
    // no CA is asked
    berth = await startInstance({ settings: { BERTH_ACME_DIRECTORY: 'https://127.0.0.1:1/directory' } })
    remote = await remoteServer()
    commit = await remote.commit('freeze', await example('plugin-hook', '1.0.0'))
  })
  after(async () => {
    await remote[Symbol.asyncDispose]()
    await berth[Symbol.asyncDispose]()
  })
  const json = async <T>(...args: string[]): Promise<T> => JSON.parse((await berth.succeed(...args)).stdout) as T
  const stateOf = async (name: string): Promise<PluginView | undefined> =>
    (await json<PluginView[]>('plugins', '--json')).find((one) => one.name === name)
  const journal = async (): Promise<string[]> =>
    (await readFile(join(berth.config.root, 'plugins/.data/deploy-freeze/journal'), 'utf8')).trim().split('\n')

  it('stands beside those that came with Berth, none of which is used', async () => {
    const all = await json<PluginView[]>('plugins', '--json')
    const own = await readdir(join(home, 'plugins'), { withFileTypes: true })
    const names = own.filter((entry) => entry.isDirectory()).map(({ name }) => name)
    expect(names).to.include.members(['dns-rfc2136', 'dns-cloudflare', 'dns-route53', 'dns-hetzner'])
    expect(all.map(({ name }) => name)).to.have.members(names)
    expect(new Set(all.map(({ state }) => state))).to.deep.equal(new Set(['available']))
  })

  it('is installed, pinned to its commit, and told what happens to an app', async () => {
    const info = await json<PluginInfo>('plugins:install', `${remote.url}/freeze`, '--json')
    expect(info).to.include({ name: 'deploy-freeze', kind: 'hook', version: '1.0.0', source: 'git', pin: commit })
    expect(info.state, 'none of its settings is wanted').to.equal('enabled')
    const repo = await berth.repository({ Procfile: 'web: true\n' })
    const app = await createApp(berth, repo, 'told')
    await berth.succeed('config:set', 'A=b', '-a', app)
    expect(await journal()).to.deep.equal([
      `before config ${app} test -`,
      `before release ${app} test -`,
      `after release ${app} test succeeded`,
      `after config ${app} test succeeded`,
    ])
    expect((await stateOf('deploy-freeze'))?.state).to.equal('running')
    const { uid } = await stat(join(berth.config.root, 'plugins/.data/deploy-freeze/journal'))
    expect(uid, 'it does not run as root').to.not.equal(0)
  })

  it('refuses a push in words that the pusher sees, and nothing is built', async () => {
    await berth.succeed('plugins:set', 'deploy-freeze', 'until=2999-12-31')
    const repo = await berth.repository({ Procfile: 'web: true\n' })
    const app = await createApp(berth, repo, 'frozen')
    const push = await repo.push()
    expect(push.code).to.equal(1)
    expect(push.stderr).to.include('the plugin deploy-freeze refuses this push: nobody deploys until 2999-12-31')
    expect(push.stderr).to.include('ask whoever has set it')
    expect(push.stderr).to.not.match(/building/i)
    expect((await berth.berth(['releases', '-a', app])).stdout).to.not.include('Deploy')
  })

  it('is brought up to date, keeps its settings, and is uninstalled', async () => {
    const next = await remote.commit('freeze', await example('plugin-hook', '1.1.0'))
    expect(await json<PluginInfo>('plugins:update', 'deploy-freeze', '--json')).to.include({
      version: '1.1.0',
      pin: next,
    })
    const info = await json<PluginInfo>('plugins:info', 'deploy-freeze', '--json')
    expect(info.settings.find(({ name }) => name === 'until')).to.include({ value: '2999-12-31', set: true })
    await berth.succeed('plugins:disable', 'deploy-freeze')
    const before = (await journal()).length
    const app = await createApp(berth, await berth.repository({ Procfile: 'web: true\n' }), 'free')
    await berth.succeed('config:set', 'A=b', '-a', app)
    expect((await journal()).length).to.equal(before)
    await berth.succeed('plugins:uninstall', 'deploy-freeze')
    expect(await stateOf('deploy-freeze')).to.equal(undefined)
    expect(await readdir(join(berth.config.root, 'plugins'))).to.deep.equal(['.data'])
  })

  it('is no other than a program in <root>/hooks', async () => {
    const file = join(berth.config.root, 'hooks/before-config')
    await writeFile(file, '#!/bin/sh\nid -un\ncat | grep -o \'"set":[^]]*]\'\necho not today >&2\nexit 1\n')
    await chmod(file, 0o755)
    const app = await createApp(berth, await berth.repository({ Procfile: 'web: true\n' }), 'asked')
    const { code, stdout, stderr } = await berth.berth(['config:set', 'SECRET=hush', '-a', app])
    await chmod(file, 0o644)
    const unrunnable = await berth.berth(['config:set', 'SECRET=hush', '-a', app])
    await rm(file)
    expect(code).to.equal(1)
    expect(stdout + stderr).to.include('the hook before-config refuses this config: not today')
    expect(stdout + stderr).to.match(/berth\n/)
    expect(stdout + stderr)
      .to.include('"set":["SECRET"]')
      .and.not.include('hush')
    expect(unrunnable.stderr).to.include(`chmod 755 ${file}`)
  })

  it('of kind dns has wildcards ordered, once it is set', async () => {
    await remote.commit('zonefile', await example('plugin-dns', '1.0.0'))
    const info = await json<PluginInfo>('plugins:install', `${remote.url}/zonefile#main`, '--json')
    expect(info).to.include({ name: 'dns-zonefile', kind: 'dns', state: 'disabled' })
    const app = await createApp(berth, await berth.repository({ Procfile: 'web: true\n' }), 'wild')
    await berth.succeed('domains:add', '*.example.org', '-a', app)
    const ordered = async (): Promise<readonly string[]> =>
      (await json<{ hosts: string[] }>('certs:auto', 'on', '--json', '-a', app)).hosts
    expect(await ordered()).to.deep.equal([])
    await berth.succeed('plugins:set', 'dns-zonefile', 'folder=/var/empty', 'zones=example.org')
    await berth.succeed('plugins:enable', 'dns-zonefile')
    expect(await ordered()).to.deep.equal(['*.example.org'])
  })

  it('of kind notifier tells of what fails', async () => {
    await remote.commit('notices', await example('plugin-notifier', '1.0.0'))
    await berth.succeed('plugins:install', `${remote.url}/notices`)
    const repo = await berth.repository({ 'nothing.xyz': '' })
    const app = await createApp(berth, repo, 'failing')
    expect((await repo.push()).code).to.equal(1)
    const file = join(berth.config.root, 'plugins/.data/notify-file/notices')
    await eventually(async () => (await readFile(file, 'utf8').catch(() => '')) !== '', 'a notice')
    expect(await readFile(file, 'utf8')).to.match(
      new RegExp(`^\\S+Z a change of ${app} failed \\(push\\): no stack recognised in nothing.xyz\\n$`),
    )
  })

  it('of kind buildpack builds what Berth knows nothing of', async () => {
    await remote.commit('perl', await example('plugin-buildpack', '1.0.0'))
    const repo = await berth.repository({
      'app.psgi': `use JSON::PP; sub { [200, ['Content-Type' => 'text/plain'], ["$ENV{WORD} ", encode_json([1])]] }`,
      cpanfile: `requires 'Plack';\n`,
    })
    const app = await createApp(berth, repo, 'perl')
    await berth.succeed('config:set', 'WORD=hello', '-a', app)
    const before = await repo.push()
    expect(before.code).to.equal(1)
    const info = await json<PluginInfo>('plugins:install', `${remote.url}/perl`, '--json')
    expect(info).to.include({ name: 'perl', kind: 'buildpack', state: 'enabled' })
    const push = await repo.push()
    expect(push.code, push.stderr).to.equal(0)
    expect(push.stderr).to.match(/Perl app detected/)
    expect((await berth.curl(app, '/')).body).to.equal('hello [1]')
    await berth.succeed('plugins:uninstall', 'perl')
    await repo.commit({ cpanfile: `requires 'Plack', '>= 1';\n` })
    expect((await repo.push()).stderr).to.match(/no stack recognised|Perl/)
    expect((await berth.curl(app, '/')).body, 'what runs goes on').to.equal('hello [1]')
  })
})
