import { expect } from 'chai'
import { setCli } from './rig.js'

describe('git on the command line', function () {
  this.timeout(20_000)
  const cli = setCli()
  const { berth, json } = cli

  it('deploys the branch that was chosen', async () => {
    await cli.api.client.apps.create({ name: 'branched' })
    expect((await berth(['git:branch', 'production', '-a', 'branched'])).stderr).to.include(
      'Pushes to production deploy branched',
    )
    expect((await berth(['git:branch', '-a', 'branched'])).stdout).to.equal('production\n')
    expect(await json(['git:branch', '--json', '-a', 'branched'])).to.deep.equal({ deployBranch: 'production' })
    expect((await berth(['git:branch', '--default', '-a', 'branched'])).stderr).to.include('main or master deploy')
    expect((await berth(['git:branch', '-a', 'branched'])).stdout).to.equal('main or master\n')
    expect((await berth(['git:branch', 'x', '--default', '-a', 'branched'])).code).to.equal(2)
    expect((await berth(['git:branch', 'a..b', '-a', 'branched'])).stderr).to.include('"a..b" is not a branch name')
  })

  it('is given no remote outside of a repository', async () => {
    const { code, stderr } = await berth(['git:remote', '-a', 'branched'])
    expect([code, stderr.includes('this is no git repository')]).to.deep.equal([2, true])
    expect((await berth(['git:remote', '-a', 'nowhere'], { cwd: await cli.repository() })).stderr).to.include(
      'no app named',
    )
  })

  it('knows where an app comes from, and reads a password from its input', async () => {
    await cli.api.client.apps.create({ name: 'origin' })
    const of = ['-a', 'origin']
    expect((await berth(['git', ...of])).stdout).to.match(/Origin: +not said/)
    expect((await berth(['git:set', 'origin=https://host/you/app.git', ...of])).stderr).to.include('https://host/you')
    expect((await berth(['git:set', 'orgin=x', ...of])).code).to.equal(2)
    expect((await berth(['git:set', 'origin=../x', ...of])).stderr).to.include('give the https:// or ssh:// URL')
    const set = await berth(['git:auth', 'github.com', 'ada', ...of], { input: 'hunter2\n' })
    expect([set.code, set.stderr]).to.deep.equal([0, 'origin and its submodules are fetched from github.com as ada\n'])
    expect((await berth(['git:auth', 'github.com', 'ada', ...of], { input: '\n' })).code).to.equal(2)
    const shown = await berth(['git', ...of])
    expect(shown.stdout)
      .to.match(/Password for github.com: +ada/)
      .and.not.include('hunter2')
    const login = { host: 'github.com', user: 'ada' }
    expect(await json(['git', '--json', ...of])).to.deep.equal({
      origin: 'https://host/you/app.git',
      source: null,
      webhook: null,
      deployBranch: null,
      key: null,
      hosts: [],
      logins: [login],
    })
    expect(await json(['git:auth:remove', 'github.com', '--json', ...of])).to.deep.equal(login)
    expect((await berth(['git:auth:remove', 'github.com', ...of])).stderr).to.include('no login for "github.com"')
    expect(await json(['git:unset', 'origin', '--json', ...of])).to.include({ origin: null })
    expect((await berth(['git:unset', 'branch', ...of])).code).to.equal(2)
  })

  it('makes a key, knows hosts, and keeps an app from a repository over SSH', async () => {
    await cli.api.client.apps.create({ name: 'keyed' })
    const of = ['-a', 'keyed']
    const made = await berth(['git:key', ...of])
    expect(made.stdout).to.match(/^ssh-ed25519 \S+ berth-keyed\n$/)
    expect(made.stderr).to.match(/^SHA256:\S+: it is new; add it where the repository is, as a deploy key/)
    const again = await berth(['git:key', ...of])
    expect([again.stdout, /new/.test(again.stderr)]).to.deep.equal([made.stdout, false])
    expect(await json(['git:key', '--rotate', '--json', ...of])).to.include({ made: true })
    expect((await berth(['git:key', ...of])).stdout).not.to.equal(made.stdout)
    expect(await json(['git:key:remove', '--json', ...of])).to.deep.equal({ removed: true })
    expect((await berth(['git:key:remove', ...of])).stderr).to.equal('keyed has no key\n')

    const host = made.stdout.trim()
    const set = ['git:set', 'source=ssh://git@git.example.com:2222/you/blog.git#main', ...of]
    const stranger = await berth(['git:host', '127.0.0.1', ...of])
    expect([stranger.code, stranger.stderr]).to.satisfy(
      ([code, words]: [number, string]) => code === 1 && words.includes('private address'),
    )
    const kept = await berth([...set, '--host-key', host])
    expect(kept.code, kept.stderr).to.equal(0)
    expect(kept.stderr).to.match(
      /^keyed knows git.example.com:2222 by SHA256:\S+\nAdd this at git.example.com:2222, as a deploy key that may read:\nssh-ed25519 /,
    )
    expect((await berth(['git', ...of])).stdout)
      .to.match(/SSH key: +ssh-ed25519 \S+ berth-keyed\n/)
      .and.match(/Host git.example.com:2222: +SHA256:\S+ \(ssh-ed25519\)/)
    const { publicKey } = (await json(['git:key', '--json', ...of])) as { publicKey: string }
    const changed = await berth(['git:host', 'git.example.com:2222', '--host-key', publicKey, ...of])
    expect(changed.stderr).to.match(/is known by another key[^]*berth git:host:remove git.example.com:2222/)
    const web = await berth(['git:set', 'source=https://git.example.com/x', '--host-key', host, ...of])
    expect([web.code, web.stderr.includes('it has no host key')]).to.deep.equal([2, true])
    expect(await json(['git:host:remove', 'git.example.com:2222', '--json', ...of])).to.include({ removed: true })
    expect((await berth(['git:host:remove', 'git.example.com:2222', ...of])).stderr).to.include('does not know')
  })

  it('keeps an app from a repository, fetches it, and says how that ended', async () => {
    await cli.api.client.apps.create({ name: 'kept' })
    const of = ['-a', 'kept']
    const none = await berth(['git:sync', ...of])
    expect([none.code, none.stderr]).to.satisfy(
      ([code, words]: [number, string]) => code === 1 && /kept from no repository[^]*berth git:set source=/.test(words),
    )
    expect((await berth(['git:syncs', ...of])).stderr).to.include('Nothing was fetched for kept yet')
    const set = await berth(['git:set', 'source=http://127.0.0.1:9/x.git#v1', ...of])
    expect(set.stderr).to.equal('kept is kept from http://127.0.0.1:9/x.git#v1; `berth git:sync -a kept` deploys it\n')
    expect((await berth(['git', ...of])).stdout).to.match(/Source: +http:\/\/127.0.0.1:9\/x.git#v1/)
    expect((await berth(['apps:info', ...of])).stdout).to.match(/Source: +http:\/\/127.0.0.1:9\/x.git#v1/)
    const failed = await berth(['git:sync', '--json', ...of])
    expect([failed.code, (JSON.parse(failed.stdout) as { status: string }).status]).to.deep.equal([1, 'failed'])
    expect(failed.stderr).to.match(/Fetching http:[^]* ! {5}source: .* private address[^]*it was not deployed/)
    expect((await berth(['git:syncs', ...of])).stdout).to.match(/failed .* command +source: .* private address/)
    expect((await berth(['git:unset', 'source', ...of])).stderr).to.include('`git push` deploys it')
    expect(await json(['git', '--json', ...of])).to.include({ source: null })
  })

  it('makes a webhook, gives it another secret, and removes it', async () => {
    await cli.api.client.apps.create({ name: 'hooked' })
    const of = ['-a', 'hooked']
    const made = await berth(['git:webhook', ...of])
    const [, url = '', secret = ''] = /URL: +(\S+)\nSecret: +(\S{43})\n/.exec(made.stdout) ?? []
    expect(made.stderr).to.match(/not shown again\nSay what to deploy: berth git:set source=/)
    const again = await berth(['git:webhook', ...of])
    expect([again.stdout, again.stderr.includes('--rotate')]).to.deep.equal([`${url}\n`, true])
    const rotated = (await json(['git:webhook', '--rotate', '--json', ...of])) as Record<string, string>
    expect([rotated.url, rotated.secret === secret]).to.deep.equal([url, false])
    expect((await berth(['git', ...of])).stdout).to.include(url)
    expect((await berth(['git:webhook:remove', ...of])).stderr).to.equal('Removed the webhook of hooked\n')
    expect(await json(['git:webhook:remove', '--json', ...of])).to.deep.equal({ removed: false })
  })
})
