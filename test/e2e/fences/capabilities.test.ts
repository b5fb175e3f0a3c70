import { expect } from 'chai'
import { spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { openUsersLab, type UsersLab } from './users-lab.js'

describe('root in a container with every capability and no filter', function () {
  if (process.getuid?.() !== 0) return
  let lab: UsersLab
  let engine: UsersLab['engine']
  let tries: UsersLab['tries']
  before(async () => {
    lab = await openUsersLab()
    ;({ engine, tries } = lab)
  })
  after(() => lab[Symbol.asyncDispose]())
  afterEach(() => engine.clear())

  const all = ['--cap-add', 'ALL', '--security-opt', 'seccomp=unconfined', '--security-opt', 'systempaths=unconfined']
  const perl = (code: string) => `perl -e '${code}'`

  it('makes no device', async () => {
    expect(await tries('mknod /d b 254 0; ls /d', ...all)).to.include('mknod: /d: Operation not permitted')
  })

  it('mounts no disk, and no control groups to set a release agent in', async () => {
    expect(await tries('mount -t ext4 /dev/vda /mnt || mount -t ext4 none /mnt', ...all)).to.match(
      /permission denied|must be superuser|not permitted|special device|wrong fs type/i,
    )
    expect(await tries('mount -t cgroup -o memory x /mnt && echo mounted', ...all)).not.to.include('\nmounted')
    const agent = 'for f in $(find /sys/fs/cgroup -name release_agent); do echo /x > $f && echo written; done; true'
    expect(await tries(agent, ...all)).not.to.include('written')
  })

  it('writes no setting of the kernel', async () => {
    for (const path of [
      '/proc/sys/kernel/core_pattern',
      '/proc/sys/kernel/modprobe',
      '/proc/sysrq-trigger',
      '/sys/kernel/uevent_helper',
      '/sys/power/state',
    ])
      expect(await tries(`echo x > ${path} && echo written`, ...all), path).not.to.include('written')
  })

  it('loads no module, reads no kernel memory and sets no clock', async () => {
    // init_module(2) and settimeofday(2) by number, x86-64
    const calls = { 175: '0, 0, $s = "x"', 164: '$s = pack("qq", 1, 0), 0' }
    for (const [number, args] of Object.entries(calls))
      // EPERM, or ENOSYS of a kernel without modules
      expect(await tries(perl(`print syscall(${number}, ${args}), " ", $!+0`), ...all), number).to.match(/^-1 (1|38)$/)
    // not every kernel has it
    expect(await tries('cat /proc/kcore | head -c 1', ...all)).to.match(/denied|not permitted|No such file/i)
  })

  it('opens no file of the host by its handle', async () => {
    // open_by_handle_at(2), as the exploit "shocker" does: handle type 1, inode 2 is the root of an ext4
    const code = 'open F, "/etc/hosts"; $h = pack("IiII", 8, 1, 2, 0); print syscall(304, fileno(F), $h, 0), " ", $!+0'
    expect(await tries(perl(code), ...all)).to.equal('-1 1')
  })

  it('among the host’s processes sees them, and can neither end nor look into any', async () => {
    const victim = spawn('sleep', ['600'])
    try {
      const pid = String(victim.pid)
      const look = `cat /proc/${pid}/comm; kill -9 ${pid}; cat /proc/${pid}/environ; ls /proc/${pid}/root; nsenter -t ${pid} -m true`
      const said = await tries(look, '--pid', 'host', ...all)
      expect(said)
        .to.include('sleep')
        .and.to.match(/kill: .*Operation not permitted/)
      expect(said)
        .to.match(/environ: Permission denied/)
        .and.to.match(/root'?: Permission denied/)
      expect(said).to.match(/nsenter: cannot open .*Permission denied/)
      expect(victim.exitCode ?? victim.signalCode).to.equal(null)
    } finally {
      victim.kill('SIGKILL')
    }
  })

  it('on the host’s network changes nothing there and takes no port below 1024', async () => {
    const code = 'socket(S, 2, 1, 0); print bind(S, pack("Sna4x8", 2, 81, "\\0\\0\\0\\0")) ? "bound" : $!'
    expect(await tries(perl(code), '--network', 'host', ...all)).to.equal('Permission denied')
    // SIOCSIFFLAGS of lo, as ifconfig(8) "down"
    const down = 'socket(S, 2, 2, 0); print ioctl(S, 0x8914, $r = pack("a16Sx14", "lo", 0)) ? "down" : $!'
    expect(await tries(perl(down), '--network', 'host', ...all)).to.equal('Operation not permitted')
  })

  it('does not own the host’s /dev/null', async () => {
    expect(await tries('chmod 600 /dev/null; chown 0 /dev/null; echo still > /dev/null', ...all)).to.match(
      /Read-only file system/,
    )
    const { uid, gid, mode } = statSync('/dev/null')
    expect([uid, gid, mode & 0o777]).to.deep.equal([0, 0, 0o666])
  })
})
