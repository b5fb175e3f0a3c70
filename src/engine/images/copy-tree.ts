import { constants, fchmodSync, fchownSync, fstatSync } from 'node:fs'
import { codeOf, EngineError } from '../errors.js'
import { closeDescriptor } from '../kernel/libc.js'
import {
  chmodAt,
  type FileStat,
  chownAt,
  linkAt,
  mkdirAt,
  mknodAt,
  type Name,
  nowhere,
  openAt,
  openDirectoryAt,
  readlinkAt,
  symlinkAt,
  utimesAt,
  xattrsIn,
} from '../kernel/at.js'
import { type WalkStep, walk } from '../system/walk.js'
import { copyContent } from '../kernel/copy-content.js'
import { noFollow } from './stamp.js'
import { setXattr } from '../kernel/file-calls.js'

export interface CopyTree {
  /** A directory. */
  readonly from: string
  /** An empty directory: it is given the owner, mode and times of the other, unless `asArchive`. */
  readonly to: string
  /** Extended attributes to keep, by name. */
  readonly keeps?: (name: string) => boolean
  /** Leave out what an archive of a layer does: sockets, and what the directory itself is. */
  readonly asArchive?: boolean
}

/** Descriptors held at once of the directories that are written. */
const mostOpen = 32

/**
 * Copies everything below a directory as `cp --archive` does, however deep: owners, modes, times, extended attributes,
 * hard links and holes are kept, names need not be UTF-8. What vanishes meanwhile is left out. Synchronous: for threads.
 */
export function copyTree(task: CopyTree): void {
  const { from, to, asArchive = false, keeps = () => true } = task
  const way = new Way(openDirectoryAt(nowhere, to))
  /** First path of each file that has several. */
  const links = new Map<string, Buffer>()
  const source = openDirectoryAt(nowhere, from.endsWith('/.') ? from : `${from}/.`)
  try {
    for (const step of walk(source)) {
      const { kind, dir, name, stat } = step
      if (kind === 'left') {
        way.up()
        utimesAt(way.fd, name, nanoseconds(stat))
      } else if (stat.isDirectory()) {
        mkdirAt(way.fd, name, 0o700)
        setAttributes(way.fd, name, stat)
        way.down(name)
        const below = unlessGone(() => openDirectoryAt(dir, name))
        if (below === undefined) step.enter = false
        else closing(below, (fd) => copyXattrs(fd, way.fd, keeps))
        if (!step.enter) way.up()
      } else if (!(asArchive && stat.isSocket())) copyOther(step, way, links, keeps)
    }
    if (asArchive) return
    const [target, stat] = [way.fd, fstatSync(source)]
    copyXattrs(source, target, keeps)
    fchownSync(target, stat.uid, stat.gid)
    fchmodSync(target, stat.mode & 0o7777)
    utimesAt(nowhere, to, nanoseconds(stat))
  } finally {
    closeDescriptor(source)
    way.close()
  }
}

function copyOther(
  { dir, name, path, stat }: WalkStep,
  way: Way,
  links: Map<string, Buffer>,
  keeps: (name: string) => boolean,
): void {
  const identity = `${String(stat.dev)}:${String(stat.ino)}`
  const first = stat.nlink > 1 ? links.get(identity) : undefined
  if (first) {
    way.link(first, name)
    return
  }
  if (stat.isFile()) {
    const from = unlessGone(() => openAt(dir, name, noFollow))
    if (from === undefined) return
    closing(from, () => {
      const to = openAt(way.fd, name, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
      closing(to, () => {
        copyContent(from, to)
        fchownSync(to, stat.uid, stat.gid)
        fchmodSync(to, stat.mode & 0o7777)
        copyXattrs(from, to, keeps)
      })
    })
  } else if (stat.isSymbolicLink()) {
    const target = unlessGone(() => readlinkAt(dir, name))
    if (target === undefined) return
    symlinkAt(target, way.fd, name)
    chownAt(way.fd, name, stat.uid, stat.gid)
  } else {
    mknodAt(way.fd, name, stat.mode, BigInt(stat.rdev))
    setAttributes(way.fd, name, stat)
  }
  utimesAt(way.fd, name, nanoseconds(stat))
  if (stat.nlink > 1) links.set(identity, Buffer.from(path))
}

function setAttributes(dir: number, name: Name, { uid, gid, mode }: FileStat): void {
  chownAt(dir, name, uid, gid)
  chmodAt(dir, name, mode & 0o7777)
}

/** What the other file system has no room for is left out, as cp does. */
function copyXattrs(from: number, to: number, keeps: (name: string) => boolean): void {
  for (const [name, value] of xattrsIn(from)) {
    if (!keeps(name)) continue
    try {
      setXattr(to, name, value)
    } catch (error) {
      if (codeOf(error) !== 'EOPNOTSUPP') throw error
    }
  }
}

/** To the microsecond, which is what a number holds. */
const nanoseconds = ({ mtimeMs }: FileStat): bigint => BigInt(Math.round(mtimeMs * 1000)) * 1000n

function closing<T>(fd: number, use: (fd: number) => T): T {
  try {
    return use(fd)
  } finally {
    closeDescriptor(fd)
  }
}

function unlessGone<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EINVAL', 'ENXIO'].includes(codeOf(error) ?? '')) return undefined
    throw error
  }
}

/** Where in a tree that only we write to we are: down by a name, up by `..`. */
class Way {
  readonly #open: (number | undefined)[]

  constructor(top: number) {
    this.#open = [top]
  }

  /** Of the directory that is written to. */
  get fd(): number {
    const fd = this.#open.at(-1)
    if (fd === undefined) throw new EngineError('broken', 'there is no directory to copy to')
    return fd
  }

  down(name: Buffer): void {
    this.#open.push(openDirectoryAt(this.fd, name))
    const far = this.#open.length - mostOpen
    const fd = far > 0 ? this.#open[far] : undefined
    if (fd === undefined) return
    closeDescriptor(fd)
    this.#open[far] = undefined
  }

  up(): void {
    const from = this.fd
    this.#open.pop()
    const last = this.#open.length - 1
    this.#open[last] ??= openDirectoryAt(from, '..')
    closeDescriptor(from)
  }

  /** A second name, here, for a file of a path below the top. */
  link(path: Buffer, name: Buffer): void {
    const top = this.#open[0]
    if (top === undefined) throw new EngineError('broken', 'there is no directory to copy to')
    let dir = top
    try {
      const names = path.toString('latin1').split('/')
      const last = names.pop() ?? ''
      for (const one of names) {
        const next = openDirectoryAt(dir, Buffer.from(one, 'latin1'))
        if (dir !== top) closeDescriptor(dir)
        dir = next
      }
      linkAt(dir, Buffer.from(last, 'latin1'), this.fd, name)
    } finally {
      if (dir !== top) closeDescriptor(dir)
    }
  }

  close(): void {
    for (const fd of this.#open) if (fd !== undefined) closeDescriptor(fd)
  }
}
