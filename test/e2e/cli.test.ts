import { mkdtemp, readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Rig } from '../api/rig.js'
import { must, run } from '../run.js'
import { home } from './built.js'
import { typeAt } from './typing.js'
import { openCliRig, type CliRig } from './cli-rig.js'

describe('the command line', () => {
  let cli: CliRig
  let rig: Rig
  let dir: string
  let env: NodeJS.ProcessEnv
  let berth: CliRig['berth']
  let json: CliRig['json']
  before(async () => {
    cli = await openCliRig()
    ;({ api: rig, dir, env, berth, json } = cli)
  })
  after(() => cli[Symbol.asyncDispose]())

  const repository = async (): Promise<string> => {
    const repo = await mkdtemp(join(dir, 'repo-'))
    await must('git', ['init', '--quiet', '--initial-branch=main'], { cwd: repo, env })
    return repo
  }

  describe('itself', () => {
    it('without arguments is the help, by topic, exit code 0', async () => {
      const { code, stdout } = await berth([])
      expect(code).to.equal(0)
      for (const word of ['Apps:', 'Config vars:', 'Releases:', 'apps:create', 'serve', 'down'])
        expect(stdout).to.include(word)
    })

    it('says its version', async () => {
      const { version } = JSON.parse(await readFile(join(home, 'package.json'), 'utf8')) as { version: string }
      for (const flag of ['-v', '--version']) expect((await berth([flag])).stdout.trim()).to.equal(version)
    })

    it('has an example in the help of every command', async () => {
      const { stdout } = await berth([])
      const commands = [...stdout.matchAll(/^ {2}([a-z]+(?::[a-z]+)?) /gm)].map(([, name = '']) => name)
      expect(commands).to.include.members(['apps', 'config:set', 'run', 'down'])
      const helps = await Promise.all(
        commands.filter((name) => name !== 'help').map(async (name) => [name, await berth(['help', name])] as const),
      )
      for (const [name, help] of helps) expect(help.stdout, name).to.match(/Examples?:\n {2}\$ /)
    })

    it('that is wrong is exit code 2, with a suggestion', async () => {
      const wrong: [string[], RegExp][] = [
        [['appz'], /unknown command 'appz'\n.*Did you mean apps/],
        [['apps:creat'], /Did you mean apps:create/],
        [['apps', '--jsno'], /unknown option '--jsno'\n.*--json/],
        [['apps:info', 'x', 'y'], /takes no argument "x"\n.*-a x/],
        [['config:get'], /missing required argument 'name'/],
        [['config:set', '-a', 'x'], /no config var to set/],
        [['config:set', 'novalue', '-a', 'x'], /"novalue" is not NAME=value/],
        [['config:set', '=secret', '-a', 'x'], /needs a name/],
        [['ps:scale', 'web', '-a', 'x'], /does not say how many/],
        [['ps:scale', 'web=1:lots', '-a', 'x'], /not an amount of memory/],
        [['logs', '-n', 'many', '-a', 'x'], /not a number of lines/],
        [['rollback', 'latest', '-a', 'x'], /not a release/],
        [['ps'], /no app chosen\n.*-a APP/],
        [['apps:destroy', '-a', 'x'], /no app named|must be confirmed/],
      ]
      const ends = await Promise.all(
        wrong.slice(0, -1).map(async ([args, words]) => ({ args, words, end: await berth(args) })),
      )
      for (const { args, words, end } of ends) {
        expect(end.code, args.join(' ')).to.equal(2)
        expect(end.stdout, args.join(' ')).to.equal('')
        expect(end.stderr, args.join(' '))
          .to.match(words)
          .and.to.match(/^ ▸ {4}/)
      }
    })
  })

  describe('a server', () => {
    it('that is not there: says Berth is not running and what starts it, exit code 1', async () => {
      const server = createServer().listen(0)
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      server.close()
      await once(server, 'close')
      const url = `http://berth.localhost:${String(port)}`
      const { code, stderr } = await berth(['apps'], { env: { ...env, BERTH_URL: url, BERTH_TOKEN: 'x' } })
      expect(code).to.equal(1)
      expect(stderr).to.equal(` ▸    Berth is not running at ${url}\n ▸    \`bin/up\` starts it\n`)
    })

    it('that is no Berth, or whose API is away, is told apart', async () => {
      for (const [status, words] of [
        [200, /answered 200, and not as Berth does/],
        [404, /answered 404, and not as Berth does/],
        [503, /API at .* is not answering/],
      ] as const) {
        const server = createServer((_request, response) => response.writeHead(status).end('<html>')).listen(0)
        await once(server, 'listening')
        const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
        const { code, stderr } = await berth(['apps'], { env: { ...env, BERTH_URL: url, BERTH_TOKEN: 'x' } })
        server.close()
        expect(code).to.equal(1)
        expect(stderr).to.match(words)
      }
    })

    it('that does not know the token says so', async () => {
      const { code, stderr } = await berth(['apps'], { env: { ...env, BERTH_URL: rig.url, BERTH_TOKEN: 'wrong' } })
      expect(code).to.equal(1)
      expect(stderr).to.include('does not know the token')
    })

    it('nobody has named is asked for', async () => {
      const { code, stderr } = await berth(['apps'], { env: { ...env, BERTH_CONFIG_DIR: join(dir, 'nowhere') } })
      expect(code).to.equal(1)
      expect(stderr).to.include('no Berth is known here').and.to.include('bin/up')
    })

    it('never gets the token of another', async () => {
      const { code, stderr } = await berth(['apps'], { env: { ...env, BERTH_URL: 'http://127.0.0.1:9' } })
      expect(code).to.equal(1)
      expect(stderr).to.include('there is no token for')
    })
  })

  describe('apps', () => {
    it('are created in a repository with the remote and the way to the token, which git then finds', async () => {
      const repo = await repository()
      const made = await berth(['apps:create', 'blog'], { cwd: repo })
      expect(made.stderr).to.include('Creating blog... done').and.to.include('Git remote berth added')
      expect(made.stdout).to.equal(`${rig.config.appUrl('blog')} | ${rig.url}/blog.git\n`)
      expect(await must('git', ['remote', 'get-url', 'berth'], { cwd: repo, env })).to.equal(`${rig.url}/blog.git`)
      const { protocol, host } = new URL(rig.url)
      const found = await run('git', ['credential', 'fill'], {
        cwd: repo,
        env: { ...env, GIT_TERMINAL_PROMPT: '0' },
        input: `protocol=${protocol.replace(':', '')}\nhost=${host}\n\n`,
      })
      expect(found.stdout).to.include(`password=${rig.token}`)
      expect(await readFile(join(repo, '.git/config'), 'utf8')).to.not.include(rig.token)

      // and the app of the directory is known from then on
      expect((await berth(['apps:info'], { cwd: repo })).stdout).to.include(`${rig.url}/blog.git`)
      const again = await berth(['apps:create', 'blog-two'], { cwd: repo })
      expect(again.stderr).to.include('was left alone').and.to.include('berth git:remote -a blog-two')
      const moved = await berth(['git:remote', '-a', 'blog-two', '-r', 'other'], { cwd: repo })
      expect(moved.stdout).to.equal(`${rig.url}/blog-two.git\n`)

      const renamed = await berth(['apps:rename', 'journal'], { cwd: repo })
      expect(renamed.code, renamed.stderr).to.equal(0)
      expect(await must('git', ['remote', 'get-url', 'berth'], { cwd: repo, env })).to.equal(`${rig.url}/journal.git`)
    })

    it('of several remotes must be chosen; those of other servers do not count', async () => {
      const repo = await repository()
      await must('git', ['remote', 'add', 'origin', 'http://elsewhere.example/x.git'], { cwd: repo, env })
      expect((await berth(['ps'], { cwd: repo })).stderr).to.include('no app chosen')
      await must('git', ['remote', 'add', 'one', `${rig.url}/one.git`], { cwd: repo, env })
      expect((await berth(['ps'], { cwd: repo })).stderr).to.include('no app named "one"')
      await must('git', ['remote', 'add', 'two', `${rig.url}/two.git`], { cwd: repo, env })
      const { code, stderr } = await berth(['ps'], { cwd: repo })
      expect(code).to.equal(2)
      expect(stderr).to.include('lead to several apps: one, two')
    })

    it('get a random name, and are listed', async () => {
      const made = await berth(['apps:create', '--json'])
      const { name } = JSON.parse(made.stdout) as { name: string }
      expect((await berth(['apps'])).stdout)
        .to.match(/^=== Apps\n/)
        .and.to.include(name)
      expect(((await json(['apps:list', '--json'])) as { name: string }[]).map((app) => app.name)).to.include(name)
    })

    it('that may not be are refused, exit code 1', async () => {
      const bad = ['Upper', '..', 'a'.repeat(64), 'berth', 'api']
      for (const { code, stderr } of await Promise.all(bad.map((name) => berth(['apps:create', '--', name])))) {
        expect(code).to.equal(1)
        expect(stderr).to.match(/... !\n ▸ {4}.*\n ▸ {4}/)
      }
    })

    it('are destroyed only when their name is repeated', async () => {
      await rig.pushed('doomed')
      const unasked = await berth(['apps:destroy', '-a', 'doomed'])
      expect(unasked.code).to.equal(2)
      expect(unasked.stderr).to.include('--confirm doomed')
      const wrong = await berth(['apps:destroy', '-a', 'doomed', '--confirm', 'other'])
      expect(wrong.code).to.equal(1)
      expect(wrong.stderr).to.include('is not the name')
      for (const key of ['\u0003', '\u0004']) {
        const left = await typeAt(`${home}/bin/berth apps:destroy -a doomed`, 'to go on', key, { env })
        expect([left.code, left.stdout.includes('nothing was destroyed')], left.stdout).to.deep.equal([1, true])
        expect(left.stdout).not.to.match(/warning|unsettled/i)
      }
      const { code, stderr } = await berth(['apps:destroy', '-a', 'doomed', '--confirm', 'doomed'])
      expect(code, stderr).to.equal(0)
      expect(stderr).to.equal('Destroying doomed... done\n')
      expect((await berth(['apps:info', '-a', 'doomed'])).stderr).to.include('no app named "doomed"')
    })
  })
})
