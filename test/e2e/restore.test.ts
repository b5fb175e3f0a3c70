import { randomBytes } from 'node:crypto'
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { loadConfig } from '../../src/config.js'
import { freePort, poolByte } from '../free.js'
import { must, run } from '../run.js'
import { answering } from './apps.js'
import { cache, createApp, home, startInstance, type Instance } from './instance.js'

describe('a backup', function () {
  this.timeout(360_000)
  let berth: Instance
  let dir: string
  let name: string
  let env: NodeJS.ProcessEnv
  before(async () => {
    berth = await startInstance()
    const repo = await berth.repository(answering('version one'))
    name = await createApp(berth, repo, 'saved')
    expect((await repo.push()).code).to.equal(0)
    await repo.commit(answering('version two'))
    expect((await repo.push()).code).to.equal(0)
    expect((await berth.berth(['config:set', 'KEPT=yes', '-a', name])).code).to.equal(0)
    // as docs/operating.md has it: all of the root but engine/ and cache/, while Berth is down
    expect((await berth.berth(['down'])).code).to.equal(0)
    dir = await mkdtemp(join(tmpdir(), 'berth-restore-'))
    await must('chmod', ['755', dir])
    await mkdir(join(dir, 'root'))
    for (const part of ['redis', 'git', 'deploys', 'router', 'log', 'build.env'])
      await cp(join(berth.config.root, part), join(dir, 'root', part), { recursive: true })
    await berth[Symbol.asyncDispose]() // that machine is no more
    env = {
      ...process.env,
      ...{ BERTH_ROOT: join(dir, 'root'), BERTH_RUN: join(dir, 'run'), BERTH_CONFIG_DIR: join(dir, 'credentials') },
      ...{ BERTH_NAME: `r${randomBytes(4).toString('hex')}`, BERTH_POOL: `10.${String(poolByte())}.0.0/16` },
      ...{ BERTH_HTTP_PORT: String(await freePort()), BERTH_CACHE: cache },
    }
  })
  after(async () => {
    const { code, stderr } = await cli('down', '--all')
    await rm(dir, { recursive: true, force: true })
    expect(code, stderr).to.equal(0)
  })
  const cli = (...args: string[]) => run(join(home, 'bin/berth'), args, { env, timeoutMs: 240_000 })
  const answers = async (text: string): Promise<void> => {
    const url = loadConfig({ BERTH_ROOT: join(dir, 'root') }).appUrl({ name })
    const deadline = Date.now() + 120_000
    for (let last = ''; last !== text;) {
      await sleep(200)
      last = (await run('curl', ['-s', url])).stdout
      if (Date.now() > deadline) throw new Error(`it answers ${last}`)
    }
  }

  it('on another machine, in another root, has every app run again by `bin/up` alone', async () => {
    const up = await cli('up')
    expect(up.code, up.stderr).to.equal(0)
    expect(up.stderr).to.not.include('Pushing examples')
    await answers('version two')
    expect((await cli('config:get', 'KEPT', '-a', name)).stdout.trim()).to.equal('yes')
    expect((await cli('releases', '-a', name)).stdout).to.include('Rebuild')
  })

  it('goes back to a release whose image is on the old machine, by building it again', async () => {
    const back = await cli('rollback', 'v2', '-a', name)
    expect(back.code, back.stderr).to.equal(0)
    await answers('version one')
  })

  it('ps:rebuild builds again what runs, of one app or of all', async () => {
    const one = await cli('ps:rebuild', '-a', name)
    expect(one.code, one.stderr).to.equal(0)
    const all = await cli('ps:rebuild', '--all')
    expect(all.code, all.stderr).to.equal(0)
    await answers('version one')
    const both = await cli('ps:rebuild', '--all', '-a', name)
    expect([both.code, both.stderr.includes('exclude each other')]).to.deep.equal([2, true])
  })
})
