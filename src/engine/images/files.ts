import {
  chmodSync,
  constants,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs'
import { codeOf } from '../errors.js'
import { closeDescriptor } from '../kernel/libc.js'
import {
  type FileStat,
  rawName,
  chmodAt,
  chownAt,
  linkAt,
  mkdirAt,
  mknodAt,
  namesIn,
  nowhere,
  openAt,
  openDirectoryAt,
  readlinkAt,
  statAt,
  symlinkAt,
  textOf,
  unlinkAt,
  utimesAt,
  xattrIn,
  xattrsIn,
} from '../kernel/at.js'
import { walk } from '../system/walk.js'
import { copyContent } from '../kernel/copy-content.js'
import { getXattr, setXattr } from '../kernel/file-calls.js'

/**
 * What node:fs does, with paths of any length: the kernel takes none that is longer than PATH_MAX, and a container or a
 * build can make trees that are deeper. Such a path is taken in parts, by descriptors of directories on its way, a few of
 * which are kept for the next. Synchronous: for threads, which are to `letGo` of them between two jobs.
 */

/** Characters of a path that are taken at once: PATH_MAX is 4096 bytes, three of which are a character at most. */
const part = 1000
const kept = 8

const O_PATH = 0o10000000
/** For a file that may have been swapped: a link is not followed, and a fifo does not hold us up. */
const noFollow = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
const reached: { readonly path: string; readonly fd: number }[] = []

const isLong = (path: string): boolean => path.length > part

/** Whether there are names on the way that are no UTF-8. */
const isOdd = (path: string): boolean => typeof rawName(path) !== 'string'

/** Does something with a path by way of a directory that is near enough. */
function at<T>(path: string, use: (dir: number, rest: string) => T): T {
  if (!isLong(path)) return use(nowhere, path)
  const known = reached.findIndex((one) => path.startsWith(one.path))
  let { path: way, fd } = reached[known] ?? { path: '', fd: nowhere }
  if (known > 0) reached.unshift(...reached.splice(known, 1))
  while (path.length - way.length > part) {
    const cut = path.lastIndexOf('/', way.length + part) + 1
    if (cut <= way.length) break
    fd = openAt(fd, path.slice(way.length, cut), O_PATH | constants.O_DIRECTORY)
    way = path.slice(0, cut)
    reached.unshift({ path: way, fd })
    for (const { fd: far } of reached.splice(kept)) closeDescriptor(far)
  }
  return use(fd, path.slice(way.length))
}

/** Closes what is kept open. To be called, too, when a directory goes that may be on the way. */
export function letGo(): void {
  for (const { fd } of reached.splice(0)) closeDescriptor(fd)
}

/** Undefined when there is nothing. */
export function lstat(path: string): FileStat | undefined {
  if (!isLong(path)) return lstatSync(rawName(path), { throwIfNoEntry: false })
  try {
    return at(path, statAt)
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined
    throw error
  }
}

function namesAt(path: string): string[] {
  const names = readdirSync(rawName(path))
  if (!names.some((name) => name.includes('\ufffd'))) return names
  return readdirSync(rawName(path), { encoding: 'buffer' }).map(textOf)
}

export const readdir = (path: string): string[] =>
  isLong(path) ? within(openDirectory(path), (fd) => namesIn(fd).map(textOf)) : namesAt(path)

export const readlink = (path: string): string =>
  isLong(path) ? textOf(at(path, readlinkAt)) : textOf(readlinkSync(rawName(path), { encoding: 'buffer' }))

export function mkdir(path: string): void {
  if (isLong(path)) at(path, (dir, rest) => mkdirAt(dir, rest, 0o777))
  else mkdirSync(rawName(path))
}

/** open(2). The caller closes it, by `closeDescriptor`. */
export const open = (path: string, flags: number, mode = 0): number =>
  at(path, (dir, rest) => openAt(dir, rest, flags, mode))

/** A directory, to be read. The caller closes it, by `closeDescriptor`. */
export const openDirectory = (path: string): number => at(path, openDirectoryAt)

export const chmod = (path: string, mode: number): void =>
  isLong(path) ? at(path, (dir, rest) => chmodAt(dir, rest, mode)) : chmodSync(rawName(path), mode)

export const lchown = (path: string, uid: number, gid: number): void =>
  isLong(path) ? at(path, (dir, rest) => chownAt(dir, rest, uid, gid)) : lchownSync(rawName(path), uid, gid)

/** Sets both times, in seconds since the epoch. */
export const lutimes = (path: string, time: number): void =>
  isLong(path)
    ? at(path, (dir, rest) => utimesAt(dir, rest, BigInt(Math.round(time * 1e6)) * 1000n))
    : lutimesSync(rawName(path), time, time)

export const symlink = (target: string, path: string): void =>
  isLong(path) ? at(path, (dir, rest) => symlinkAt(target, dir, rest)) : symlinkSync(rawName(target), rawName(path))

export const link = (from: string, path: string): void =>
  isLong(from) || isLong(path)
    ? at(from, (dir, rest) => at(path, (toDir, name) => linkAt(dir, rest, toDir, name)))
    : linkSync(rawName(from), rawName(path))

/** @param mode with the type */
export const mknod = (path: string, mode: number, major = 0, minor = 0): void =>
  at(path, (dir, rest) => mknodAt(dir, rest, mode, deviceOf(major, minor)))

/** makedev(3). */
const deviceOf = (major: number, minor: number): bigint => {
  const low = (minor & 0xff) | ((major & 0xfff) << 8)
  return (BigInt(major >>> 12) << 44n) | (BigInt(minor >>> 8) << 20n) | BigInt(low)
}

/** Removes a file or a link. */
export function unlink(path: string): void {
  letGo()
  if (isLong(path)) at(path, (dir, rest) => unlinkAt(dir, rest, 'file'))
  else unlinkSync(rawName(path))
}

/** Removes whatever is there. */
export function remove(path: string): void {
  letGo()
  const stat = lstat(path)
  if (!stat) return
  if (!stat.isDirectory()) {
    unlink(path)
    return
  }
  within(openDirectory(path), (top) => {
    for (const { kind, dir, name, stat: found } of walk(top))
      if (kind === 'left') unlinkAt(dir, name, 'directory')
      else if (!found.isDirectory()) unlinkAt(dir, name, 'file')
  })
  at(path, (dir, rest) => unlinkAt(dir, rest, 'directory'))
}

/** Copies a regular file to where there is none, holes and attributes that travel with it included. */
export function copyFile(from: string, to: string): void {
  within(open(from, constants.O_RDONLY), (source) =>
    within(open(to, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600), (target) =>
      copyContent(source, target),
    ),
  )
}

/** Attributes of a file or a directory that go with it where it is copied to. */
export const travellingXattrs = (path: string): [name: string, value: Buffer][] =>
  within(open(path, noFollow), (fd) =>
    xattrsIn(fd).filter(([name]) => name === 'security.capability' || name.startsWith('user.')),
  )

/** An attribute of a directory; undefined when it has none of this name. */
export const xattr = (directory: string, name: string): Buffer | undefined =>
  isLong(directory) || isOdd(directory)
    ? within(openDirectory(directory), (fd) => xattrIn(fd, name))
    : getXattr(directory, name)

/** The same of a regular file. */
export const fileXattr = (file: string, name: string): Buffer | undefined =>
  isLong(file) || isOdd(file) ? within(open(file, noFollow), (fd) => xattrIn(fd, name)) : getXattr(file, name)

/** Gives a file or a directory one. */
export const addXattr = (path: string, name: string, value: Buffer): void =>
  isLong(path) || isOdd(path)
    ? within(open(path, noFollow), (fd) => setXattr(fd, name, value))
    : setXattr(path, name, value)

function within<T>(fd: number, use: (fd: number) => T): T {
  try {
    return use(fd)
  } finally {
    closeDescriptor(fd)
  }
}
