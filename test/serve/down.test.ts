import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { loadConfig } from '../../src/config.js'
import { down } from '../../src/serve/down.js'
import { lockFile, pidsFile, supervisorName } from '../../src/serve/instance.js'
import { tryLock } from '../../src/serve/lock.js'
import { Pids } from '../../src/serve/pids.js'

describe('stopping the platform', () => {
  let dir: string
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-down-'))
  })
  afterEach(() => rm(dir, { recursive: true }))
  const configIn = (path: string) => loadConfig({ BERTH_ROOT: join(path, 'root'), BERTH_RUN: join(path, 'run') })

  it('waits for the record of a supervisor that has just begun, and ends it', async () => {
    const config = configIn(dir)
    await mkdir(config.run, { recursive: true })
    using lock = tryLock(lockFile(config))
    expect(lock).not.to.equal(null)
    const supervisor = spawn('sleep', ['60'], { stdio: 'ignore' })
    const ended = once(supervisor, 'exit')
    const stopped = down(config)
    const first = await Promise.race([
      stopped.then(() => 'down'),
      new Promise((resolve) => setTimeout(resolve, 300, 'waits')),
    ])
    expect(first).to.equal('waits')
    new Pids(pidsFile(config)).set(supervisorName, supervisor.pid ?? 0)
    expect(await stopped).to.equal(1)
    expect(await ended).to.deep.equal([null, 'SIGTERM'])
  })

  it('waits for nobody where nothing runs', async () => {
    const config = configIn(dir)
    expect(await down(config)).to.equal(0)
    await mkdir(config.run, { recursive: true })
    tryLock(lockFile(config))?.[Symbol.dispose]()
    expect(await down(config)).to.equal(0)
  })
})
