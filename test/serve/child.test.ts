import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once, EventEmitter } from 'node:events'
import { expect } from 'chai'
import { backOff, Child } from '../../src/serve/child.js'
import { identify, isAlive } from '../../src/serve/pids.js'

describe('a supervised child', () => {
  let dir: string
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-child-'))
  })
  afterEach(() => rm(dir, { recursive: true }))

  const child = (script: string) => {
    const starts = new EventEmitter()
    const spec = {
      name: 'it',
      command: 'sh',
      args: ['-c', script],
      env: process.env as Record<string, string>,
      cwd: dir,
      logFile: join(dir, 'log'),
    }
    return { starts, supervised: new Child(spec, (pid) => starts.emit('start', pid)) }
  }

  /** Resolves when the child's log is this. */
  const logged = async (text: string): Promise<void> => {
    while ((await readFile(join(dir, 'log'), 'utf8').catch(() => '')) !== text);
  }

  it('is started again when it is killed, and its log goes on', async () => {
    const { starts, supervised } = child('echo up; exec sleep 60')
    const first = once(starts, 'start')
    supervised.start()
    const [pid] = (await first) as [number]
    await logged('up\n')
    const second = once(starts, 'start')
    process.kill(pid, 'SIGKILL')
    const [next] = (await second) as [number]
    expect(next).to.not.equal(pid)
    await logged('up\nup\n')
    await supervised.stop(1_000)
    expect(isAlive(identify(next))).to.equal(false)
  })

  it('is killed when it does not end in time', async () => {
    const { starts, supervised } = child('trap "" TERM; echo up; while :; do sleep 1; done')
    const start = once(starts, 'start')
    supervised.start()
    const [pid] = (await start) as [number]
    await logged('up\n') // the trap is set
    await supervised.stop(50)
    expect(isAlive(identify(pid))).to.equal(false)
  })

  it('waits longer the more often it ends early, up to 10 s', () => {
    expect([0, 1, 2, 20].map(backOff)).to.deep.equal([0, 100, 200, 10_000])
  })
})
