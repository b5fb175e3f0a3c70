import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  statfsSync,
  type Stats,
} from 'node:fs'
import { codeOf } from '../errors.js'
import { major, minor, typeOf } from '../images/pack.js'
import { plainCapability, type Owners } from '../images/owners.js'
import { getXattr, listXattrs } from '../images/syscalls.js'
import { encodeHeader, endOfArchive, padding } from '../images/tar-header.js'

const slash = Buffer.from('/')
const join = (directory: Buffer, name: Buffer): Buffer =>
  directory.at(-1) === slash[0] ? Buffer.concat([directory, name]) : Buffer.concat([directory, slash, name])

/** `f_type` of file systems that are the kernel's face, not a container's files: proc, sysfs, devpts, mqueue, cgroup. */
const kernelTypes = new Set([0x9fa0, 0x62656572, 0x1cd1, 0x19800202, 0x27e0eb, 0x63677270])

/** Whether a directory is one of the kernel's. */
export const isKernel = (directory: string | Buffer): boolean => kernelTypes.has(statfsSync(directory).type)

/** Nothing is there any more, or something else is: whoever lives in the tree does not wait for us. */
const hasMoved = (error: unknown): boolean => ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].includes(codeOf(error) ?? '')

/**
 * A file or directory of a tree that others may write to, as an archive; the file is called `name` there. Links are
 * told, never followed. Must run where the tree is the root: a path may become a link between two looks.
 * A chunk is valid until the next is asked for. Synchronous.
 */
export function* packTree(path: string, name: string, owners: Owners): Generator<Buffer> {
  yield* new TreePacker(owners).entry(Buffer.from(path), Buffer.from(name))
  yield endOfArchive
}

/** The same of everything in a directory, each under its own name. */
export function* packChildren(path: string, owners: Owners): Generator<Buffer> {
  yield* new TreePacker(owners).children(Buffer.from(path), Buffer.alloc(0))
  yield endOfArchive
}

class TreePacker {
  /** First name of each file that has several. */
  readonly #links = new Map<string, Buffer>()
  readonly #chunk = Buffer.allocUnsafe(1 << 18)
  readonly #owners: Owners

  constructor(owners: Owners) {
    this.#owners = owners
  }

  *children(path: Buffer, prefix: Buffer): Generator<Buffer> {
    for (const name of namesIn(path)) yield* this.entry(join(path, name), Buffer.concat([prefix, name]))
  }

  *entry(path: Buffer, name: Buffer): Generator<Buffer> {
    const stat = unlessMoved(() => lstatSync(path))
    const type = stat && typeOf(stat)
    if (!type) return
    if (type === 'file') yield* this.#file(path, name, stat)
    else if (type === 'directory') {
      const directory = name.at(-1) === slash[0] ? name : Buffer.concat([name, slash])
      yield encodeHeader({ ...this.#base(path, directory, stat), type, size: 0 })
      yield* this.children(path, directory)
    } else if (type === 'symlink') {
      const linkname = unlessMoved(() => readlinkSync(path, { encoding: 'buffer' }))
      if (linkname) yield encodeHeader({ ...this.#base(path, name, stat), mode: 0o777, type, size: 0, linkname })
    } else
      yield encodeHeader({
        ...this.#base(path, name, stat),
        type,
        size: 0,
        major: major(stat.rdev),
        minor: minor(stat.rdev),
      })
  }

  *#file(path: Buffer, name: Buffer, looked: Stats): Generator<Buffer> {
    const key = `${String(looked.dev)}:${String(looked.ino)}`
    const first = looked.nlink > 1 ? this.#links.get(key) : undefined
    if (first) {
      yield encodeHeader({ ...this.#base(path, name, looked), type: 'link', size: 0, linkname: first })
      return
    }
    // a fifo that took the file's place must not be waited for
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
    const fd = unlessMoved(() => openSync(path, flags))
    if (fd === undefined) return
    try {
      const stat = fstatSync(fd)
      if (!stat.isFile()) return
      if (stat.nlink > 1) this.#links.set(key, name)
      yield encodeHeader({ ...this.#base(path, name, stat), type: 'file', size: stat.size })
      yield* this.#content(fd, stat.size)
      yield padding(stat.size)
    } finally {
      closeSync(fd)
    }
  }

  #base(path: Buffer, name: Buffer, stat: Stats) {
    return {
      name,
      mode: stat.mode,
      uid: this.#owners.inside(stat.uid),
      gid: this.#owners.inside(stat.gid),
      mtime: Math.floor(stat.mtimeMs / 1000),
      xattrs: xattrsOf(path, stat),
    }
  }

  /** Exactly `size` bytes, for that is what the header says: zeros for what was cut off meanwhile. */
  *#content(fd: number, size: number): Generator<Buffer> {
    for (let left = size; left > 0;) {
      const wanted = Math.min(left, this.#chunk.length)
      const read = readSync(fd, this.#chunk, 0, wanted, null)
      if (read === 0) this.#chunk.fill(0, 0, wanted)
      const part = read === 0 ? wanted : read
      left -= part
      yield this.#chunk.subarray(0, part)
    }
  }
}

function namesIn(path: Buffer): Buffer[] {
  if (isKernel(path)) return []
  const names = unlessMoved(() => readdirSync(path, { encoding: 'buffer' })) ?? []
  return names.sort((a, b) => Buffer.compare(a, b))
}

function unlessMoved<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch (error) {
    if (hasMoved(error)) return undefined
    throw error
  }
}

function xattrsOf(path: Buffer, stat: Stats): [string, Buffer][] {
  if (!stat.isFile() && !stat.isDirectory()) return []
  const names = unlessMoved(() => listXattrs(path)) ?? []
  return names.flatMap((name): [string, Buffer][] => {
    const capability = name === 'security.capability'
    const value = capability || name.startsWith('user.') ? getXattr(path, name) : undefined
    return value ? [[name, capability ? plainCapability(value) : value]] : []
  })
}
