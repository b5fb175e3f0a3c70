import { expect } from 'chai'
import { base, openDocker, oracle, type DockerEngine } from './harness.js'

describe('what docker run refuses', function () {
  if (process.getuid?.() !== 0) return
  let engine: DockerEngine
  before(async () => (engine = await openDocker()))
  after(() => engine[Symbol.asyncDispose]())
  afterEach(() => engine.clear())

  /** Flags, and what the daemon says of them. */
  type Case = readonly [flags: string, said: RegExp]

  const refuse = async (cases: readonly Case[]) => {
    for (const [flags, said] of cases) {
      const { code, stderr } = await engine.docker('create', '-v', 'made:/v', ...flags.split(' '), base, 'true')
      expect({ flags, code }).to.deep.equal({ flags, code: 1 })
      expect(stderr, flags).to.match(said)
    }
    // nothing was made of any of them
    expect(await engine.must('ps', '-aq')).to.equal('')
    expect(await engine.must('volume', 'ls', '-q')).to.equal('')
  }

  it('limits that cannot be', () =>
    refuse([
      ['--cpus 9999', /Range of CPUs is from 0.01 to [\d.]+, as there are only \d+ CPUs available/],
      ['--cpu-period 10', /CPU cfs period can not be less than 1ms/],
      ['--cpu-period 2000000', /or larger than 1s/],
      ['--cpu-quota 10', /CPU cfs quota can not be less than 1ms/],
      ['--cpus 1 --cpu-quota 20000', /Nano CPUs and CPU Quota cannot both be set/],
      ['--cpus 1 --cpu-period 20000', /Nano CPUs and CPU Period cannot both be set/],
      ['--memory-swap 100m', /You should always set the Memory limit when using Memoryswap limit/],
      ['-m 100m --memory-swap 50m', /Minimum memoryswap limit should be larger than memory limit/],
      ['-m 100m --memory-reservation 200m', /Minimum memory limit can not be less than memory reservation limit/],
      ['-m 1m', /Minimum memory limit allowed is 6MB/],
      ['--memory-reservation 1m', /Minimum memory reservation allowed is 6MB/],
      ['--cpuset-cpus 999', /Requested CPUs are not available - requested 999, available: /],
      ['--cpuset-cpus foo', /Invalid value foo for cpuset cpus/],
      ['--cpuset-mems 99', /Requested memory nodes are not available - requested 99, available: /],
      [
        '--cpu-rt-period 9500 --cpu-rt-runtime 95000',
        /cpu real-time runtime cannot be higher than cpu real-time period/,
      ],
      ['--oom-score-adj 2000', /Invalid value 2000, range for oom score adj is \[-1000, 1000\]/],
    ]))

  it('options nobody knows', () =>
    refuse([
      ['--security-opt foo=bar', /invalid --security-opt 2: "foo=bar"/],
      ['--security-opt no-new-privileges=maybe', /invalid --security-opt 2: "no-new-privileges=maybe"/],
      ['--security-opt systempaths=foo', /invalid --security-opt 2: "systempaths=foo"/],
      ['--restart foo', /invalid restart policy.*foo/],
      ['--restart on-failure:-3', /maximum retry count cannot be negative/],
      ['--restart always:3', /maximum retry count cannot be used with restart policy 'always'/],
      ['--stop-signal NOSUCH', /Invalid signal: NOSUCH/i],
      ['--runtime nosuch', /unknown.* runtime.* nosuch/i],
      ['--isolation hyperv', /Invalid isolation: "hyperv" - linux only supports 'default'/],
      ['--cap-add FOO', /invalid CapAdd: unknown capability: "CAP_FOO"/],
      ['--cap-drop FOO', /invalid CapDrop: unknown capability: "CAP_FOO"/],
      ['--storage-opt size=1g', /--storage-opt is supported only for overlay over xfs with 'pquota' mount option/],
      ['--health-cmd true --health-interval 1us', /Interval in Healthcheck cannot be less than 1ms/],
      ['--health-cmd true --health-timeout 1us', /Timeout in Healthcheck cannot be less than 1ms/],
      ['-w relative', /the working directory 'relative' is invalid, it needs to be an absolute path/],
    ]))

  it('what is not there', () =>
    refuse([
      ['--volumes-from nosuch', /No such container: nosuch/],
      ['--volumes-from nosuch:foo', /invalid mode: foo/],
      ['--pid container:nosuch', /No such container: nosuch/],
      ['--ipc container:nosuch', /No such container: nosuch/],
      ['--uts host -h ship', /conflicting options: hostname and the UTS mode/],
    ]))

  it('another platform', async () => {
    const { code, stderr } = await engine.docker('create', '--platform', 'linux/arm64', base, 'true')
    expect(code).to.equal(1)
    // the client, told that there is no such image, goes to pull it
    expect(stderr).to.include(`Unable to find image '${base}' locally`)
    expect(await engine.must('create', '--platform', 'linux/amd64', base, 'true')).to.match(/^[0-9a-f]{64}$/)
  })

  it('a GPU that nobody drives', async () => {
    const { code, stderr } = await engine.docker('run', '--rm', '--gpus', 'all', base, 'true')
    expect(code).to.equal(125)
    expect(stderr).to.include('could not select device driver "" with capabilities: [[gpu]]')
    expect(await engine.must('ps', '-aq')).to.equal('')
  })

  it('a device that is none', async () => {
    const { code, stderr } = await engine.docker('run', '--rm', '--device', '/nosuch', base, 'true')
    expect(code).to.equal(127) // the client reads "no such file" as a program's
    expect(stderr).to.match(/error gathering device information while adding custom device "\/nosuch": no such file/)
  })

  describe('by the API', () => {
    const create = async (body: object): Promise<{ status: string; message: string }> => {
      const json = JSON.stringify({ Image: base, Cmd: ['true'], ...body })
      const args = [
        '-s',
        '-w',
        '\n%{http_code}',
        '--unix-socket',
        engine.socket,
        '-H',
        'Content-Type: application/json',
      ]
      const { stdout } = await engine.run('curl', [...args, '-d', json, 'http://engine/v1.41/containers/create'])
      const [text = '', status = ''] = stdout.trim().split(/\n(?=\d+$)/)
      return { status, message: (JSON.parse(text) as { message?: string }).message ?? '' }
    }

    it('a field of the wrong type, by its name', async () => {
      const wrong: [object, string][] = [
        [{ HostConfig: { Memory: 'x' } }, 'Memory'],
        [{ HostConfig: { Memory: 1.5 } }, 'Memory'],
        [{ HostConfig: { Binds: 'x' } }, 'Binds'],
        [{ HostConfig: { SecurityOpt: [1] } }, 'SecurityOpt'],
        [{ HostConfig: { Ulimits: [{ Name: 1 }] } }, 'Name'],
        [{ HostConfig: { LogConfig: { Config: { tag: 1 } } } }, 'Config'],
        [{ HostConfig: { RestartPolicy: 'always' } }, 'RestartPolicy'],
        [{ HostConfig: [] }, 'HostConfig'],
        [{ Env: 'A=1' }, 'Env'],
        [{ Cmd: [1] }, 'Cmd'],
        [{ Labels: { a: 1 } }, 'Labels'],
        [{ Tty: 'yes' }, 'Tty'],
        [{ Image: 5 }, 'Image'],
      ]
      for (const [body, name] of wrong) {
        const { status, message } = await create(body)
        // dockerd 20.10 takes it for its own fault
        expect({ name, status }).to.deep.equal({ name, status: oracle ? '500' : '400' })
        // Go names what Cmd is made of
        if (name !== 'Cmd' || !oracle) expect(message, name).to.include(name)
      }
    })

    it('a value that no client sends', async () => {
      const wrong: [object, RegExp][] = [
        [{ HostConfig: { MemorySwappiness: 101 } }, /valid memory swappiness range is 0-100/],
        [{ HostConfig: { ShmSize: -1 } }, /SHM size can not be less than 0/],
        [{ HostConfig: { CgroupnsMode: 'foo' } }, /invalid cgroup namespace mode: foo/],
        [
          { HostConfig: { AutoRemove: true, RestartPolicy: { Name: 'always' } } },
          /can't create 'AutoRemove' container/,
        ],
        [{ HostConfig: { ExtraHosts: ['foo'] } }, /bad format for add-host: "foo"/],
        [{ HostConfig: { VolumesFrom: [''] } }, /volumes-from specification cannot be an empty string/],
        [{ HostConfig: { LogConfig: { Type: 'json-file', Config: { mode: 'foo' } } } }, /logging mode not supported/],
        [{ HostConfig: { Mounts: [{ Type: 'foo' }] } }, /invalid mount config/],
        [{ Healthcheck: { Test: ['CMD', 'true'], Retries: -1 } }, /Retries in Healthcheck cannot be negative/],
        [{ Env: ['=x'] }, /invalid environment variable: =x/],
      ]
      for (const [body, said] of wrong) {
        const { status, message } = await create(body)
        expect({ body, status }).to.deep.equal({ body, status: '400' })
        expect(message).to.match(said)
      }
    })
  })
})
