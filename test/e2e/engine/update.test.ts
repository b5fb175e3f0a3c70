import { expect } from 'chai'
import { existsSync } from 'node:fs'
import { base, eventually, openDocker, type DockerEngine } from './harness.js'

const v1 = existsSync('/sys/fs/cgroup/memory')

describe('docker update', function () {
  if (process.getuid?.() !== 0) return
  let engine: DockerEngine
  before(async () => (engine = await openDocker()))
  after(() => engine[Symbol.asyncDispose]())
  afterEach(() => engine.clear())
  const start = (...flags: string[]) => engine.must('run', '-d', '--name', 'uu', ...flags, base, 'sleep', '300')
  const files = v1
    ? ['memory/memory.limit_in_bytes', 'memory/memory.memsw.limit_in_bytes', 'memory/memory.soft_limit_in_bytes',
       'cpu/cpu.cfs_quota_us', 'cpu/cpu.shares', 'cpuset/cpuset.cpus', 'pids/pids.max'] // prettier-ignore
    : ['memory.max', 'memory.swap.max', 'memory.low', 'cpu.max', 'cpu.weight', 'cpuset.cpus', 'pids.max']
  const inside = async () =>
    (await engine.must('exec', 'uu', 'sh', '-c', `cd /sys/fs/cgroup; cat ${files.join(' ')}`)).split('\n')
  const mb = (count: number) => String(count << 20)
  /** Version 2 limits swap by itself. */
  const memory = (limit: number, withSwap: number) => [mb(limit), mb(v1 ? withSwap : withSwap - limit)]
  const quota = (us: number) => (v1 ? String(us) : `${us} 100000`)
  /** 99 shares, and their weight in version 2. */
  const shares = v1 ? '99' : '4'

  it('reaches the control group, and stays over a restart', async () => {
    await start('-m', '50m', '--pids-limit', '20')
    const more = ['-m', '200m', '--memory-swap', '300m', '--memory-reservation', '30m']
    await engine.must('update', ...more, '--cpu-quota', '30000', '--cpu-shares', '99', '--cpuset-cpus', '0', 'uu')
    const first = [...memory(200, 300), mb(30), quota(30_000), shares, '0', '20']
    expect(await inside()).to.deep.equal(first)
    await engine.must('update', '--pids-limit', '-1', '-m', '100m', '--memory-swap', '100m', 'uu')
    const second = [...memory(100, 100), mb(30), quota(30_000), shares, '0', 'max']
    expect(await inside()).to.deep.equal(second)
    await engine.must('restart', '-t', '0', 'uu')
    expect(await inside()).to.deep.equal(second)
    await engine.must('stop', '-t', '0', 'uu')
    await engine.must('update', '--pids-limit', '44', 'uu')
    await engine.must('start', 'uu')
    expect((await inside()).at(-1)).to.equal('44')
  })

  it('of CPUs counts in parts of one', async () => {
    await start('--cpus', '1.5')
    await engine.must('update', '--cpus', '0.25', 'uu')
    expect((await inside())[3]).to.equal(quota(25_000))
    expect((await engine.docker('update', '--cpu-quota', '20000', 'uu')).stderr).to.include(
      'CPU Quota cannot be updated as NanoCPUs has already been set',
    )
  })

  it('refuses what cannot be, and changes nothing then', async () => {
    await start('-m', '50m')
    const before = await inside()
    const refused: [string, RegExp][] = [
      ['-m 200m', /Memory limit should be smaller than already set memoryswap limit/],
      ['-m 1m', /Minimum memory limit allowed is 6MB/],
      ['--cpus 9999', /Range of CPUs is from/],
      ['--cpuset-cpus 999', /Requested CPUs are not available/],
      ['--restart foo', /invalid restart policy/],
    ]
    for (const [flags, said] of refused) {
      const { code, stderr } = await engine.docker('update', ...flags.split(' '), 'uu')
      expect({ flags, code }).to.deep.equal({ flags, code: 1 })
      expect(stderr).to.match(said)
    }
    expect(await inside()).to.deep.equal(before)
  })

  it('of the restart policy works from the next end on', async () => {
    await engine.must('run', '-d', '--name', 'rr', base, 'sh', '-c', 'sleep 0.3; exit 1')
    await engine.must('wait', 'rr')
    await engine.must('update', '--restart', 'on-failure:1', 'rr')
    await engine.must('start', 'rr')
    const counts = async () => engine.must('inspect', '-f', '{{.RestartCount}} {{.State.Status}}', 'rr')
    await eventually(async () => (await counts()) === '1 exited', 'its last end')
    await engine.must('run', '-d', '--rm', '--name', 'gone', base, 'sleep', '300')
    expect((await engine.docker('update', '--restart', 'always', 'gone')).stderr).to.match(
      /Restart policy cannot be updated because AutoRemove is enabled/i,
    )
  })
})
