import { createHash } from 'node:crypto'
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync, type Stats } from 'node:fs'
import { EngineError } from '../errors.js'
import type { Digest } from '../records.js'
import { elevates } from './elevation.js'
import { getXattr, listXattrs } from './syscalls.js'
import { encodeHeader, endOfArchive, padding, type TarHeader } from './tar-header.js'
import { isOpaque, isWhiteout } from './tree.js'

/** What hashing a layer tells. */
export interface LayerSum {
  readonly diffId: Digest
  /** Bytes of its files. */
  readonly size: number
  /** Whether it has a program that may give its caller more than it has: see `elevates`. */
  readonly elevates: boolean
}

const chunkSize = 1 << 20

/** Ten seconds of reading nothing. One `truncate` makes a file that takes hours, on a thread that others wait for. */
const mostHoles = 16 * 2 ** 30

/**
 * A layer directory (overlayfs form) as the archive that OCI image-spec v1.1 layer.md describes: whiteouts as `.wh.`
 * entries, names in byte order, whole seconds. It is a function of the directory, so it can be made again at any time
 * and gives the same digest. A chunk is valid until the next is asked for.
 * @param fresh it is no layer yet @throws EngineError `invalid` for a fresh one that is mostly holes
 */
export function* packLayer(root: string, fresh = false): Generator<Buffer> {
  yield* new Packer({ fresh }).directory(Buffer.from(root), Buffer.alloc(0))
  yield endOfArchive
}

/** Bytes of the layer's archive, told without reading its files. Synchronous. */
export function packedLength(root: string): number {
  const packer = new Packer({ contents: false })
  let length = endOfArchive.length
  for (const chunk of packer.directory(Buffer.from(root), Buffer.alloc(0))) length += chunk.length
  return length + packer.size
}

/**
 * The digest of the layer's archive, and how much it holds. Synchronous: for the porter's thread.
 * @throws EngineError `invalid` when it is mostly holes
 */
export function sumLayer(root: string): LayerSum {
  const hash = createHash('sha256')
  const packer = new Packer({ fresh: true })
  for (const chunk of packer.directory(Buffer.from(root), Buffer.alloc(0))) hash.update(chunk)
  hash.update(endOfArchive)
  return { diffId: `sha256:${hash.digest('hex')}`, size: packer.size, elevates: packer.elevates }
}

class Packer {
  size = 0
  elevates = false
  /** First name of each file that has several. */
  readonly #links = new Map<string, Buffer>()
  readonly #chunk = Buffer.allocUnsafe(chunkSize)
  readonly #contents: boolean
  /** Bytes of its files that may yet be where nothing was written. */
  #holes: number

  /** @param contents false: what the files hold is left out, but for the padding */
  constructor({ contents = true, fresh = false }: { contents?: boolean; fresh?: boolean }) {
    this.#contents = contents
    this.#holes = fresh ? mostHoles : Infinity
  }

  *directory(place: Buffer, prefix: Buffer): Generator<Buffer> {
    const names = readdirSync(place, { encoding: 'buffer' }).sort((a, b) => Buffer.compare(a, b))
    for (const name of names) {
      const path = Buffer.concat([place, Buffer.from('/'), name])
      yield* this.#entry(path, Buffer.concat([prefix, name]), lstatSync(path))
    }
  }

  *#entry(path: Buffer, name: Buffer, stat: Stats): Generator<Buffer> {
    const type = typeOf(stat)
    if (!type) return // a socket: archives have no word for it
    if (isWhiteout(stat)) {
      yield encodeHeader(marker(whiteoutName(name)))
      return
    }
    const base = { name, type, mode: stat.mode, uid: stat.uid, gid: stat.gid, mtime: Math.floor(stat.mtimeMs / 1000) }
    if (type === 'directory') {
      const directory = Buffer.concat([name, Buffer.from('/')])
      yield encodeHeader({ ...base, name: directory, size: 0, xattrs: xattrsOf(path) })
      if (isOpaque(path)) yield encodeHeader(marker(Buffer.concat([directory, Buffer.from('.wh..wh..opq')])))
      yield* this.directory(path, directory)
      return
    }
    if (type === 'symlink') {
      yield encodeHeader({ ...base, mode: 0o777, size: 0, linkname: readlinkSync(path, { encoding: 'buffer' }) })
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
    if (type === 'file') yield* this.#file(path, { ...base, size: stat.size, xattrs: xattrsOf(path) })
    else yield encodeHeader({ ...base, size: 0, major: major(stat.rdev), minor: minor(stat.rdev) })
  }

  *#file(path: Buffer, header: TarHeader): Generator<Buffer> {
    yield encodeHeader(header)
    this.size += header.size
    this.elevates ||= elevates(header.mode, header.xattrs ?? [])
    if (header.size === 0) return
    if (this.#contents) yield* this.#content(path, header.size)
    yield padding(header.size)
  }

  *#content(path: Buffer, size: number): Generator<Buffer> {
    const fd = openSync(path, 'r')
    try {
      for (let left = size; left > 0;) {
        const read = readSync(fd, this.#chunk, 0, Math.min(left, chunkSize), null)
        if (read === 0) throw new EngineError('broken', `"${path.toString()}" became shorter while it was read`)
        left -= read
        yield this.#chunk.subarray(0, read)
      }
    } finally {
      closeSync(fd)
    }
  }
}

/** What an archive calls a file; undefined for a socket, which it has no word for. */
export function typeOf(stat: Stats): TarHeader['type'] | undefined {
  if (stat.isFile()) return 'file'
  if (stat.isDirectory()) return 'directory'
  if (stat.isSymbolicLink()) return 'symlink'
  if (stat.isCharacterDevice()) return 'character'
  if (stat.isBlockDevice()) return 'block'
  return stat.isFIFO() ? 'fifo' : undefined
}

/** Attributes that travel with a layer: overlayfs's own bookkeeping (origin, impure, uuid) does not. */
function xattrsOf(path: Buffer): [string, Buffer][] {
  return listXattrs(path).flatMap((name): [string, Buffer][] => {
    if (name === 'trusted.overlay.redirect' || name === 'trusted.overlay.metacopy')
      throw new EngineError(
        'broken',
        `"${path.toString()}" has ${name}: layers must be made with redirect_dir and metacopy off`,
      )
    if (name !== 'security.capability' && !name.startsWith('user.')) return []
    const value = getXattr(path, name)
    return value ? [[name, value]] : []
  })
}

function whiteoutName(name: Buffer): Buffer {
  const slash = name.lastIndexOf(0x2f) + 1
  return Buffer.concat([name.subarray(0, slash), Buffer.from('.wh.'), name.subarray(slash)])
}

const marker = (name: Buffer): TarHeader => ({ name, type: 'file', mode: 0, uid: 0, gid: 0, size: 0, mtime: 0 })

/** makedev(3), as glibc packs it; images have no device beyond 32 bits. */
export const major = (device: number): number => (device >>> 8) & 0xfff
export const minor = (device: number): number => (device & 0xff) | ((device >>> 12) & 0xfff00)
