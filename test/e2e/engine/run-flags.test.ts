import { expect } from 'chai'
import { randomInt } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { must, run } from '../../run.js'
import { base, eventually, openDocker, oracle, type DockerEngine } from './harness.js'

const v1 = existsSync('/sys/fs/cgroup/memory')

describe('flags of docker run', function () {
  if (process.getuid?.() !== 0) return
  let engine: DockerEngine
  before(async () => (engine = await openDocker()))
  after(() => engine[Symbol.asyncDispose]())
  afterEach(() => engine.clear())
  /** What a shell in a container with these flags prints. */
  const shell = async (flags: readonly string[], script: string): Promise<string[]> =>
    (await engine.must('run', '--rm', ...flags, base, 'sh', '-c', script)).split('\n')
  /** A container that lives on. */
  const keep = async (name: string, ...flags: string[]) => {
    await engine.must('run', '-d', '--name', name, ...flags, base, 'sh', '-c', 'echo own > /dev/shm/f; sleep 300')
    await eventually(async () => (await engine.docker('exec', name, 'cat', '/dev/shm/f')).code === 0, 'its start')
  }

  describe('resources', () => {
    // the whole of one: version 2 limits no part
    const device = readdirSync('/sys/block').map((name) => `/dev/${name}`).find((path) => existsSync(path)) // prettier-ignore

    it('reach the control group', async () => {
      const flags = ['-m', '50m', '--memory-swap', '60m', '--memory-reservation', '20m']
      const only1 = ['--memory-swappiness', '10', '--oom-kill-disable']
      const memory = v1
        ? await shell(
            [...flags, ...only1],
            'cd /sys/fs/cgroup/memory; cat memory.limit_in_bytes memory.memsw.limit_in_bytes ' +
              'memory.soft_limit_in_bytes memory.swappiness; head -1 memory.oom_control',
          )
        : await shell(flags, 'cd /sys/fs/cgroup; cat memory.max memory.swap.max memory.low')
      const bytes = [50, v1 ? 60 : 10, 20].map((mb) => String(mb << 20)) // version 2 limits swap by itself
      expect(memory).to.deep.equal([...bytes, ...(v1 ? ['10', 'oom_kill_disable 1'] : [])])
      const cpu = v1
        ? 'cd /sys/fs/cgroup; cat cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpu/cpu.shares cpuset/cpuset.cpus'
        : 'cd /sys/fs/cgroup; tr " " "\\n" < cpu.max; cat cpu.weight cpuset.cpus'
      expect(await shell(['--cpus', '0.5', '--cpu-shares', '77', '--cpuset-cpus', '0'], cpu)).to.deep.equal([
        ...['50000', '100000', v1 ? '77' : '3', '0'],
      ])
      expect(await shell(['--cpu-quota', '20000', '--cpu-period', '40000'], cpu)).to.include.members(['20000', '40000'])
      const pids = `cat /sys/fs/cgroup/${v1 ? 'pids/' : ''}pids.max`
      expect(await shell(['--pids-limit', '33'], pids)).to.deep.equal(['33'])
      expect(await shell(['--pids-limit', '-1'], pids)).to.deep.equal(['max'])
    })

    it('hold back block devices', async function () {
      if (device === undefined) return this.skip()
      const kinds = ['read-bps', 'write-bps', 'read-iops', 'write-iops']
      const flags = kinds.flatMap((kind, index) => [`--device-${kind}`, `${device}:${1000 + index}`])
      const files = kinds.map((kind) => `blkio/blkio.throttle.${kind.replace('-', '_')}_device`)
      const numbers = await must('stat', ['-c', '%Hr:%Lr', device])
      expect(await shell(flags, `cd /sys/fs/cgroup; cat ${v1 ? files.join(' ') : 'io.max'}`)).to.deep.equal(
        v1
          ? kinds.map((_, index) => `${numbers} ${1000 + index}`)
          : [`${numbers} rbps=1000 wbps=1001 riops=1002 wiops=1003`],
      )
      const gone = await engine.docker('run', '--rm', '--device-read-bps', '/dev/nosuch:1000', base, 'true')
      expect(gone.code).to.equal(127)
      expect(gone.stderr).to.include('stat /dev/nosuch: no such file or directory')
    })

    it('are discarded with a warning where the kernel has none', async () => {
      const has = (file: string) => existsSync(`/sys/fs/cgroup/${file}`)
      const create = async (...flags: string[]) => (await engine.docker('create', ...flags, base, 'true')).stderr
      if (!v1) {
        expect(await create('--memory-swappiness', '10')).to.include('Memory swappiness discarded.')
        expect(await create('--oom-kill-disable')).to.include('OomKillDisable discarded.')
        return
      }
      if (!has('blkio/blkio.weight')) expect(await create('--blkio-weight', '500')).to.include('Weight discarded.')
      if (!has('blkio/blkio.weight_device'))
        expect(await create('--blkio-weight-device', '/dev/null:500')).to.include('Weight-device discarded.')
      if (has('cpu/cpu.rt_period_us')) {
        const period = 'cat /sys/fs/cgroup/cpu/cpu.rt_period_us'
        expect(await shell(['--cpu-rt-period', '500000'], period)).to.deep.equal(['500000'])
        // the group above has no real time to give
        const { code, stderr } = await engine.docker('run', '--rm', '--cpu-rt-runtime', '1000', base, 'true')
        expect(code).to.equal(125)
        expect(stderr).to.match(/cpu\.rt_runtime_us.*invalid argument/i)
      }
    })

    it('may weigh a block device, whether or not the kernel does', async function () {
      if (device === undefined) return this.skip()
      expect(await shell(['--blkio-weight-device', `${device}:500`], 'echo runs')).to.deep.equal(['runs'])
    })

    it('reach the process', async () => {
      const limits = ['--ulimit', 'nofile=100:200', '--ulimit', 'core=-1', '--oom-score-adj', '500', '--shm-size', '2m']
      const read = 'ulimit -n; ulimit -Hn; ulimit -c; cat /proc/1/oom_score_adj; df -k /dev/shm | tail -1'
      const [soft, hard, core, adjustment, shm = ''] = await shell(limits, read)
      expect([soft, hard, core, adjustment]).to.deep.equal(['100', '200', 'unlimited', '500'])
      expect(shm.split(/\s+/)[1]).to.equal('2048')
    })

    it('are in a group of the parent that was named', async () => {
      const parent = `/berth-test-${randomInt(1e6)}`
      try {
        const [first = ''] = await shell(
          ['--cgroup-parent', parent, '--cgroupns', 'host'],
          'grep -E "pids|^0::" /proc/1/cgroup',
        )
        expect(first).to.match(new RegExp(`:${parent}/[0-9a-f]{64}$`))
      } finally {
        await run('find', ['/sys/fs/cgroup', '-maxdepth', '2', '-name', parent.slice(1), '-exec', 'rmdir', '{}', '+'])
      }
    })
  })

  describe('devices', () => {
    it('are made, and may be used as far as was said', async () => {
      const script = 'stat -c %t:%T /dev/mine; cat /dev/mine; (echo > /dev/mine) 2>/dev/null || echo not written; id -G'
      const flags = ['--device', '/dev/loop-control:/dev/mine:m', '--group-add', '99', '--group-add', 'adm']
      const null_ = ['--device', '/dev/null:/dev/mine:rwm', ...flags.slice(2)]
      const [numbers, , groups] = [...(await shell(null_, 'stat -c %t:%T /dev/mine; echo > /dev/mine; echo; id -G'))]
      expect(numbers).to.equal('1:3')
      expect(groups).to.equal('0 4 99')
      if (existsSync('/dev/loop-control'))
        expect(await shell(flags, script.replace('cat /dev/mine;', ''))).to.include('not written')
    })

    it('may be used by rule', async () => {
      const rules = ['--device-cgroup-rule', 'c 10:* rw', '--device-cgroup-rule', 'b 7:3 r']
      // there is no such device: whoever may use it is told so
      const use = async (...flags: string[]) =>
        (await shell(['--userns', 'host', ...flags], 'mknod /d c 10 254; (echo < /d) 2>&1; true')).join()
      expect(await use()).to.match(/: Operation not permitted$/)
      expect(await use(...rules)).to.match(/: No such device/)
      if (!v1) return // version 2 has a program in place of the list
      const list = 'cat /sys/fs/cgroup/devices/devices.list'
      expect(await shell([], list)).not.to.include('c 10:* rw')
      expect(await shell(rules, list)).to.include.members(['c 10:* rw', 'b 7:3 r'])
    })
  })

  describe('namespaces', () => {
    const own = (kind: string) => must('readlink', [`/proc/self/ns/${kind}`])

    it("of processes: the host's, and another container's", async () => {
      expect(await shell(['--pid', 'host'], 'readlink /proc/self/ns/pid')).to.deep.equal([await own('pid')])
      await keep('donor')
      const [first = ''] = await shell(['--pid', 'container:donor'], 'tr "\\0" " " < /proc/1/cmdline')
      expect(first).to.include('sleep 300')
    })

    it("of names: the host's, and a domain", async () => {
      const [name, namespace] = await shell(['--uts', 'host'], 'hostname; readlink /proc/self/ns/uts')
      expect([name, namespace]).to.deep.equal([hostname(), await own('uts')])
      const named = await shell(
        ['-h', 'ship', '--domainname', 'example.org'],
        'cat /proc/sys/kernel/domainname; cat /etc/hosts',
      )
      expect(named[0]).to.equal('example.org')
      expect(named.at(-1)).to.match(/\tship.example.org ship$/)
      for (const [words, called] of [
        [['-h', 'ship.example.org'], 'ship.example.org ship'],
        [['-h', 'a.b', '--domainname', 'c.d'], 'a.b.c.d a'],
        [['-h', 'ship'], 'ship'],
      ] as const) {
        const hosts = await shell([...words], 'hostname -s; cat /etc/hosts')
        expect(hosts[0]).to.equal(called.split(' ').at(-1))
        expect(hosts.at(-1)?.split('\t')[1]).to.equal(called)
      }
    })

    it('of shared memory', async () => {
      expect(await shell(['--ipc', 'host'], 'readlink /proc/self/ns/ipc')).to.deep.equal([await own('ipc')])
      expect(await shell(['--ipc', 'none'], 'ls /dev | grep -c shm; true')).to.deep.equal(['0'])
      await keep('sharer', '--ipc', 'shareable', '--shm-size', '1m')
      const joined = await shell(
        ['--ipc', 'container:sharer'],
        'cat /dev/shm/f; echo new > /dev/shm/g; readlink /proc/self/ns/ipc',
      )
      expect(joined).to.deep.equal(['own', await engine.must('exec', 'sharer', 'readlink', '/proc/1/ns/ipc')])
      expect(await engine.must('exec', 'sharer', 'cat', '/dev/shm/g')).to.equal('new')
      await keep('keeper', '--ipc', 'private')
      const { code, stderr } = await engine.docker('run', '--rm', '--ipc', 'container:keeper', base, 'true')
      expect(code).to.equal(125)
      expect(stderr).to.include('non-shareable IPC')
    })

    it('of control groups', async () => {
      const first = 'head -1 /proc/self/cgroup'
      expect((await shell(['--cgroupns', 'private'], first))[0]).to.match(/:\/$/)
      expect((await shell(['--cgroupns', 'host'], first))[0]).to.match(/[0-9a-f]{64}$/)
    })
  })

  describe('security', () => {
    const status = 'grep -E "^(Seccomp|NoNewPrivs):" /proc/self/status | cut -f2 | tr "\\n" " "'

    it('options', async () => {
      expect(await shell([], status)).to.deep.equal(['0 2 '.trim()])
      expect(await shell(['--security-opt', 'seccomp=unconfined'], status)).to.deep.equal(['0 0'])
      expect(await shell(['--security-opt', 'no-new-privileges'], status)).to.deep.equal(['1 2'])
      expect(await shell(['--security-opt', 'no-new-privileges=false'], status)).to.deep.equal(['0 2'])
      const masked = 'ls /sys/firmware | wc -l; grep -c "^proc /proc/sys " /proc/mounts; true'
      expect(await shell([], masked)).to.deep.equal(['0', '1'])
      const [firmware, sealed] = await shell(['--security-opt', 'systempaths=unconfined'], masked)
      expect(Number(firmware)).to.be.greaterThan(0)
      expect(sealed).to.equal('0')
    })

    it("profiles of the client's", async () => {
      const dir = await mkdtemp(join(tmpdir(), 'berth-seccomp-'))
      const file = join(dir, 'profile.json')
      const deny = { names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', args: [] }
      const rules = [
        deny,
        // conditions: only the first is met
        {
          names: ['link', 'linkat'],
          action: 'SCMP_ACT_ERRNO',
          args: [],
          includes: {},
          excludes: { caps: ['CAP_SYS_ADMIN'] },
        },
        { names: ['symlink', 'symlinkat'], action: 'SCMP_ACT_ERRNO', args: [], includes: { caps: ['CAP_SYS_ADMIN'] } },
      ]
      const profile = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: rules }
      try {
        await writeFile(file, JSON.stringify(profile))
        const tries = 'mkdir /d 2>&1; touch /f; ln /f /g 2>&1; ln -s /f /s && echo linked'
        // the second has the filter that was compiled for the first
        for (const who of ['the first', 'the second']) {
          const said = await shell(['--security-opt', `seccomp=${file}`], tries)
          expect(said[0], who).to.match(/cannot create directory .*Operation not permitted/)
          expect(said[1], who).to.match(/Operation not permitted/)
          expect(said[2], who).to.equal('linked')
        }
        expect(await shell([], 'mkdir /d && echo made'), 'one without').to.deep.equal(['made'])
        await writeFile(file, 'no JSON')
        const { code, stderr } = await engine.docker('run', '--rm', '--security-opt', `seccomp=${file}`, base, 'true')
        expect(code).to.equal(125)
        expect(stderr).to.match(/seccomp|invalid character/i)
      } finally {
        await rm(dir, { recursive: true })
      }
    })

    it('capabilities', async () => {
      const mask = async (...flags: string[]) => (await shell(flags, 'grep CapEff /proc/self/status'))[0]?.slice(-16)
      expect(await mask('--cap-drop', 'ALL')).to.equal('0000000000000000')
      expect(await mask('--cap-drop', 'all', '--cap-add', 'chown')).to.equal('0000000000000001')
      expect(await mask('--cap-drop', 'CAP_KILL')).to.equal('00000000a80425db')
      // CAP_ADD=ALL and --privileged: the oracle's runc fails here for want of a capability of the host's
      if (!oracle)
        expect(await mask('--privileged')).to.equal((await must('grep', ['CapBnd', '/proc/self/status'])).slice(-16))
    })

    it('kernel settings', async () => {
      expect(await shell(['--sysctl', 'net.ipv4.ip_forward=1'], 'cat /proc/sys/net/ipv4/ip_forward')).to.deep.equal([
        '1',
      ])
    })

    it('let anybody take low ports and send pings, unless something else is asked', async () => {
      const name = 'net.ipv4.ip_unprivileged_port_start'
      const read = `cd /proc/sys/net/ipv4; cat ip_unprivileged_port_start; tr '\\t' ' ' < ping_group_range`
      for (const network of ['bridge', 'none'])
        expect(await shell(['--network', network], read)).to.deep.equal(['0', `0 ${oracle ? 2 ** 31 - 1 : 65_535}`])
      expect((await shell(['--sysctl', `${name}=1000`], read))[0]).to.equal('1000')
    })
  })

  it('volumes from another container', async () => {
    await engine.must('create', '--name', 'store', '-v', '/data', '-v', '/tmp:/host', base, 'true')
    expect(
      await shell(['--volumes-from', 'store'], 'echo x > /data/f; cat /data/f; test -d /host && echo host'),
    ).to.deep.equal(['x', 'host'])
    expect(await shell(['--volumes-from', 'store:ro'], 'cat /data/f; touch /data/g 2>&1 || true')).to.deep.equal([
      'x',
      "touch: cannot touch '/data/g': Read-only file system",
    ])
    // a volume in use is not removed with one of its users
    await engine.must('run', '--rm', '-v', '/other', '--volumes-from', 'store', base, 'true')
    expect(await shell(['--volumes-from', 'store'], 'cat /data/f')).to.deep.equal(['x'])
  })

  it('an init', async function () {
    if ((await engine.docker('run', '--rm', '--init', base, 'true')).code !== 0) return this.skip() // none is installed
    const [first = '', zombies] = await shell(
      ['--init'],
      'tr "\\0" " " < /proc/1/cmdline; echo; (sh -c "sleep 0.1 & exec true") ; sleep 0.5; grep -l "^State:.Z" /proc/[0-9]*/status 2>/dev/null | wc -l',
    )
    expect(first).to.match(/^\/sbin\/docker-init -- sh -c/)
    expect(zombies).to.equal('0')
  })

  it('a runtime', async () => {
    for (const name of ['runc', 'io.containerd.runc.v2'])
      expect(await shell(['--runtime', name], 'echo from runc')).to.deep.equal(['from runc'])
    await engine.must('run', '-d', '--name', 'rr', '--runtime', 'runc', base, 'sleep', '300')
    expect(await engine.must('exec', 'rr', 'echo', 'inside')).to.equal('inside')
    expect(await engine.must('inspect', '-f', '{{.HostConfig.Runtime}}', 'rr')).to.equal('runc')
    await engine.must('stop', '-t', '0', 'rr')
  })

  it('annotations', async function () {
    const { code, stderr } = await engine.docker('create', '--name', 'aa', '--annotation', 'a=b', base, 'true')
    if (/requires API version|unknown flag/.test(stderr)) return this.skip() // the oracle's API is too old
    expect(code).to.equal(0)
    expect(await engine.must('inspect', '-f', '{{.HostConfig.Annotations.a}}', 'aa')).to.equal('b')
  })
})
