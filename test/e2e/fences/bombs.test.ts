import { expect } from 'chai'
import { type ChildProcess } from 'node:child_process'
import { readdir, rm, stat, statfs } from 'node:fs/promises'
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

  const root = () => `/proc/${String(engine.pid())}/root${engine.dir}/root`
  const free = async () => {
    const { bavail, bsize } = await statfs(root())
    return bavail * bsize
  }
  /** 40 MB/s at most: a disk in memory would be full between two looks. */
  const fill = (path: string) => `while head -c 1M /dev/zero >> ${path}; do sleep 0.02; done; sleep 600`
  /** A tenth of the disk stays, as far as the bomb comes between two looks. */
  const leaves = disk.bytes / 20

  it('filling the disk is ended before it takes the last of it, and is not started again', async () => {
    const before = await free()
    await bomb('--restart', 'always', base, 'sh', '-c', fill('/big'))
    await othersLive(engine.must('wait', 'bomb'))
    expect(await state('Status')).to.equal('exited')
    expect(await state('ExitCode')).to.equal('137')
    expect(await state('Error')).to.match(/^no space left on device: it was ended before it took the last of the disk/)
    expect(await free()).to.be.within(leaves, disk.bytes / 8)
    // there is room for others, who are not taken for the one that has filled it
    const write = 'head -c 4M /dev/zero > /some; stat -c %s /some; sleep 2; echo lives'
    expect(await engine.must('run', '--rm', base, 'sh', '-c', write)).to.equal(`${String(4 << 20)}\nlives`)
    await engine.must('rm', 'bomb')
    expect(await free()).to.be.within(before - (8 << 20), disk.bytes)
  })

  it('filling it by a volume that another only reads is told from that', async () => {
    await engine.must('run', '-d', '--name', 'reader', '-v', 'shared:/v', base, 'sh', '-c', 'sleep 600')
    await bomb('-v', 'shared:/v', base, 'sh', '-c', fill('/v/big'))
    await othersLive(engine.must('wait', 'bomb'))
    expect(await state('Error')).to.match(/^no space left on device/)
    expect(await free()).to.be.greaterThan(leaves)
    expect(await engine.must('inspect', '-f', '{{.State.Status}}', 'reader')).to.equal('running')
    await engine.must('rm', '-f', 'bomb', 'reader')
    await engine.must('volume', 'rm', 'shared')
  })

  it('is not blamed for what somebody else fills', async () => {
    await bomb(base, 'sh', '-c', 'while head -c 100K /dev/zero > /small; do sleep 0.01; done')
    const ballast = join(root(), 'cache-ballast')
    await engine.run('fallocate', ['-l', String((await free()) - (10 << 20)), ballast])
    await othersLive(new Promise((resolve) => setTimeout(resolve, 1500)))
    await rm(ballast)
    expect(await state('Status')).to.equal('running')
  })
})
