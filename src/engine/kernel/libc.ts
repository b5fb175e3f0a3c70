import { closeSync, constants } from 'node:fs'
import koffi from 'koffi'

/** A system call that failed: `code` as Node names it, `call` what was asked. */
export class SystemCallError extends Error {
  readonly code: string
  readonly errno: number
  constructor(call: string, errno: number) {
    const code = Object.entries(koffi.os.errno).find(([, value]) => value === errno)?.[0] ?? `E${String(errno)}`
    super(`${call}: ${code}`)
    this.code = code
    this.errno = errno
  }
}

const lib = koffi.load('libc.so.6')
const raw = {
  mount: lib.func('int mount(const char *source, const char *target, const char *type, ulong flags, const char *data)'),
  umount2: lib.func('int umount2(const char *target, int flags)'),
  unshare: lib.func('int unshare(int flags)'),
  setns: lib.func('int setns(int fd, int type)'),
  chroot: lib.func('int chroot(const char *path)'),
  chdir: lib.func('int chdir(const char *path)'),
  fchdir: lib.func('int fchdir(int fd)'),
  close: lib.func('int close(int fd)'),
  openTree: lib.func('long syscall(long number, int dir, const char *path, uint32_t flags)'),
  execv: lib.func('int execv(const char *path, const char **argv)'),
  fcntl: lib.func('int fcntl(int fd, int command, int argument)'),
  socket: lib.func('int socket(int domain, int type, int protocol)'),
  openat2: lib.func('long syscall(long number, int dir, const char *path, const uint8_t *how, size_t size)'),
  socketpair: lib.func('int socketpair(int domain, int type, int protocol, _Out_ int *pair)'),
  pipe2: lib.func('int pipe2(_Out_ int *pair, int flags)'),
  connect: lib.func('int connect(int fd, const uint8_t *address, uint32_t size)'),
  recv: lib.func('long recv(int fd, _Out_ uint8_t *buffer, size_t size, int flags)'),
  dup3: lib.func('int dup3(int from, int to, int flags)'),
  ioctl: lib.func('int ioctl(int fd, ulong request, const uint8_t *argument)'),
  prctl: lib.func('int prctl(int option, ulong a, ulong b, ulong c, ulong d)'),
  setfsuid: lib.func('int setfsuid(uint32_t id)'),
  setfsgid: lib.func('int setfsgid(uint32_t id)'),
  grantpt: lib.func('int grantpt(int fd)'),
  unlockpt: lib.func('int unlockpt(int fd)'),
  exit: lib.func('void _exit(int status)'),
  ptsname: lib.func('int ptsname_r(int fd, _Out_ uint8_t *name, size_t size)'),
}

function check(call: string, result: unknown): number {
  if (typeof result !== 'number' || result < 0) throw new SystemCallError(call, koffi.errno())
  return result
}

/**
 * Ends the process, threads that work included: see _exit(2). Node would end those first, which, in the middle of native
 * code, can abort the process instead.
 */
export function leave(code: number): never {
  raw.exit(code)
  throw new Error('_exit returned')
}

/** mount(2) flags. */
export const MS = {
  rdonly: 1,
  nosuid: 2,
  nodev: 4,
  noexec: 8,
  remount: 32,
  bind: 4096,
  rec: 16384,
  private: 1 << 18,
  slave: 1 << 19,
} as const

export const CLONE_FS = 0x200
export const CLONE_NEWNS = 0x20000
const F_SETFD = 2
const F_SETFL = 4
const MNT_DETACH = 2
const MSG_DONTWAIT = 0x40
const AF_UNIX = 1
const SOCK_STREAM = 1
const SOCK_SEQPACKET = 5
const SOCK_CLOEXEC = 0o2000000
const O_CLOEXEC = 0o2000000
const TIOCSWINSZ = 0x5414

/** mount(2). @throws SystemCallError */
export function mount(source: string, target: string, type: string, flags: number, data: string): void {
  check(`mount ${target}`, raw.mount(source, target, type, flags, data))
}

/** umount2(2), lazily: what still uses the mount keeps it. Not being mounted is not an error. */
export function unmount(target: string): void {
  const result: unknown = raw.umount2(target, MNT_DETACH)
  if (result !== 0 && koffi.errno() !== koffi.os.errno.EINVAL && koffi.errno() !== koffi.os.errno.ENOENT)
    check(`umount ${target}`, result)
}

/** unshare(2) for the calling thread. */
export function unshare(flags: number): void {
  check('unshare', raw.unshare(flags))
}

/** close(2), for what was not opened by Node: a worker keeps count of what Node opens in it. */
export function closeDescriptor(fd: number): void {
  check('close', raw.close(fd))
}

/** setns(2) for the calling thread. */
export function enterNamespace(fd: number, type: number): void {
  check('setns', raw.setns(fd, type))
}

/** chroot(2), and into it, for the calling thread and those that share its CLONE_FS. */
export function changeRoot(path: string): void {
  check(`chroot ${path}`, raw.chroot(path))
  check('chdir', raw.chdir('/'))
}

const SYS_open_tree = 428 // the same on every architecture
const AT_FDCWD = -100
const OPEN_TREE_CLONE = 1

/** Makes the file system at `path` the thread's root, and nothing that is mounted on it. */
export function changeRootToBareCopy(path: string): void {
  const fd = check('open_tree', Number(raw.openTree(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | O_CLOEXEC)))
  try {
    check('fchdir', raw.fchdir(fd))
    changeRoot('.')
  } finally {
    closeDescriptor(fd)
  }
}

/** execv(3): does not return; the environment and the standard streams are the process's own. */
export function exec(path: string, argv: readonly string[]): never {
  // Node marks every descriptor it finds at its start close-on-exec, the standard streams included
  for (const fd of [0, 1, 2]) raw.fcntl(fd, F_SETFD, 0)
  raw.execv(path, [...argv, null])
  throw new SystemCallError(`exec ${path}`, koffi.errno())
}

/** A connected SOCK_SEQPACKET unix socket: Node has none. The caller closes the descriptor. */
export function connectSeqpacket(path: string): number {
  const fd = check('socket', raw.socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0))
  const address = Buffer.alloc(110)
  address.writeUInt16LE(AF_UNIX, 0)
  address.write(path, 2, 107)
  try {
    check(`connect ${path}`, raw.connect(fd, address, address.length))
    // only now: a connect that may not wait fails when several come at once. A write that waits would stop the engine.
    check('fcntl', raw.fcntl(fd, F_SETFL, constants.O_RDWR | constants.O_NONBLOCK))
  } catch (error) {
    closeSync(fd)
    throw error
  }
  return fd
}

/** Two connected stream sockets. */
export function socketPair(): [number, number] {
  const pair = [0, 0]
  check('socketpair', raw.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
  return [pair[0] ?? -1, pair[1] ?? -1]
}

/** pipe2(2): the end to read from and the end to write to. */
export function pipe(): [number, number] {
  const pair = [0, 0]
  check('pipe2', raw.pipe2(pair, O_CLOEXEC))
  return [pair[0] ?? -1, pair[1] ?? -1]
}

/** dup3(2): makes `to` the same open file as `from`. */
export function duplicate(from: number, to: number): void {
  check('dup3', raw.dup3(from, to, O_CLOEXEC))
}

/** recv(2) of one packet, without waiting; undefined when there is none. */
export function receive(fd: number, size: number): Buffer | undefined {
  const packet = Buffer.alloc(size)
  const got = Number(raw.recv(fd, packet, size, MSG_DONTWAIT))
  return got > 0 ? packet.subarray(0, got) : undefined
}

/** Unlocks a pseudo terminal whose master is `fd`; answers with the path of its slave. */
export function unlockTerminal(fd: number): string {
  check('grantpt', raw.grantpt(fd))
  check('unlockpt', raw.unlockpt(fd))
  const name = Buffer.alloc(64)
  check('ptsname_r', raw.ptsname(fd, name, name.length))
  return name.toString('utf8', 0, name.indexOf(0))
}

/** Sets the size of a terminal, in characters. */
export function resizeTerminal(fd: number, rows: number, columns: number): void {
  const size = Buffer.alloc(8)
  size.writeUInt16LE(rows, 0)
  size.writeUInt16LE(columns, 2)
  check('ioctl TIOCSWINSZ', raw.ioctl(fd, TIOCSWINSZ, size))
}

const SIOCOUTQ = 0x5411

/** Bytes written to a unix socket that its other end has not read, or to a TCP one that it has not acknowledged; unix(7), tcp(7). */
export function unreadBytes(fd: number): number {
  const size = Buffer.alloc(4)
  check('ioctl SIOCOUTQ', raw.ioctl(fd, SIOCOUTQ, size))
  return size.readInt32LE()
}

const [FS_IOC_GETFLAGS, FS_IOC_SETFLAGS] = [0x80086601, 0x40086602]
const FS_IMMUTABLE_FL = 0x10
const FS_APPEND_FL = 0x20

/** Takes the flags off a file that keep even root from removing it, ioctl_iflags(2); false when it has none. */
export function makeMutable(fd: number): boolean {
  const flags = Buffer.alloc(8)
  if (raw.ioctl(fd, FS_IOC_GETFLAGS, flags) !== 0) return false
  const had = flags.readUInt32LE(0)
  if ((had & (FS_IMMUTABLE_FL | FS_APPEND_FL)) === 0) return false
  flags.writeUInt32LE((had & ~(FS_IMMUTABLE_FL | FS_APPEND_FL)) >>> 0, 0)
  return raw.ioctl(fd, FS_IOC_SETFLAGS, flags) === 0
}

const PR_SET_SECUREBITS = 28
const SECBIT_NO_SETUID_FIXUP = 4

/** Has the calling thread make files as another user and group, setfsuid(2), and keep its capabilities. */
export function createFilesAs(id: number): void {
  check('prctl PR_SET_SECUREBITS', raw.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0))
  raw.setfsuid(id)
  raw.setfsgid(id)
}

const SYS_openat2 = 437 // the same on every architecture
const RESOLVE_IN_ROOT = 0x10

/**
 * Opens `path` as a process whose root directory is `root` would: no symlink leads out, not even one swapped in meanwhile.
 * The caller closes the descriptor. @throws SystemCallError
 */
export function openInRoot(root: number, path: string, flags: number): number {
  const how = Buffer.alloc(24)
  how.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0)
  how.writeBigUInt64LE(BigInt(RESOLVE_IN_ROOT), 16)
  return check(`open ${path}`, Number(raw.openat2(SYS_openat2, root, path, how, how.length)))
}
