import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { loadConfig, type Config } from '../../src/config.js'
import { ensureRepository, repositoryOf } from '../../src/git/repository.js'
import type { App } from '../../src/store/apps.js'
import { must, run } from '../run.js'
import { gitEnv } from './rig.js'

describe('the repository of an app', () => {
  let dir: string
  let config: Config
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-repository-'))
    config = loadConfig({ BERTH_ROOT: join(dir, 'a "quoted" \\ root'), BERTH_RUN: dir })
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  const app = (id: string, deployBranch: string | null = null): App => ({
    id,
    name: 'a',
    createdAt: '',
    deployBranch,
    current: 0,
  })
  const git = (repository: string, ...args: string[]) => must('git', args, { cwd: repository, env: gitEnv })

  it('is made once, however many ask at the same time', async () => {
    const made = await Promise.all(Array.from({ length: 4 }, () => ensureRepository(config, app('1'))))
    expect(new Set(made)).to.deep.equal(new Set([repositoryOf(config, '1')]))
    expect(readdirSync(join(config.root, 'git'))).to.deep.equal(['1.git'])
    expect(readdirSync(repositoryOf(config, '1')).filter((name) => /\.[0-9a-f-]{36}$/.test(name))).to.deep.equal([])
    await git(made[0] ?? '', 'fsck', '--strict')
  })

  it('is set up so that git reads it, whatever the root is called', async () => {
    const repository = await ensureRepository(config, app('1'))
    expect(await git(repository, 'config', 'core.hooksPath')).to.equal(join(config.root, 'git', 'hooks'))
    expect(await git(repository, 'config', 'receive.maxInputSize')).to.equal(String(config.push.size))
    expect(await git(repository, 'symbolic-ref', 'HEAD')).to.equal('refs/heads/main')
    const head = await run('git', ['update-ref', 'HEAD', 'HEAD'], { cwd: repository, env: gitEnv })
    expect(head.stderr, 'it warns of a setting that it does not know').not.to.match(/warning/)
    const own = await ensureRepository(config, app('2', 'live/eu'))
    expect(await git(own, 'symbolic-ref', 'HEAD')).to.equal('refs/heads/live/eu')
  })

  it('gets the settings of today, and keeps what is in it', async () => {
    const repository = await ensureRepository(config, app('1'))
    const blob = await must('git', ['hash-object', '-w', '--stdin'], { cwd: repository, env: gitEnv, input: 'kept' })
    const files = ['config', 'info/attributes'].map((name) => join(repository, name))
    const today = files.map((file) => readFileSync(file, 'utf8'))
    files.forEach((file) => writeFileSync(file, '[core]\n\tbare = true\n'))
    await Promise.all([ensureRepository(config, app('1')), ensureRepository(config, app('1'))])
    expect(files.map((file) => readFileSync(file, 'utf8'))).to.deep.equal(today)
    expect(await git(repository, 'cat-file', 'blob', blob)).to.equal('kept')
  })
})
