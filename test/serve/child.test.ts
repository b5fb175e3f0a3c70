import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once, EventEmitter } from 'node:events'
import { expect } from 'chai'
import { backOff, Child } from '../../src/serve/child.js'
import { identify, isAlive, type Pid } from '../../src/serve/pids.js'

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
    return { starts, supervised: new Child(spec, { started: (pid) => starts.emit('start', pid) }) }
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

  /** Writes a line to its log when it is told to leave, and ends when the file `end` is there. */
  const accepting = (name: string) => `
    trap 'echo ${name} leaves >> log; exec 4>&-; trap "" TERM' TERM
    trap 'echo ${name} stops >> log; exit' INT
    echo ${name} accepts >> log; echo >&4
    while [ ! -e end ]; do sleep 0.02; done; echo ${name} ends >> log`

  const listening = (name: string, ...forebears: Pid[]) => {
    const seen = new EventEmitter()
    const [command, args] = ['sh', ['-c', accepting(name)]] as const
    const env = process.env as Record<string, string>
    const spec = { name, command, args, env, cwd: dir, logFile: join(dir, 'output'), listener: 0 }
    const events = {
      started: (pid: number) => seen.emit('started', pid),
      leaves: (pid: number) => seen.emit('leaves', pid),
      left: (pid: number) => seen.emit('left', pid),
    }
    return { seen, child: new Child(spec, events, forebears) }
  }

  it('that accepts is started again as soon as it accepts no more, and ends in its own time', async () => {
    const { seen, child } = listening('one')
    const started = once(seen, 'started')
    child.start()
    const [first] = (await started) as [number]
    await child.ready
    const [leaves, again] = [once(seen, 'leaves'), once(seen, 'started')]
    process.kill(first, 'SIGTERM')
    expect(await leaves).to.deep.equal([first])
    await again
    expect(isAlive(identify(first))).to.equal(true)
    const left = new Promise<void>((resolve) => seen.on('left', (pid) => pid === first && resolve()))
    await writeFile(join(dir, 'end'), '')
    await left
    await child.stop(1_000)
  })

  it('takes over from an earlier supervisor’s: they are told to leave when it accepts, not before', async () => {
    const old = listening('old')
    const started = once(old.seen, 'started')
    old.child.start()
    const [pid] = (await started) as [number]
    await old.child.ready
    const forebear = identify(pid)
    const next = listening('new', forebear)
    const [leaves, left] = [once(old.seen, 'leaves'), once(next.seen, 'left')]
    next.child.start()
    await next.child.ready
    await leaves
    await old.child.stop(2_000) // which is no supervisor any more: only its restarts end here
    expect(await left).to.deep.equal([pid])
    const lines = (await readFile(join(dir, 'log'), 'utf8')).trim().split('\n')
    expect(lines.indexOf('new accepts')).to.be.lessThan(lines.indexOf('old leaves'))
    await next.child.stop(1_000)
    expect((await readFile(join(dir, 'log'), 'utf8')).trim().split('\n').at(-1)).to.equal('new stops')
  })

  it('that may go on as it is is kept, watched and started again at its end', async () => {
    const kept = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' })
    await once(kept, 'spawn')
    const starts = new EventEmitter()
    const forebear = identify(kept.pid ?? 0)
    const env = process.env as Record<string, string>
    const spec = { name: 'it', command: 'sleep', args: ['60'], env, cwd: dir, logFile: join(dir, 'log') }
    const events = { started: (pid: number) => starts.emit('start', pid) }
    const supervised = new Child({ ...spec, keeps: ({ pid }) => pid === kept.pid }, events, [forebear])
    const start = once(starts, 'start')
    supervised.start()
    await supervised.ready
    expect(isAlive(forebear)).to.equal(true)
    kept.kill('SIGKILL')
    const [next] = (await start) as [number]
    await supervised.stop(1_000)
    expect(isAlive(identify(next))).to.equal(false)
  })

  it('waits longer the more often it ends early, up to 10 s', () => {
    expect([0, 1, 2, 20].map(backOff)).to.deep.equal([0, 100, 200, 10_000])
  })
})
