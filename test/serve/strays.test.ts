import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { loadConfig, type Config } from '../../src/config.js'
import { identify } from '../../src/serve/pids.js'
import { findStrays } from '../../src/serve/strays.js'
import { startRedis } from '../redis.js'

describe('processes that no record names', () => {
  let dir: string
  let config: Config
  const started: ChildProcess[] = []
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-strays-'))
    config = loadConfig({ BERTH_ROOT: join(dir, 'root'), BERTH_RUN: join(dir, 'run') })
  })
  afterEach(async () => {
    for (const child of started.splice(0)) child.kill('SIGKILL')
    await rm(dir, { recursive: true })
  })

  /** A process with the command line and the environment of one of ours. */
  const start = async (script: string, env: Record<string, string>): Promise<number> => {
    const args = ['-c', 'echo; while :; do sleep 1; done', 'node', script]
    const child = spawn('sh', args, { env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'pipe', 'ignore'] })
    started.push(child)
    await once(child.stdout, 'data')
    return child.pid ?? 0
  }

  it('are found by what they run and whose they are, and nobody else is', async () => {
    const ours = { BERTH_SUPERVISED: '1', BERTH_RUN: config.run }
    const engine = await start('dist/engine/main.js', ours)
    const router = await start('/opt/berth/dist/router/main.js', ours)
    const recorded = await start('dist/queue/main.js', ours)
    await start('dist/engine/main.js', { ...ours, BERTH_RUN: '/run/another' })
    await start('dist/engine/main.js', { BERTH_RUN: config.run })
    await start('dist/cli/main.js', ours)
    const strays = findStrays(config, { worker: identify(recorded) })
    expect(strays).to.deep.equal({
      [`engine.${engine}`]: identify(engine),
      [`router.${router}`]: identify(router),
    })
  })

  it('are its Redis too, which has overwritten what it was started with', async () => {
    await using redis = await startRedis(config)
    const strays = Object.entries(findStrays(config, {}))
    expect(strays.map(([name, { pid }]) => name === `redis.${pid}`)).to.deep.equal([true])
    const another = loadConfig({ BERTH_ROOT: config.root, BERTH_RUN: join(dir, 'another') })
    expect(findStrays(another, {})).to.deep.equal({})
    await redis.kill()
    expect(findStrays(config, {})).to.deep.equal({})
  })
})
