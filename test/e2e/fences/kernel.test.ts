import { expect } from 'chai'
import { readFileSync } from 'node:fs'
import { base, eventually, openEngine, type TestEngine } from '../engine/harness.js'

const [EPERM, ENOSYS] = [1, 38]

/** System calls by number, x86-64, as perl has them: `n` is a number of nobody's, `$s` a place to write to. */
const refused: Readonly<Record<string, string>> = {
  'unshare: a user namespace': '272, 0x10000000',
  'unshare: a mount namespace': '272, 0x20000',
  'unshare: a network namespace': '272, 0x40000000',
  'unshare, by the numbers of x32': '0x40000000 | 272, 0x10000000',
  'clone: a user namespace': '56, 0x10000011, 0, 0, 0, 0',
  clone3: '435, $s, 88',
  'setns: the mounts of the first process': '308, $ns, 0',
  'mount: a tmpfs': '165, "none", "/mnt", "tmpfs", 0, 0',
  'mount: the root, to write to': '165, "none", "/proc/sys", "", 0x1020, 0',
  'umount2: what masks /proc/kcore': '166, "/proc/kcore", 2',
  pivot_root: '155, "/tmp", "/tmp"',
  fsopen: '430, "tmpfs", 0',
  fspick: '433, -100, "/", 0',
  open_tree: '428, -100, "/", 1',
  move_mount: '429, 0, "", 0, "/mnt", 4',
  mount_setattr: '442, -100, "/", 0, $s, 32',
  'bpf: a map': '321, 0, $s, 64',
  perf_event_open: '298, $s, 0, -1, -1, 0',
  userfaultfd: '323, 1',
  io_uring_setup: '425, 8, $s',
  io_uring_enter: '426, 0, 0, 0, 0, 0, 0',
  io_uring_register: '427, 0, 0, 0, 0',
  'open_by_handle_at: the root of the disk': '304, $ns, pack("IiII", 8, 1, 2, 0), 0',
  kexec_load: '246, 0, 0, 0, 0',
  kexec_file_load: '320, 0, 0, 1, "x", 0',
  init_module: '175, $s, 4096, ""',
  finit_module: '313, $ns, "", 0',
  delete_module: '176, "x", 0',
  add_key: '248, "user", "berth", "x", 1, -3',
  request_key: '249, "user", "berth", "", -3',
  keyctl: '250, 0, -3, 0',
  process_vm_readv: '310, 1, $s, 1, $s, 1, 0',
  pidfd_getfd: '438, $ns, 0, 0',
  kcmp: '312, 1, 1, 0, 0, 0',
  acct: '163, "/tmp/acct"',
  swapon: '167, "/tmp/x", 0',
  reboot: '169, 0xfee1dead, 672274793, 0, 0',
  settimeofday: '164, $s, 0',
  clock_settime: '227, 0, $s',
  sethostname: '170, "x", 1',
  iopl: '172, 3',
  ioperm: '173, 0x80, 1, 1',
  quotactl: '179, 0x800002, "/dev/vda", 0, $s',
  'syslog: the kernel’s own': '103, 3, $s, 100',
  fanotify_init: '300, 0, 0',
  mbind: '237, 0, 0, 0, 0, 0, 0',
  move_pages: '279, 0, 0, 0, 0, 0, 0',
  lookup_dcookie: '212, 0, $s, 100',
  'personality: addresses that are no secret': '135, 0x0040000',
  'socket: to the machine that this one runs on': '41, 40, 1, 0',
  'mknod: a disk': '133, "/tmp/disk", 060644, 0x800',
  vhangup: '153',
  nfsservctl: '180, 0, 0, 0',
}

describe('the kernel, to a container', function () {
  if (process.getuid?.() !== 0) return
  let engine: TestEngine
  let seen: ReadonlyMap<string, string>
  before(async () => {
    engine = await openEngine()
    const tries = Object.entries(refused).map(([name, call]) => `attempt(${JSON.stringify(name)}, ${call});`)
    const script = `
      open(NS, "/proc/1/ns/mnt") or die; our $ns = fileno(NS); our $s = "\\0" x 4096;
      sub attempt {
        my ($name, $number, @words) = @_;
        defined(my $child = open(my $from, "-|")) or die;
        if ($child == 0) { my $got = syscall($number, @words); print $got, " ", $! + 0; exit }
        print "$name = ", scalar(<$from>), "\\n";
      }
      ${tries.join('\n')}`
    const said = await engine.must('run', '--rm', base, 'perl', '-e', script)
    seen = new Map(said.split('\n').map((line) => line.split(' = ') as [string, string]))
  })
  after(() => engine[Symbol.asyncDispose]())

  for (const name of Object.keys(refused))
    it(`refuses ${name}`, () => expect(seen.get(name)).to.be.oneOf([EPERM, ENOSYS].map((code) => `-1 ${code}`)))

  const unfiltered = ['--security-opt', 'seccomp=unconfined']
  /** What a shell in a container says, on both streams. */
  const tries = async (script: string, ...flags: string[]): Promise<string> => {
    const { stdout, stderr } = await engine.docker('run', '--rm', ...flags, base, 'sh', '-c', script)
    return (stdout + stderr).trim()
  }

  it('lets it look into no process of another container, even where it sees that', async () => {
    await engine.must('run', '-d', '--name', 'other', '-e', 'WORD=secret', base, 'sleep', '600')
    const pid = await engine.must('inspect', '-f', '{{.State.Pid}}', 'other')
    const attach = `perl -e 'print syscall(101, 16, ${pid}, 0, 0), " ", $!+0, "\\n"'`
    const look = `${attach}; cat /proc/${pid}/comm; cat /proc/${pid}/environ; ls /proc/${pid}/root; head -c 1 /proc/${pid}/mem`
    const [none, ...rest] = (await tries(look)).split('\n')
    expect(none).to.equal('-1 3')
    expect(rest)
      .to.have.lengthOf(4)
      .and.satisfy((lines: string[]) => lines.every((line) => /No such file/.test(line)))
    const [denied, name, ...others] = (await tries(look, '--pid', 'host', ...unfiltered)).split('\n')
    expect([denied, name]).to.deep.equal(['-1 1', 'sleep'])
    expect(others)
      .to.have.lengthOf(3)
      .and.satisfy((lines: string[]) => lines.every((line) => /denied/.test(line)))
  })

  it('keeps what is in one’s keyrings from another, even without the filter', async () => {
    // add_key(2), keyctl(2): the keyrings of a session, of a user and of a user's session; link, search, read
    const rings = `$t = "user"; $d = "berth"; $p = "secret"; $s = "\\0" x 99; $| = 1; syscall(250, 8, $_, -3) for -4, -5;`
    const add = `${rings} for (-3, -4, -5) { $k = syscall(248, $t, $d, $p, 6, $_); print "$k ", syscall(250, 11, $k, $s, 99), "\\n" } sleep 600`
    await engine.must('run', '-d', '--name', 'keys', ...unfiltered, base, 'perl', '-e', add)
    await eventually(async () => (await engine.must('logs', 'keys')).split('\n').length === 3, 'the keys')
    const said = await engine.must('logs', 'keys')
    expect(said).to.match(/^\d+ 6\n\d+ 6\n\d+ 6$/)
    const serials = said.replace(/ 6$/gm, '').replace(/\n/g, ', ')
    const find = `${rings} print join " ", (map { syscall(250, 10, $_, $t, $d, 0) } -3, -4, -5), map { syscall(250, 11, $_, $s, 99) } ${serials}`
    for (const flags of [unfiltered, [...unfiltered, '--cap-add', 'ALL']])
      expect(await engine.must('run', '--rm', ...flags, base, 'perl', '-e', find)).to.equal('-1 -1 -1 -1 -1 -1')
    expect(await engine.must('exec', 'keys', 'sh', '-c', 'cat /proc/keys | wc -l')).to.equal('0')
  })

  it('writes no core of what crashes, and takes no orders where to', async () => {
    const pattern = '/proc/sys/kernel/core_pattern'
    const before = readFileSync(pattern, 'utf8')
    const crash = 'cd /tmp; perl -e \'print 128 & system(q(kill -SEGV $$)), "\\n"\'; ls'
    expect(await tries(`ulimit -Sc; ulimit -Hc; ${crash}; echo x > ${pattern}`)).to.match(
      /^0\n0\n0\n[^\n]*Read-only file system$/,
    )
    expect(readFileSync(pattern, 'utf8')).to.equal(before)
  })

  it('shows /sys and the settings of /proc to read, not to write', async () => {
    const group = '$(dirname $(find /sys/fs/cgroup -name cgroup.procs | head -n 1))/x'
    const paths = `/sys/kernel/uevent_seqnum ${group} /sys/block/x /proc/sys/kernel/hostname /proc/irq/x /proc/bus/x`
    const script = `for path in ${paths}; do touch $path || echo refused; done; mount | grep -c "^sysfs on /sys type sysfs (ro,"`
    const said = await tries(script)
    expect(said.match(/^refused$/gm)).to.have.lengthOf(6)
    expect(said).to.match(/^1$/m)
  })
})
