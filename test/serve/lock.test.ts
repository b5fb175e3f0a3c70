import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { lock, tryLock } from '../../src/serve/lock.js'

describe('a lock', () => {
  let dir: string
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-lock-'))
  })
  afterEach(() => rm(dir, { recursive: true }))

  it('is one’s at a time, and anybody’s after', () => {
    const file = join(dir, 'a.lock')
    {
      using held = tryLock(file)
      expect(held).to.not.equal(null)
      expect(tryLock(file)).to.equal(null)
      using other = tryLock(join(dir, 'b.lock'))
      expect(other).to.not.equal(null)
    }
    using again = tryLock(file)
    expect(again).to.not.equal(null)
  })

  it('is waited for, which is told once', async () => {
    const file = join(dir, 'a.lock')
    const held = tryLock(file)
    let told = 0
    const waiting = Promise.withResolvers<undefined>()
    const turn = lock(file, () => {
      told += 1
      waiting.resolve(undefined)
    })
    await waiting.promise
    held?.[Symbol.dispose]()
    using mine = await turn
    expect(mine).to.have.property(Symbol.dispose)
    expect([told, tryLock(file)]).to.deep.equal([1, null])
  })

  it('ends with the process that has it, and no child of ours keeps it', async () => {
    const file = join(dir, 'a.lock')
    const other = spawn('flock', [file, 'sh', '-c', 'echo $$; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] })
    const [pid] = (await once(other.stdout, 'data')) as [Buffer]
    expect(tryLock(file)).to.equal(null)
    const gone = once(other, 'close')
    // flock(1) and its child hold one descriptor
    process.kill(Number(pid.toString()), 'SIGKILL')
    await gone
    const held = tryLock(file)
    expect(held).to.not.equal(null)
    const child = spawn('sleep', ['60'], { stdio: 'ignore' })
    await once(child, 'spawn')
    held?.[Symbol.dispose]()
    using free = tryLock(file)
    expect(free).to.not.equal(null)
    child.kill('SIGKILL')
  })
})
