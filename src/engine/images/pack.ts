import { createHash } from 'node:crypto'
import { readSync } from 'node:fs'
import { EngineError } from '../errors.js'
import type { Digest } from '../records.js'
import { isPrivileged } from './privileged.js'
import { closeDescriptor } from '../kernel/libc.js'
import { type FileStat, openAt, openDirectoryAt, readlinkAt, xattrsIn } from '../kernel/at.js'
import { type WalkStep, walk } from '../system/walk.js'
import { noFollow } from './stamp.js'
import { encodeHeader, endOfArchive, padding, type TarHeader } from '../oci/tar-header.js'
import { isOpaqueIn, isWhiteout } from './tree.js'

/** What hashing a layer tells. */
export interface LayerSum {
  readonly diffId: Digest
  /** Bytes of its files. */
  readonly size: number
  /** Whether it has a program that may give its caller more than it has: see `isPrivileged`. */
  readonly hasPrivilegedFiles: boolean
}

const chunkSize = 1 << 20

/** Ten seconds of reading nothing. One `truncate` makes a file that takes hours, on a thread that others wait for. */
const mostHoles = 16 * 2 ** 30

/** Some ten seconds of headers. Each directory's path holds those of all above it: 100,000 in each other make 10 GB. */
const mostPaths = 4 * 2 ** 30

/** What no path of a layer's usual files comes near, in bytes. */
const longPath = 4096

/**
 * A layer directory (overlayfs form) as the archive that OCI image-spec v1.1 layer.md describes: whiteouts as `.wh.`
 * entries, names in byte order, whole seconds. It is a function of the directory, so it can be made again at any time
 * and gives the same digest. A chunk is valid until the next is asked for.
 * @param fresh it is no layer yet @throws EngineError `invalid` for a fresh one that is mostly holes
 */
export function* packLayer(root: string, fresh = false): Generator<Buffer> {
  yield* new Packer({ fresh }).directory(root)
  yield endOfArchive
}

/** Bytes of the layer's archive, told without reading its files. Synchronous. */
export function packedLength(root: string): number {
  const packer = new Packer({ contents: false })
  let length = endOfArchive.length
  for (const chunk of packer.directory(root)) length += chunk.length
  return length + packer.size
}

/**
 * The digest of the layer's archive, and how much it holds. Synchronous: for a worker thread.
 * @throws EngineError `invalid` when it is mostly holes
 */
export function sumLayer(root: string): LayerSum {
  const hash = createHash('sha256')
  const packer = new Packer({ fresh: true })
  for (const chunk of packer.directory(root)) hash.update(chunk)
  hash.update(endOfArchive)
  return { diffId: `sha256:${hash.digest('hex')}`, size: packer.size, hasPrivilegedFiles: packer.hasPrivilegedFiles }
}

class Packer {
  size = 0
  hasPrivilegedFiles = false
  /** First name of each file that has several. */
  readonly #links = new Map<string, Buffer>()
  readonly #chunk = Buffer.allocUnsafe(chunkSize)
  readonly #contents: boolean
  /** Bytes of its files that may yet be where nothing was written. */
  #holes: number
  /** Bytes of long paths that may yet come. */
  #paths: number

  /** @param contents false: what the files hold is left out, but for the padding */
  constructor({ contents = true, fresh = false }: { contents?: boolean; fresh?: boolean }) {
    this.#contents = contents
    this.#holes = fresh ? mostHoles : Infinity
    this.#paths = fresh ? mostPaths : Infinity
  }

  *directory(root: string): Generator<Buffer> {
    for (const step of walk(root)) if (step.kind === 'met') yield* this.#entry(step)
  }

  *#entry({ dir, name: last, path, stat }: WalkStep): Generator<Buffer> {
    const type = typeOf(stat)
    if (!type) return // a socket: archives have no word for it
    if (path.length > longPath && (this.#paths -= path.length) < 0)
      throw new EngineError('invalid', 'its directories lie too deep in each other: their paths alone are over 4 GiB')
    const name = Buffer.from(path)
    if (isWhiteout(stat)) {
      yield encodeHeader(marker(whiteoutName(name)))
      return
    }
    const base = { name, type, mode: stat.mode, uid: stat.uid, gid: stat.gid, mtime: Math.floor(stat.mtimeMs / 1000) }
    if (type === 'directory') {
      const directory = Buffer.concat([name, Buffer.from('/')])
      const [xattrs, opaque] = opened(dir, last, (fd) => [travelling(xattrsIn(fd), name), isOpaqueIn(fd)] as const)
      yield encodeHeader({ ...base, name: directory, size: 0, xattrs })
      if (opaque) yield encodeHeader(marker(Buffer.concat([directory, Buffer.from('.wh..wh..opq')])))
      return
    }
    if (type === 'symlink') {
      yield encodeHeader({ ...base, mode: 0o777, size: 0, linkname: readlinkAt(dir, last) })
      return
    }
    const key = `${String(stat.dev)}:${String(stat.ino)}`
    const first = stat.nlink > 1 ? this.#links.get(key) : undefined
    if (first) {
      yield encodeHeader({ ...base, type: 'link', size: 0, linkname: first })
      return
    }
    if (stat.nlink > 1) this.#links.set(key, name)
    if (type === 'file' && (this.#holes -= Math.max(0, stat.size - stat.blocks * 512)) < 0)
      throw new EngineError('invalid', `"/${name.toString()}" is ${stat.size} bytes long, most of it holes: too many`)
    if (type === 'file') yield* this.#file(openAt(dir, last, noFollow), { ...base, size: stat.size })
    else yield encodeHeader({ ...base, size: 0, major: major(stat.rdev), minor: minor(stat.rdev) })
  }

  /** Closes the file. */
  *#file(fd: number, header: TarHeader): Generator<Buffer> {
    try {
      const xattrs = travelling(xattrsIn(fd), header.name)
      yield encodeHeader({ ...header, xattrs })
      this.size += header.size
      this.hasPrivilegedFiles ||= isPrivileged(header.mode, xattrs)
      if (header.size === 0) return
      if (this.#contents) yield* this.#content(fd, header)
      yield padding(header.size)
    } finally {
      closeDescriptor(fd)
    }
  }

  *#content(fd: number, { name, size }: TarHeader): Generator<Buffer> {
    for (let left = size; left > 0;) {
      const read = readSync(fd, this.#chunk, 0, Math.min(left, chunkSize), null)
      if (read === 0) throw new EngineError('broken', `"/${name.toString()}" became shorter while it was read`)
      left -= read
      yield this.#chunk.subarray(0, read)
    }
  }
}

function opened<T>(dir: number, name: Buffer, use: (fd: number) => T): T {
  const fd = openDirectoryAt(dir, name)
  try {
    return use(fd)
  } finally {
    closeDescriptor(fd)
  }
}

/** What an archive calls a file; undefined for a socket, which it has no word for. */
export function typeOf(stat: FileStat): TarHeader['type'] | undefined {
  if (stat.isFile()) return 'file'
  if (stat.isDirectory()) return 'directory'
  if (stat.isSymbolicLink()) return 'symlink'
  if (stat.isCharacterDevice()) return 'character'
  if (stat.isBlockDevice()) return 'block'
  return stat.isFIFO() ? 'fifo' : undefined
}

/** Attributes that travel with a layer: overlayfs's own bookkeeping (origin, impure, uuid) does not. */
function travelling(xattrs: readonly [string, Buffer][], path: Buffer): [string, Buffer][] {
  const kept = xattrs.find(([name]) => name === 'trusted.overlay.redirect' || name === 'trusted.overlay.metacopy')
  if (kept)
    throw new EngineError(
      'broken',
      `"/${path.toString()}" has ${kept[0]}: layers must be made with redirect_dir and metacopy off`,
    )
  return xattrs.filter(([name]) => name === 'security.capability' || name.startsWith('user.'))
}

function whiteoutName(name: Buffer): Buffer {
  const slash = name.lastIndexOf(0x2f) + 1
  return Buffer.concat([name.subarray(0, slash), Buffer.from('.wh.'), name.subarray(slash)])
}

const marker = (name: Buffer): TarHeader => ({ name, type: 'file', mode: 0, uid: 0, gid: 0, size: 0, mtime: 0 })

/** makedev(3), as glibc packs it; images have no device beyond 32 bits. */
export const major = (device: number): number => (device >>> 8) & 0xfff
export const minor = (device: number): number => (device & 0xff) | ((device >>> 12) & 0xfff00)
