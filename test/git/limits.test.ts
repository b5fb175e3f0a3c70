import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { loadConfig } from '../../src/config.js'
import { gitPrograms, installLimits } from '../../src/git/limits.js'
import { findMounts, makeGitGroup, removeGitGroup } from '../../src/serve/git-group.js'
import { must } from '../run.js'
import { gitEnv, gitRig } from './rig.js'

describe('the programs that stand before git', () => {
  let dir: string
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-limits-'))
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  /** Installs them below a root with a name that a shell could trip over. */
  const installed = async (groups: readonly string[] = []): Promise<string> => {
    const root = join(dir, "o'brien & $HOME")
    const config = loadConfig({ BERTH_ROOT: root, BERTH_RUN: dir, BERTH_GIT_MEMORY: '300', BERTH_GIT_SECONDS: '77' })
    await installLimits(config, groups)
    await installLimits(config, groups)
    return gitPrograms(config)
  }
  const within = (programs: string, ...args: string[]) =>
    must(join(programs, 'git'), ['-c', 'alias.limits=!ulimit -v; ulimit -t', ...args], { env: gitEnv, cwd: dir })

  it('limit whatever git starts', async () => {
    expect((await within(await installed(), 'limits')).split('\n')).to.deep.equal([String(300 * 1024), '77'])
  })

  it('join each control group first, and become git where one is gone', async () => {
    const groups = [join(dir, 'one'), join(dir, "t'wo"), join(dir, 'gone')]
    for (const group of groups.slice(0, 2)) await mkdir(group)
    await writeFile(join(dir, 'one', 'tasks'), '') // of version 1
    expect(await within(await installed(groups), 'limits')).to.include('77')
    expect(await readFile(join(dir, 'one', 'tasks'), 'utf8')).to.equal('0\n')
    expect(await readFile(join(dir, "t'wo", 'cgroup.procs'), 'utf8')).to.match(/^\d+\n$/)
  })

  it('pass words on as they are, and are the services of git too', async () => {
    const programs = await installed()
    const words = ['a b', '', "c'd", '$HOME', '-n']
    expect(await within(programs, '-c', 'alias.say=!printf "%s|" "$@"; :', 'say', ...words)).to.include(words.join('|'))
    await must('git', ['init', '-q', '--bare', 'a.git'], { cwd: dir, env: gitEnv })
    for (const service of ['git-upload-pack', 'git-receive-pack'])
      expect(await must(join(programs, service), ['--advertise-refs', 'a.git'], { cwd: dir, env: gitEnv })).to.match(
        /0000$/,
      )
  })

  it('do not take themselves, or those of another instance, for git', async () => {
    const before = process.env.PATH
    const programs = await installed()
    try {
      process.env.PATH = `${programs}:/elsewhere/git/bin:${before ?? ''}`
      await installed()
    } finally {
      process.env.PATH = before
    }
    expect(await readFile(join(programs, 'git'), 'utf8')).to.not.match(/exec '[^\n]*git\/bin\/git'/)
    expect(await within(programs, '--version')).to.match(/^git version/)
  })
})

describe('git, where it has control groups', () => {
  it('joins them for each push, and is limited, whatever it starts', async function () {
    const settings = { BERTH_NAME: `t${String(process.pid)}`, BERTH_GIT_MEMORY: '200', BERTH_GIT_SECONDS: '77' }
    const config = loadConfig(settings)
    if (findMounts() === null) this.skip()
    const group = makeGitGroup(config, { uid: 0, gid: 0 })
    const rig = await gitRig({ groups: group.directories, settings })
    try {
      const app = await rig.app('grouped')
      const copy = await rig.clone('grouped')
      let inside = ''
      let limits = ''
      rig.fate = () => {
        const [id = ''] = readdirSync(join(rig.repository(app), 'berth')).filter((name) => /^\d/.test(name))
        const receivePack = id.split('-')[0] ?? ''
        inside = readFileSync(`/proc/${receivePack}/cgroup`, 'utf8')
        limits = readFileSync(`/proc/${receivePack}/limits`, 'utf8')
        return null
      }
      const pushed = await copy.git('push', 'berth', 'main')
      expect(pushed.code, pushed.stderr).to.equal(0)
      expect(inside).to.include(`berth-${config.name}-git`)
      expect(limits).to.match(/Max cpu time +77 +77/)
      expect(limits).to.match(/Max address space +209715200 +209715200/)
    } finally {
      await rig[Symbol.asyncDispose]()
      await removeGitGroup(config)
    }
  })
})
