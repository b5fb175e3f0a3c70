import { expect } from 'chai'
import { type ChildProcess } from 'node:child_process'
import { readdir, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { archive } from '../../engine/images/lab.js'
import { base, eventually, openEngine, type TestEngine } from '../engine/harness.js'
import { slowestAnswer } from './hostile.js'

/** What a neighbour and the daemon may take to answer meanwhile, ms, on a machine as busy as one that runs tests is. */
const bound = 5_000

/** The engine's root directory: the base image, and little room beside it. */
const disk = { size: '400m', bytes: 400 << 20 }

describe('a container that does its worst', function () {
  if (process.getuid?.() !== 0) return
  this.timeout(240_000)
  let engine: TestEngine
  let neighbour: ChildProcess
  let lines: AsyncIterator<string>
  before(async () => {
    engine = await openEngine({ disk: disk.size })
    neighbour = engine.start('run', '-i', '--name', 'neighbour', base, 'sh', '-c', 'while read x; do echo $x; done')
    if (neighbour.stdout) lines = createInterface({ input: neighbour.stdout })[Symbol.asyncIterator]()
  })
  after(() => engine[Symbol.asyncDispose]())
  after(() => neighbour.kill())
  afterEach(() => engine.docker('rm', '-fv', 'bomb'))

  /** How long the neighbour takes to say what it is told to, ms. */
  const echo = async (word: string): Promise<number> => {
    const asked = performance.now()
    neighbour.stdin?.write(`${word}\n`)
    expect((await lines.next()).value).to.equal(word)
    return performance.now() - asked
  }
  /** The neighbour and the daemon answer until `work` is over, and after. */
  const othersLive = async (work: Promise<unknown>): Promise<void> => {
    let over = false
    const going = () => !over
    const ended = work.finally(() => (over = true))
    const neighbours = (async () => {
      for (let n = 0; going(); n++) expect(await echo(`during ${String(n)}`)).to.be.lessThan(bound)
    })()
    expect(await slowestAnswer(engine, ended)).to.be.lessThan(bound)
    await neighbours
    expect(await echo('after')).to.be.lessThan(bound)
    expect((await engine.must('ps', '--format', '{{.Names}}')).split('\n')).to.include('neighbour')
  }
  const bomb = (...words: string[]) => engine.must('run', '-d', '--name', 'bomb', ...words)
  const state = (field: string) => engine.must('inspect', '-f', `{{.State.${field}}}`, 'bomb')
  const processes = async () => Number(await engine.must('stats', '--no-stream', '--format', '{{.PIDs}}', 'bomb'))

  it('forking without end has the processes it was given, and can be killed', async () => {
    // a shell's bomb ends when its forks fail: this one stays
    const forks = 'fork // select(undef, undef, undef, 0.01) while 1'
    await bomb('--pids-limit', '100', '--cpus', '0.5', base, 'perl', '-e', forks)
    await othersLive(eventually(async () => (await processes()) > 90, 'the bomb'))
    expect(await processes()).to.be.within(1, 100)
    await othersLive(engine.must('kill', 'bomb'))
    await othersLive(engine.must('wait', 'bomb'))
  })

  it('may have 4,096 processes when nothing is said', async () => {
    const limits = '/sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max'
    expect((await engine.docker('run', '--rm', base, 'sh', '-c', `cat ${limits}`)).stdout.trim()).to.equal('4096')
  })

  it('taking memory without end is killed at its limit', async () => {
    await bomb('-m', '64m', base, 'tail', '/dev/zero')
    await othersLive(engine.must('wait', 'bomb'))
    expect(await state('OOMKilled')).to.equal('true')
    expect(await state('ExitCode')).to.equal('137')
  })

  it('filling memory file systems fills what they were given', async () => {
    const fill = (path: string) => `head -c 64M /dev/zero > ${path}; stat -c %s ${path}`
    await bomb(
      '--tmpfs',
      '/scratch:size=8m',
      '--shm-size',
      '4m',
      base,
      'sh',
      '-c',
      `${fill('/scratch/x')}; ${fill('/dev/shm/x')}`,
    )
    await othersLive(engine.must('wait', 'bomb'))
    const { stdout, stderr } = await engine.docker('logs', 'bomb')
    expect(stdout.trim().split('\n')).to.deep.equal([String(8 << 20), String(4 << 20)])
    expect(stderr).to.match(/No space left on device/)
  })

  it('logging without end has three files of 10 MiB, and the newest lines are kept', async () => {
    await bomb('--cpus', '1', base, 'sh', '-c', 'yes "a line of a log that has no end" | head -n 3000000; echo last')
    await othersLive(engine.must('wait', 'bomb'))
    const id = await engine.must('inspect', '-f', '{{.Id}}', 'bomb')
    const at = `/proc/${String(engine.pid())}/root${join(engine.dir, 'root/containers', id)}`
    const sizes = await Promise.all((await readdir(at)).map(async (name) => (await stat(join(at, name))).size))
    // conmon looks at the size before it writes what it read, and one full file waits for its place in the row
    expect(sizes.reduce((sum, size) => sum + size, 0)).to.be.within(10 << 20, 42 << 20)
    expect(await engine.must('logs', '--tail', '1', 'bomb')).to.equal('last')
  })

  it('or a build that claims a file of terabytes is told so at once, and nothing waits for it', async () => {
    const claim = 'truncate -s 8T /big'
    await bomb(base, 'sh', '-c', claim)
    await engine.must('wait', 'bomb')
    const { stderr } = await engine.docker('commit', 'bomb', 'big:1')
    expect(stderr).to.match(/"\/big" is 8796093022208 bytes long, most of it holes/)
    const context = archive([{ name: 'Dockerfile', content: `FROM ${base}\nRUN ${claim}\n` }])
    const built = engine.with({ input: context }, 'build', '-t', 'big:1', '-')
    await othersLive(built)
    expect((await built).stderr).to.match(/most of it holes/)
    expect(await engine.must('images', '-q', 'big')).to.equal('')
  })

  it('filling the disk of all is told so, and nobody dies of it', async () => {
    const free = async () => {
      const { bavail, bsize } = await statfs(`/proc/${String(engine.pid())}/root${engine.dir}/root`)
      return bavail * bsize
    }
    const before = await free()
    await bomb(base, 'sh', '-c', 'head -c 1G /dev/zero > /big; sleep 600')
    await othersLive(eventually(async () => (await free()) === 0, 'the end of the room'))
    const { stderr } = await engine.docker('run', '--rm', base, 'true')
    expect(stderr === '' || /no space left on device/i.test(stderr), stderr).to.equal(true)
    await othersLive(engine.must('rm', '-f', 'bomb'))
    expect(await free()).to.be.within(before - (8 << 20), disk.bytes)
    expect(await engine.must('run', '--rm', base, 'echo', 'works')).to.equal('works')
  })
})
