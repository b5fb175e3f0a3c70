import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { loadConfig, type Config } from '../../src/config.js'
import { readRunning } from '../../src/serve/instance.js'
import { freePort, poolByte } from '../free.js'
import { must, run } from '../run.js'
import { answering } from './apps.js'
import { cache, home, type Instance } from './instance.js'
import { underLoad } from './load.js'

const who = ['-c', 'user.name=Test', '-c', 'user.email=test@localhost']

describe('berth up, again and again', function () {
  this.timeout(360_000)
  let dir: string
  let env: NodeJS.ProcessEnv
  const root = () => join(dir, 'root')
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-again-'))
    await must('chmod', ['755', dir])
    await mkdir(root(), { mode: 0o700 })
    env = {
      ...process.env,
      PATH: `${join(home, 'bin')}:${process.env.PATH ?? ''}`,
      BERTH_ROOT: root(),
      BERTH_CONFIG_DIR: join(dir, 'credentials'),
    }
    const port = String(await freePort())
    const settings = {
      ...{ BERTH_RUN: join(dir, 'run'), BERTH_NAME: `u${randomBytes(4).toString('hex')}`, BERTH_CACHE: cache },
      ...{ BERTH_POOL: `10.${String(poolByte())}.0.0/16`, BERTH_HTTP_PORT: port },
    }
    // others are remembered from here on; under an umask of root's own, with `test` and `install` of ours first on PATH
    const first = await run('sh', ['-c', 'umask 077; exec "$0" up', join(home, 'bin/berth')], {
      env: { ...env, ...settings },
      timeoutMs: 240_000,
    })
    expect(first.code, first.stderr).to.equal(0)
    expect(first.stdout.trim().split('\n').slice(-3).join('\n')).to.include(`http://hello-node.localhost:${port}`)
  })
  after(async () => {
    const { code, stderr } = await berth('down', '--all')
    await rm(dir, { recursive: true, force: true })
    expect(code, stderr).to.equal(0)
  })
  const berth = (...args: string[]) => run(join(home, 'bin/berth'), args, { env, timeoutMs: 180_000 })
  const up = (settings: Record<string, string> = {}) =>
    run(join(home, 'bin/berth'), ['up'], { env: { ...env, ...settings }, timeoutMs: 240_000 })
  const config = (): Config => loadConfig({ BERTH_ROOT: root() })
  const answer = async (app = 'hello-node') => {
    const { stdout } = await run('curl', ['-s', '-w', ' %{http_code}', config().appUrl({ name: app })])
    return stdout.trim()
  }
  const supervisor = () => readRunning(config().run)?.pid ?? 0
  const load = (during: () => Promise<void>) => underLoad({ config: config() } as Instance, 'hello-node', 40, during)

  it('a root that only root could enter, an umask that hides, and own commands on PATH are no matter', async () => {
    const account = await must('id', ['-u', 'berth'])
    await must('setpriv', [`--reuid=${account}`, '--clear-groups', '/usr/bin/test', '-x', root()])
    const log = await stat(join(root(), 'log'))
    const secrets = await Promise.all(
      ['build.env', 'berth.env', 'log/api.log', 'log/serve.log'].map((name) => stat(join(root(), name))),
    )
    for (const { mode, uid } of [...secrets, log]) expect([mode & 0o007, uid]).to.deep.equal([0, 0])
    const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups']
    for (const name of ['build.env', 'berth.env', 'redis', 'deploys', 'git', 'log', 'engine'])
      expect((await run('setpriv', [...asNobody, 'grep', '-r', '.', join(root(), name)])).code, name).to.equal(2)
  })

  it('a change of what its processes are is a hand-over that loses no request', async () => {
    const before = supervisor()
    const { sent, failures } = await load(async () => {
      const out = await up({ BERTH_DEPLOYS: '3' })
      expect(out.code, out.stderr).to.equal(0)
      expect(out.stderr).to.include('Changed: BERTH_DEPLOYS')
    })
    expect(failures, `of ${sent}`).to.deep.equal([])
    expect(sent).to.be.greaterThan(40)
    expect(supervisor()).to.not.equal(before)
    const again = await up()
    expect(again.stderr).to.include('running already')
  })

  it('after the supervisor was killed it takes over, and loses no request', async () => {
    const before = supervisor()
    const { sent, failures } = await load(async () => {
      process.kill(before, 'SIGKILL')
      const [one, other] = await Promise.all([up(), up()]) // two at once take turns
      expect([one.code, other.code], one.stderr + other.stderr).to.deep.equal([0, 0])
      expect(one.stderr + other.stderr)
        .to.include('supervisor ended')
        .and.to.include('running already')
    })
    expect(failures, `of ${sent}`).to.deep.equal([])
    expect(supervisor()).to.not.equal(before)
  })

  it('an edit of its file counts; one that is wrong, or meets another, changes nothing', async () => {
    const file = join(root(), 'berth.env')
    await writeFile(file, `# mine\n${(await readFile(file, 'utf8')).replace('BERTH_DEPLOYS=3', 'BERTH_DEPLOYS="4"')}`)
    expect((await up()).stderr).to.include('Changed: BERTH_DEPLOYS')
    const text = await readFile(file, 'utf8')
    const pid = supervisor()
    const taken = createServer().listen(0)
    await once(taken, 'listening')
    const port = String((taken.address() as { port: number }).port)
    const refused: [Record<string, string>, string][] = [
      [{ BERTH_HTTP_PORT: port }, `port ${port} is taken`],
      [{ BERTH_POOL: '10.254.0.0/16' }, 'cannot become 10.254.0.0/16 while apps run'],
      [{ BERTH_ROOT: join(dir, 'other'), BERTH_RUN: join(dir, 'run') }, `belongs to the Berth in ${root()}`],
      [{ BERTH_DEPLOYS: 'many' }, 'BERTH_DEPLOYS="many"'],
      [{ BERTH_DOMAIN: 'a..b' }, 'not a domain name'],
    ]
    for (const [settings, words] of refused) {
      const out = await up(settings)
      expect([out.code, out.stderr.includes(words)], out.stderr).to.deep.equal([1, true])
    }
    taken.close()
    expect(await readFile(file, 'utf8')).to.equal(text)
    expect(await stat(join(dir, 'other')).catch(() => null)).to.equal(null)
    expect(supervisor()).to.equal(pid)
    expect(await answer()).to.match(/200$/)
  })

  it('another port and another domain are served when it returns, and the old port is closed', async () => {
    const old = config().httpPort
    const moved = await up({ BERTH_HTTP_PORT: String(await freePort()), BERTH_DOMAIN: 'Apps.Example.test' })
    expect(moved.code, moved.stderr).to.equal(0)
    expect(moved.stdout).to.include(`http://hello-node.apps.example.test:${config().httpPort}`)
    const { stdout } = await run('curl', [
      ...['-s', '-w', ' %{http_code}', '-H', `Host: ${config().appHost('hello-node')}`],
      `http://127.0.0.1:${config().httpPort}/`,
    ])
    expect(stdout).to.match(/ 200$/)
    expect((await run('curl', ['-s', `http://127.0.0.1:${old}/`])).code).to.equal(7) // nobody listens there
    const back = await up({ BERTH_DOMAIN: 'localhost' })
    expect(back.code, back.stderr).to.equal(0)
    expect((await berth('apps')).stdout).to.include('hello-node')
  })

  it('who ran sudo gets credentials of their own, as their own', async () => {
    const name = `berth-${randomBytes(4).toString('hex')}`
    const theirs = join(dir, 'home')
    await must('useradd', ['--create-home', '--home-dir', theirs, '--user-group', name])
    try {
      const [uid, gid] = [await must('id', ['-u', name]), await must('id', ['-g', name])]
      const sudo = { SUDO_USER: name, SUDO_UID: uid, SUDO_GID: gid }
      expect((await up(sudo)).stderr).to.include(`Made an access token for ${name}`)
      expect((await up(sudo)).stderr).to.not.include('access token')
      const kept = join(theirs, '.config/berth')
      for (const [path, mode] of [
        ['', 0o700],
        ['credentials.json', 0o600],
        ['git-credentials', 0o600],
      ] as const) {
        const stats = await stat(join(kept, path))
        expect([stats.mode & 0o777, stats.uid, stats.gid]).to.deep.equal([mode, Number(uid), Number(gid)])
      }
      const asThem = await run(
        'setpriv',
        [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', join(home, 'bin/berth'), 'apps'],
        {
          env: { PATH: process.env.PATH, HOME: theirs },
        },
      )
      expect(asThem.stdout, asThem.stderr).to.include('hello-node')
      // what lies in their home leads root nowhere
      await rm(kept, { recursive: true })
      await must('ln', ['-s', '/etc', kept])
      const misled = await up(sudo)
      expect([misled.code, misled.stderr.includes(`No access token for ${name}`)], misled.stderr).to.deep.equal([
        0,
        true,
      ])
      expect(await stat('/etc/credentials.json').catch(() => null)).to.equal(null)
    } finally {
      await run('userdel', [name])
    }
  })

  it('the example is pushed once: not over what was pushed there since, and not back when it was destroyed', async () => {
    const repo = await mkdtemp(join(dir, 'repo-'))
    for (const [name, text] of Object.entries(answering('my own code'))) await writeFile(join(repo, name), text)
    const git = (...args: string[]) => must('git', [...who, ...args], { cwd: repo, env, timeoutMs: 120_000 })
    await git('init', '-q', '-b', 'main')
    await git('add', '--all')
    await git('commit', '-qm', 'Mine')
    expect((await run(join(home, 'bin/berth'), ['git:remote', '-a', 'hello-node'], { env, cwd: repo })).code).to.equal(
      0,
    )
    await git('push', '--force', 'berth', 'main')
    const again = await up()
    expect(again.code, again.stderr).to.equal(0)
    expect(await answer()).to.equal('my own code 200')
    const gone = await berth('apps:destroy', '-a', 'hello-node', '--confirm', 'hello-node')
    expect(gone.code, gone.stderr).to.equal(0)
    const last = await up()
    expect(last.code, last.stderr).to.equal(0)
    expect(last.stdout).to.not.include('hello-node')
    expect((await berth('apps')).stdout).to.not.include('hello-node')
  })

  it('down by anybody but root says what to do at once; twice says that nothing ran', async () => {
    for (const args of [['down'], ['down', '--all'], ['serve'], ['engine'], ['up']]) {
      const out = await run('setpriv', ['--reuid=65534', '--clear-groups', join(home, 'bin/berth'), ...args], {
        env,
        timeoutMs: 20_000,
      })
      expect([out.code, out.stderr.includes(`sudo berth ${args.join(' ')}`)], out.stderr).to.deep.equal([1, true])
    }
    expect((await berth('down')).stderr).to.match(/done, \d+ processes/)
    expect((await berth('down')).stderr).to.include('was not running')
    const back = await up()
    expect(back.code, back.stderr).to.equal(0)
  })
})
