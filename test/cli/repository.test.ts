import { expect } from 'chai'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { appOfRemote } from '../../src/cli/repository.js'
import { must, run } from '../run.js'
import { setCli } from './rig.js'

describe('the repository one is in', function () {
  this.timeout(20_000)
  const cli = setCli()
  const { berth } = cli

  it('gets the remote and the way to the token, which git then finds, when an app is created in it', async () => {
    const repo = await cli.repository()
    const made = await berth(['apps:create', 'blog'], { cwd: repo })
    expect(made.stderr).to.include('Creating blog... done').and.to.include('Git remote berth added')
    expect(made.stdout).to.equal(`${cli.api.config.appUrl({ name: 'blog' })} | ${cli.api.url}/blog.git\n`)
    expect(await must('git', ['remote', 'get-url', 'berth'], { cwd: repo, env: cli.env })).to.equal(
      `${cli.api.url}/blog.git`,
    )
    const { protocol, host } = new URL(cli.api.url)
    const found = await run('git', ['credential', 'fill'], {
      cwd: repo,
      env: { ...cli.env, GIT_TERMINAL_PROMPT: '0' },
      input: `protocol=${protocol.replace(':', '')}\nhost=${host}\n\n`,
    })
    expect(found.stdout).to.include(`password=${cli.api.token}`)
    expect(await readFile(join(repo, '.git/config'), 'utf8')).to.not.include(cli.api.token)

    // and the app of the directory is known from then on
    expect((await berth(['apps:info'], { cwd: repo })).stdout).to.include(`${cli.api.url}/blog.git`)
    const again = await berth(['apps:create', 'blog-two'], { cwd: repo })
    expect(again.stderr).to.include('was left alone').and.to.include('berth git:remote -a blog-two')
    const moved = await berth(['git:remote', '-a', 'blog-two', '-r', 'other'], { cwd: repo })
    expect(moved.stdout).to.equal(`${cli.api.url}/blog-two.git\n`)

    const renamed = await berth(['apps:rename', 'journal'], { cwd: repo })
    expect(renamed.code, renamed.stderr).to.equal(0)
    expect(await must('git', ['remote', 'get-url', 'berth'], { cwd: repo, env: cli.env })).to.equal(
      `${cli.api.url}/journal.git`,
    )
  })

  it('has the app of its remote; of several one must be chosen, and those of other servers do not count', async () => {
    const repo = await cli.repository()
    await must('git', ['remote', 'add', 'origin', 'http://elsewhere.example/x.git'], { cwd: repo, env: cli.env })
    expect((await berth(['ps'], { cwd: repo })).stderr).to.include('no app chosen')
    await must('git', ['remote', 'add', 'one', `${cli.api.url}/one.git`], { cwd: repo, env: cli.env })
    expect((await berth(['ps'], { cwd: repo })).stderr).to.include('no app named "one"')
    await must('git', ['remote', 'add', 'two', `${cli.api.url}/two.git`], { cwd: repo, env: cli.env })
    const { code, stderr } = await berth(['ps'], { cwd: repo })
    expect(code).to.equal(2)
    expect(stderr).to.include('lead to several apps: one, two')
  })

  it('knows its app by a remote that leads to this Berth, and by no other', () => {
    const app = (remote: string) => appOfRemote(remote, 'http://berth.localhost:8080')
    for (const leads of ['blog.git', 'blog', 'blog.git/', 'blog.git?x', 'blog#x'])
      expect(app(`http://berth.localhost:8080/${leads}`), leads).to.equal('blog')
    expect(app('http://berth:secret@berth.localhost:8080/blog.git')).to.equal('blog')
    for (const other of ['http://berth.localhost/blog.git', 'https://berth.localhost:8080/blog.git', '/srv/blog.git'])
      expect(app(other), other).to.equal(null)
    for (const odd of [
      '',
      'git@berth.localhost:blog.git',
      'http://berth.localhost:8080/',
      'http://berth.localhost:8080/a/b.git',
    ])
      expect(app(odd), odd).to.equal(null)
  })

  it('keeps other helpers and remotes, and gives git the token once however often it is asked', async () => {
    const repo = await cli.repository()
    const git = (...args: string[]) => must('git', args, { cwd: repo, env: cli.env })
    await git('remote', 'add', 'origin', 'http://elsewhere.example/x.git')
    await git('config', 'credential.helper', 'cache')
    await cli.api.client.apps.create({ name: 'kept' })
    for (let round = 0; round < 2; round += 1)
      expect((await berth(['git:remote', '-a', 'kept'], { cwd: repo })).stderr).to.equal(
        'Git remote berth leads to kept\n',
      )
    expect(await git('remote')).to.equal('berth\norigin')
    expect(await git('config', 'credential.helper')).to.equal('cache')
    const { stdout: helpers } = await run('git', ['config', '--get-all', `credential.${cli.api.url}.helper`], {
      cwd: repo,
      env: cli.env,
    })
    expect(helpers, 'what was set elsewhere is forgotten first').to.match(/^\nstore --file='.*git-credentials'\n$/)
    expect((await berth(['git:remote', '-a', 'kept', '-r', 'bad name'], { cwd: repo })).code).to.equal(1)
  })
})
