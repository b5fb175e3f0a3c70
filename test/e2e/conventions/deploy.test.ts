import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { patience } from '../../patience.js'
import { must, type Outcome } from '../../run.js'
import { answering, crashing } from '../apps.js'
import { createApp, instance, type Instance } from '../instance.js'

describe('berth deploy', function () {
  this.timeout(180_000 * patience)
  let berth: Instance
  let app = ''
  let dir = ''
  before(async () => {
    berth = await instance()
    app = await createApp(berth, await berth.repository({}), 'deploy')
  })
  beforeEach(async () => {
    dir = await mkdtemp(join(berth.dir, 'source-'))
  })

  async function write(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(join(dir, path, '..'), { recursive: true })
      await writeFile(join(dir, path), text)
    }
  }
  const deploy = (...args: readonly string[]): Promise<Outcome> =>
    berth.berth(['deploy', ...args, '-a', app], { cwd: dir, timeoutMs: 120_000 })
  async function deployed(...args: readonly string[]): Promise<string> {
    const { code, stderr } = await deploy(...args)
    expect(code, stderr).to.equal(0)
    return (await berth.curl(app)).body
  }

  it('takes a directory, what changed in it, and nothing that is ignored', async () => {
    const list = 'require("fs").readdirSync(".").sort().join()'
    await write({
      ...answering('x'),
      'server.js': `require('http').createServer((q, s) => s.end(${list})).listen(process.env.PORT)`,
      '.gitignore': 'secret.env\n',
      'secret.env': 'x',
    })
    expect(await deployed()).to.equal('.gitignore,package.json,server.js')
    await write({ 'more.txt': 'x' })
    expect(await deployed('.')).to.equal('.gitignore,more.txt,package.json,server.js')
    const again = await deploy()
    expect(again.stderr).to.match(/This tree runs already/)
    expect(again.code).to.equal(0)
    expect((await deploy('--rebuild')).stderr).to.match(/Building/)
    const { branch, commit } = JSON.parse((await deploy('--json')).stdout) as Record<string, string>
    expect([branch, /^[0-9a-f]{40}$/.test(commit ?? '')]).to.deep.equal(['main', true])
  })

  it('takes an archive, from a file or from standard input', async () => {
    await write(answering('from an archive'))
    await must('tar', ['-czf', join(berth.dir, 'app.tgz'), '-C', join(dir, '..'), dir.split('/').at(-1) ?? ''])
    expect(await deployed(join(berth.dir, 'app.tgz'))).to.equal('from an archive')
    await write(answering('from a pipe'))
    const tar = join(berth.dir, 'app.tar')
    await must('tar', ['-cf', tar, '-C', dir, '.'])
    const { code, stderr } = await berth.berth(['deploy', '-', '-a', app], { input: await readFile(tar) })
    expect(code, stderr).to.equal(0)
    expect((await berth.curl(app)).body).to.equal('from a pipe')
  })

  it('takes another repository at a tag, and goes on from what others pushed', async () => {
    const other = await berth.repository(answering('tagged'))
    await other.git('tag', 'v1')
    await other.commit(answering('newer'))
    expect(await deployed('--git', `file://${other.dir}#v1`)).to.equal('tagged')
    expect(await deployed('--git', `file://${other.dir}`)).to.equal('newer')
    const pusher = await berth.repository({})
    await berth.berth(['git:remote', '-a', app], { cwd: pusher.dir })
    expect(
      (await pusher.git('pull', '-q', '--no-rebase', '--no-edit', '--allow-unrelated-histories', 'berth', 'main')).code,
    ).to.equal(0)
    await pusher.commit(answering('pushed'))
    expect((await pusher.push()).code).to.equal(0)
    await write(answering('deployed again'))
    expect(await deployed()).to.equal('deployed again')
    expect((await pusher.git('log', '--oneline', 'HEAD')).stdout.split('\n').length).to.be.greaterThan(4)
  })

  it('says why not, and what runs goes on', async () => {
    await write(answering('stays'))
    expect(await deployed()).to.equal('stays')
    await write(crashing)
    const failed = await deploy()
    expect(failed.code).to.equal(1)
    expect(failed.stderr).to.match(/cannot find the database[\s\S]* it was not deployed\n.*the reason is above/)
    expect((await berth.curl(app)).body).to.equal('stays')
    for (const [args, words] of [
      [['nothing'], /there is no nothing/],
      [['.', '--git', 'x'], /one thing is deployed at a time/],
      [['--image', '-x'], /no name of an image/],
      [['--git', 'file:///nothing#x'], /there is no repository at file:\/\/\/nothing/],
      [['package.json'], /no archive: neither tar nor zip/],
    ] as const) {
      const { code, stderr } = await deploy(...args)
      expect([code === 0, words.test(stderr)], stderr).to.deep.equal([false, true])
    }
    await rm(join(dir, 'package.json'))
    await rm(join(dir, 'server.js'))
    expect((await deploy()).stderr).to.match(/nothing to deploy/)
    await mkdir(join(dir, 'lib'))
    await write({ 'lib/a.js': '1' })
    await must('git', ['init', '-q', join(dir, 'lib')])
    await must('git', [
      '-C',
      join(dir, 'lib'),
      '-c',
      'user.name=x',
      '-c',
      'user.email=x@x',
      'commit',
      '-q',
      '--allow-empty',
      '-m',
      'x',
    ])
    expect((await deploy()).stderr).to.match(/lib: a git repository of its own/)
  })

  it('leaves no secret and nothing half done in its workspace', async () => {
    const deploys = join(berth.env.BERTH_CONFIG_DIR ?? '', 'deploys')
    const [workspace = ''] = await readdir(deploys)
    expect((await readdir(join(deploys, workspace))).filter((name) => name.startsWith('index.'))).to.deep.equal([])
    expect(await readFile(join(deploys, workspace, 'config'), 'utf8')).not.to.match(/Authorization|Basic/)
  })
})
