import { constants, type Stats } from 'node:fs'
import koffi from 'koffi'
import { again } from './again.js'
import { SystemCallError } from './libc.js'

/**
 * System calls that take a directory's descriptor and a name in it, openat(2) and its kin. Node has none of them, and a
 * thread whose root is a container's has no /proc/self/fd to go through. Synchronous: for threads. What is opened here is
 * closed by `closeDescriptor`.
 */
const lib = koffi.load('libc.so.6')
const raw = {
  openat: lib.func('int openat(int dir, const void *path, int flags, uint32_t mode)'),
  statx: lib.func('int statx(int dir, const void *path, int flags, uint32_t mask, void *stat)'),
  getdents: lib.func('long getdents64(int fd, void *entries, size_t size)'),
  readlinkat: lib.func('long readlinkat(int dir, const void *path, void *target, size_t size)'),
  unlinkat: lib.func('int unlinkat(int dir, const void *path, int flags)'),
  mkdirat: lib.func('int mkdirat(int dir, const void *path, uint32_t mode)'),
  symlinkat: lib.func('int symlinkat(const void *target, int dir, const void *path)'),
  linkat: lib.func('int linkat(int from, const void *path, int dir, const void *name, int flags)'),
  mknodat: lib.func('int mknodat(int dir, const void *path, uint32_t mode, uint64_t device)'),
  fchownat: lib.func('int fchownat(int dir, const void *path, uint32_t uid, uint32_t gid, int flags)'),
  fchmodat: lib.func('int fchmodat(int dir, const void *path, uint32_t mode, int flags)'),
  utimensat: lib.func('int utimensat(int dir, const void *path, const void *times, int flags)'),
  fgetxattr: lib.func('long fgetxattr(int fd, const char *name, void *value, size_t size)'),
  flistxattr: lib.func('long flistxattr(int fd, void *list, size_t size)'),
  fstatfs: lib.func('int fstatfs(int fd, void *stat)'),
}

const AT_SYMLINK_NOFOLLOW = 0x100
const AT_REMOVEDIR = 0x200
const O_CLOEXEC = 0o2000000

/** Instead of a directory's descriptor: the path needs none. */
export const nowhere = -100

/** A name or a path; bytes when it need not be UTF-8. */
export type Name = string | Buffer

/** Reused by every call: all are synchronous, and a fresh buffer a file costs more than the call. */
const scratch = Buffer.alloc(65536)

const terminated = (name: Name): Buffer => {
  const bytes = typeof name === 'string' ? rawName(name) : name
  return typeof bytes === 'string' ? Buffer.from(`${bytes}\0`) : Buffer.concat([bytes, Buffer.alloc(1)])
}

/** Bytes that are no UTF-8 are halves of surrogate pairs in a text: U+DC80 to U+DCFF, as Python has them (PEP 383). */
const strayHalf = /(?<![\ud800-\udbff])[\udc80-\udcff]/

/** A name, or a link's target, as text; `rawName` makes the same bytes of it again, whatever they are. */
export function textOf(bytes: Buffer): string {
  const text = bytes.toString()
  if (!text.includes('\ufffd') || Buffer.from(text).equals(bytes)) return text
  let made = ''
  for (let at = 0; at < bytes.length;) {
    const length = [1, 2, 3, 4].find((one) => !bytes.toString('utf8', at, at + one).includes('\ufffd'))
    if (length !== undefined && at + length <= bytes.length) made += bytes.toString('utf8', at, at + length)
    else made += String.fromCharCode(0xdc00 + (bytes[at] ?? 0))
    at += length ?? 1
  }
  return made
}

/** What a text names: itself, or bytes when it is one of `textOf`'s that is no UTF-8. */
export function rawName(text: string): Name {
  if (!strayHalf.test(text)) return text
  const parts = text.split(new RegExp(`(${strayHalf.source})`))
  return Buffer.concat(
    parts.map((part, at) => (at % 2 === 1 ? Buffer.from([part.charCodeAt(0) & 0xff]) : Buffer.from(part))),
  )
}

function check(call: string, name: Name, result: unknown): number {
  const number = Number(result)
  if (number >= 0) return number
  throw new SystemCallError(`${call} "${name.toString().slice(-200)}"`, koffi.errno())
}

/** openat(2), never inherited. The caller closes it. @throws SystemCallError, as all here */
export const openAt = (dir: number, name: Name, flags: number, mode = 0): number =>
  check('open', name, raw.openat(dir, terminated(name), flags | O_CLOEXEC, mode))

const asDirectory = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** A directory, to be read; a link to one is none. */
export const openDirectoryAt = (dir: number, name: Name): number => openAt(dir, name, asDirectory)

/** What lstat(2) says of a file, as Node's own would say it. */
export type FileStat = Pick<
  Stats,
  | 'dev'
  | 'ino'
  | 'nlink'
  | 'mode'
  | 'uid'
  | 'gid'
  | 'rdev'
  | 'size'
  | 'blocks'
  | 'mtimeMs'
  | 'ctimeMs'
  | 'isFile'
  | 'isDirectory'
  | 'isSymbolicLink'
  | 'isFIFO'
  | 'isSocket'
  | 'isCharacterDevice'
  | 'isBlockDevice'
>

/** A file's type and attributes, read from what statx(2) writes: a tree has thousands, and Node's is several times as large. */
class Statx implements FileStat {
  readonly nlink = scratch.readUInt32LE(16)
  readonly uid = scratch.readUInt32LE(20)
  readonly gid = scratch.readUInt32LE(24)
  readonly mode = scratch.readUInt16LE(28)
  readonly ino = number(32)
  readonly size = number(40)
  readonly blocks = number(48)
  readonly ctimeMs = milliseconds(96)
  readonly mtimeMs = milliseconds(112)
  readonly rdev = device(128)
  readonly dev = device(136)

  isFile(): boolean {
    return this.#is(constants.S_IFREG)
  }

  isDirectory(): boolean {
    return this.#is(constants.S_IFDIR)
  }

  isSymbolicLink(): boolean {
    return this.#is(constants.S_IFLNK)
  }

  isFIFO(): boolean {
    return this.#is(constants.S_IFIFO)
  }

  isSocket(): boolean {
    return this.#is(constants.S_IFSOCK)
  }

  isCharacterDevice(): boolean {
    return this.#is(constants.S_IFCHR)
  }

  isBlockDevice(): boolean {
    return this.#is(constants.S_IFBLK)
  }

  #is(type: number): boolean {
    return (this.mode & constants.S_IFMT) === type
  }
}

const number = (at: number): number => scratch.readUInt32LE(at) + scratch.readUInt32LE(at + 4) * 2 ** 32

/** struct statx_timestamp: seconds, signed, and nanoseconds. */
const milliseconds = (at: number): number =>
  (scratch.readUInt32LE(at) + scratch.readInt32LE(at + 4) * 2 ** 32) * 1e3 + scratch.readUInt32LE(at + 8) / 1e6

/** makedev(3), of the major number and the minor. */
function device(at: number): number {
  const [major, minor] = [scratch.readUInt32LE(at), scratch.readUInt32LE(at + 4)]
  return (minor & 0xff) + ((major & 0xfff) << 8) + (minor & 0xfff00) * 2 ** 12
}

/** All that struct stat has. */
const STATX_BASIC_STATS = 0x7ff

/** lstat(2); undefined when there is nothing. */
export function statAt(dir: number, name: Name): FileStat | undefined {
  const path = terminated(name)
  const result = again(() => raw.statx(dir, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, scratch))
  if (result === 0) return new Statx()
  if (koffi.errno() !== koffi.os.errno.ENOENT && koffi.errno() !== koffi.os.errno.ENOTDIR) check('stat', name, result)
  return undefined
}

/** The names in an open directory, from where it was last read on. */
export function namesIn(fd: number): Buffer[] {
  const names: Buffer[] = []
  for (;;) {
    const length = check('read directory', '', raw.getdents(fd, scratch, scratch.length))
    if (length === 0) return names
    for (let at = 0; at < length; at += scratch.readUInt16LE(at + 16)) {
      const name = scratch.subarray(at + 19, scratch.indexOf(0, at + 19))
      if (!(name[0] === 0x2e && (name.length === 1 || (name.length === 2 && name[1] === 0x2e))))
        names.push(Buffer.from(name))
    }
  }
}

/** readlink(2). */
export function readlinkAt(dir: number, name: Name): Buffer {
  const length = check('read link', name, raw.readlinkat(dir, terminated(name), scratch, scratch.length))
  return Buffer.from(scratch.subarray(0, length))
}

/** unlink(2), or rmdir(2). */
export const unlinkAt = (dir: number, name: Name, kind: 'file' | 'directory'): void =>
  void check('remove', name, raw.unlinkat(dir, terminated(name), kind === 'directory' ? AT_REMOVEDIR : 0))

export const mkdirAt = (dir: number, name: Name, mode: number): void =>
  void check('make directory', name, raw.mkdirat(dir, terminated(name), mode))

export const symlinkAt = (target: Name, dir: number, name: Name): void =>
  void check('make link', name, raw.symlinkat(terminated(target), dir, terminated(name)))

/** A second name for a file; a link is not followed. */
export const linkAt = (from: number, path: Name, dir: number, name: Name): void =>
  void check('link', name, raw.linkat(from, terminated(path), dir, terminated(name), 0))

/** mknod(2). `mode` holds the type; `device` as st_rdev has it. */
export const mknodAt = (dir: number, name: Name, mode: number, device: bigint): void =>
  void check('make node', name, raw.mknodat(dir, terminated(name), mode, device))

/** lchown(2). */
export const chownAt = (dir: number, name: Name, uid: number, gid: number): void =>
  void check('change owner', name, raw.fchownat(dir, terminated(name), uid, gid, AT_SYMLINK_NOFOLLOW))

/** chmod(2): follows a link. */
export const chmodAt = (dir: number, name: Name, mode: number): void =>
  void check('change mode', name, raw.fchmodat(dir, terminated(name), mode, 0))

/** Sets access and modification time, in nanoseconds since the epoch, of what may be a link. */
export function utimesAt(dir: number, name: Name, nanoseconds: bigint): void {
  const times = Buffer.alloc(32)
  const rest = BigInt.asUintN(64, ((nanoseconds % billion) + billion) % billion)
  for (const at of [0, 16]) {
    times.writeBigInt64LE((nanoseconds - rest) / billion, at)
    times.writeBigInt64LE(rest, at + 8)
  }
  check('change times', name, raw.utimensat(dir, terminated(name), times, AT_SYMLINK_NOFOLLOW))
}

const billion = 1_000_000_000n

/** Extended attributes of an open file, by name; none on a file system without. */
export function xattrsIn(fd: number): [name: string, value: Buffer][] {
  const length = again(() => raw.flistxattr(fd, scratch, scratch.length))
  if (length < 0 && koffi.errno() !== koffi.os.errno.EOPNOTSUPP) check('list attributes', '', length)
  if (length <= 0) return []
  const names = scratch.toString('utf8', 0, length).split('\0').filter(Boolean).sort()
  return names.flatMap((name): [string, Buffer][] => {
    const value = xattrIn(fd, name)
    return value ? [[name, value]] : []
  })
}

/** One of them; undefined when the file does not have it. */
export function xattrIn(fd: number, name: string): Buffer | undefined {
  const length = again(() => raw.fgetxattr(fd, name, scratch, scratch.length))
  if (length >= 0) return Buffer.from(scratch.subarray(0, length))
  if (absent.has(koffi.errno())) return undefined
  check('read attribute', name, length)
  return undefined
}

const absent = new Set<number | undefined>([koffi.os.errno.ENODATA, koffi.os.errno.EOPNOTSUPP])

/** The magic number of an open file's file system, statfs(2). */
export function fileSystemTypeOf(fd: number): number {
  check('stat file system', '', raw.fstatfs(fd, scratch))
  return scratch.readUInt32LE(0)
}
