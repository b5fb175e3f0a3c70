import { fstatSync, readSync, statfsSync } from 'node:fs'
import { codeOf } from '../errors.js'
import { openDirectory } from '../images/files.js'
import { major, minor, typeOf } from '../images/pack.js'
import { plainCapability, type Owners } from '../images/owners.js'
import { noFollow } from '../images/stamp.js'
import { encodeHeader, endOfArchive, padding } from '../oci/tar-header.js'
import { closeDescriptor } from '../kernel/libc.js'
import {
  type FileStat,
  fileSystemTypeOf,
  type Name,
  openAt,
  openDirectoryAt,
  readlinkAt,
  statAt,
  xattrsIn,
} from '../kernel/at.js'
import { walk } from '../system/walk.js'

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
  const packer = new TreePacker(owners)
  const directory = unlessMoved(() => openDirectory(path.slice(0, path.lastIndexOf('/') + 1)))
  if (directory !== undefined)
    try {
      yield* packer.top(directory, path.slice(path.lastIndexOf('/') + 1) || '.', Buffer.from(name))
    } finally {
      closeDescriptor(directory)
    }
  yield endOfArchive
}

/** The same of everything in a directory, each under its own name. */
export function* packChildren(path: string, owners: Owners): Generator<Buffer> {
  yield* new TreePacker(owners).below(path, '')
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

  /** @param called the name in the archive */
  *top(dir: number, name: string, called: Buffer): Generator<Buffer> {
    const stat = statAt(dir, name)
    if (!stat) return
    yield* this.#entry(dir, name, called, stat)
    const fd = stat.isDirectory() ? unlessMoved(() => openDirectoryAt(dir, name)) : undefined
    if (fd === undefined) return
    try {
      if (!kernelTypes.has(fileSystemTypeOf(fd))) yield* this.below(fd, called.toString('latin1').replace(/\/*$/, '/'))
    } finally {
      closeDescriptor(fd)
    }
  }

  /** @param prefix of the names, its bytes as characters */
  *below(directory: string | number, prefix: string): Generator<Buffer> {
    const before = Buffer.from(prefix, 'latin1')
    for (const step of walk(directory)) {
      if (step.kind === 'left') continue
      const { dir, name, path, stat } = step
      yield* this.#entry(dir, name, Buffer.concat([before, path]), stat)
      if (stat.isDirectory()) step.enter = !isKernelAt(dir, name)
    }
  }

  *#entry(dir: number, at: Name, name: Buffer, stat: FileStat): Generator<Buffer> {
    const type = typeOf(stat)
    if (!type) return
    const base = this.#base(name, stat)
    if (type === 'file') yield* this.#file(dir, at, name, stat)
    else if (type === 'directory') {
      const directory = name.at(-1) === 0x2f ? name : Buffer.concat([name, Buffer.from('/')])
      const fd = unlessMoved(() => openDirectoryAt(dir, at))
      const xattrs = fd === undefined ? [] : travelling(fd)
      if (fd !== undefined) closeDescriptor(fd)
      yield encodeHeader({ ...base, name: directory, type, size: 0, xattrs })
    } else if (type === 'symlink') {
      const linkname = unlessMoved(() => readlinkAt(dir, at))
      if (linkname) yield encodeHeader({ ...base, mode: 0o777, type, size: 0, linkname })
    } else yield encodeHeader({ ...base, type, size: 0, major: major(stat.rdev), minor: minor(stat.rdev) })
  }

  *#file(dir: number, at: Name, name: Buffer, looked: FileStat): Generator<Buffer> {
    const key = `${String(looked.dev)}:${String(looked.ino)}`
    const first = looked.nlink > 1 ? this.#links.get(key) : undefined
    if (first) {
      const fd = unlessMoved(() => openAt(dir, at, noFollow))
      const xattrs = fd === undefined ? [] : travelling(fd)
      if (fd !== undefined) closeDescriptor(fd)
      yield encodeHeader({ ...this.#base(name, looked), type: 'link', size: 0, linkname: first, xattrs })
      return
    }
    // a fifo that took the file's place must not be waited for
    const fd = unlessMoved(() => openAt(dir, at, noFollow))
    if (fd === undefined) return
    try {
      const stat = fstatSync(fd)
      if (!stat.isFile()) return
      if (stat.nlink > 1) this.#links.set(key, name)
      yield encodeHeader({ ...this.#base(name, stat), type: 'file', size: stat.size, xattrs: travelling(fd) })
      yield* this.#content(fd, stat.size)
      yield padding(stat.size)
    } finally {
      closeDescriptor(fd)
    }
  }

  #base(name: Buffer, stat: FileStat) {
    return {
      name,
      mode: stat.mode,
      uid: this.#owners.inside(stat.uid),
      gid: this.#owners.inside(stat.gid),
      mtime: Math.floor(stat.mtimeMs / 1000),
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

function isKernelAt(dir: number, name: Name): boolean {
  const fd = unlessMoved(() => openDirectoryAt(dir, name))
  if (fd === undefined) return true
  try {
    return kernelTypes.has(fileSystemTypeOf(fd))
  } finally {
    closeDescriptor(fd)
  }
}

function unlessMoved<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch (error) {
    if (hasMoved(error)) return undefined
    throw error
  }
}

const travelling = (fd: number): [string, Buffer][] =>
  xattrsIn(fd).flatMap(([name, value]): [string, Buffer][] => {
    if (name === 'security.capability') return [[name, plainCapability(value)]]
    return name.startsWith('user.') ? [[name, value]] : []
  })
