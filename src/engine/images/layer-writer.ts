import { constants, fchmodSync, fchownSync, futimesSync } from 'node:fs'
import { dirname } from 'node:path'
import { codeOf, EngineError } from '../errors.js'
import { closeDescriptor } from '../kernel/libc.js'
import * as files from './files.js'
import { identityOwners, type Owners } from './owners.js'
import type { Xattrs } from './privileged.js'
import { withUnchanged } from './stamp.js'
import { setXattr } from '../kernel/file-calls.js'
import { type TreeEntry, isWhiteout, lstatOr, resolveIn, type Resolved, LayerTree } from './tree.js'

/** What a new file is given. Times in seconds since the epoch. */
export interface Attributes {
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: number
}

const S_IFCHR = 0o020000

/**
 * Writes changes over a stack of layers into a fresh directory, in overlayfs form and without mounting anything:
 * links in the layers are followed inside the stack only, directories that exist below are copied up with their
 * owner and mode. Synchronous: for a worker thread. Call `close` last: it sets the directories' times.
 */
export class LayerWriter {
  readonly #upper: string
  readonly #owners: Owners
  readonly #lower: LayerTree | undefined
  /** Directories made here that hide what lies below them. */
  readonly #opaque = new Set<string>()
  readonly #times = new Map<string, number>()
  readonly #resolved = new Map<string, string>()

  /** @param owners of what is written: the ids of the one who writes, or those of a user namespace */
  constructor(upper: string, lowers: readonly string[], owners: Owners = identityOwners) {
    this.#upper = upper
    this.#owners = owners
    this.#lower = lowers.length > 0 ? new LayerTree(lowers) : undefined
  }

  /** The place of a canonical path in the upper directory. */
  place(path: string): string {
    return this.#upper + path
  }

  /** The entry at a canonical path, seen through everything written so far. */
  at(path: string): TreeEntry | undefined {
    const place = this.place(path)
    const here = lstatOr(place)
    if (here) {
      if (isWhiteout(here)) return undefined
      if (!here.isDirectory()) return { stat: here, paths: [place] }
      const below = this.#below(path)
      return { stat: here, paths: below?.stat.isDirectory() ? [place, ...below.paths] : [place] }
    }
    const parent = path === '/' ? undefined : (lstatOr(dirname(place)) ?? this.at(dirname(path))?.stat)
    return path === '/' || parent?.isDirectory() ? this.#below(path) : undefined
  }

  resolve(path: string, followLast: boolean): Resolved {
    // what lies in a directory that is known need not be followed from the root: a tree may be deep
    const slash = path.lastIndexOf('/')
    const [parent, name] = [path.slice(0, slash), path.slice(slash + 1)]
    if (this.#resolved.get(parent) === parent && name !== '' && name !== '.' && name !== '..') {
      const entry = this.at(path)
      if (!followLast || !entry?.stat.isSymbolicLink()) return { path, entry }
    }
    return resolveIn((canonical) => this.at(canonical), path, followLast)
  }

  /**
   * Makes sure of a directory and of everything above it, following links. Answers with its canonical path.
   * @throws EngineError `invalid` "not a directory"
   */
  directory(path: string, made: Attributes): string {
    const known = this.#resolved.get(path)
    if (known !== undefined) return known
    const { path: canonical } = this.resolve(path, true)
    const parent = canonical.slice(0, canonical.lastIndexOf('/'))
    let place = this.#resolved.get(parent) === parent ? parent : ''
    for (const name of canonical.slice(place.length).split('/').slice(1)) {
      if (name === '') break
      place += `/${name}`
      this.#ensure(place, made)
    }
    this.#resolved.set(path, canonical)
    return canonical
  }

  /** Gives a directory that was made here its attributes. */
  setAttributes(path: string, attributes: Attributes): void {
    const place = this.place(path)
    this.#own(place, attributes)
    files.chmod(place, attributes.mode & 0o7777)
    this.#times.set(path, attributes.mtime)
  }

  /** Opens a new file in place of whatever was there. `path` must be canonical, its directory made. */
  open(path: string): number {
    this.#clear(path)
    return files.open(this.place(path), constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
  }

  /** Dresses by the descriptor: in a container that runs, a link may have taken the path's place by now. */
  closeFile(fd: number, { mode, uid, gid, mtime }: Attributes, xattrs: Xattrs = []): void {
    try {
      fchownSync(fd, this.#owners.outside(uid), this.#owners.outside(gid))
      fchmodSync(fd, mode & 0o7777)
      for (const [name, value] of xattrs) setXattr(fd, name, this.#shown(name, value))
      futimesSync(fd, mtime, mtime)
    } finally {
      closeDescriptor(fd)
    }
  }

  /** Copies a regular file from outside: with a stamp, only as it was then. @throws EngineError `conflict` */
  copy(path: string, from: string, attributes: Attributes, stamp?: string): void {
    this.#clear(path)
    if (stamp === undefined) files.copyFile(from, this.place(path))
    else withUnchanged(from, stamp, (fd) => files.copyFile(`/proc/self/fd/${String(fd)}`, this.place(path)))
    this.#finish(path, attributes)
  }

  /**
   * Makes a file of outside, which must never be written to again, a file here: attributes and all. False when the file
   * has as many names as it can, or was removed meanwhile.
   */
  adopt(path: string, from: string): boolean {
    this.#clear(path)
    try {
      files.link(from, this.place(path))
      return true
    } catch (error) {
      if (codeOf(error) === 'EMLINK' || codeOf(error) === 'ENOENT') return false
      throw error
    }
  }

  symlink(path: string, target: string, attributes: Attributes): void {
    this.#clear(path)
    files.symlink(target, this.place(path))
    this.#own(this.place(path), attributes)
    files.lutimes(this.place(path), attributes.mtime)
  }

  /** A second name for a file; one that lies in a layer below is copied up first. Both paths must be canonical. */
  link(path: string, target: string): void {
    const entry = this.at(target)
    if (!entry || entry.stat.isDirectory())
      throw new EngineError('invalid', `hard link "${path}" to "${target}", which is no file`)
    if (path === target) return
    if (entry.paths[0] !== this.place(target)) {
      if (!entry.stat.isFile()) throw new EngineError('invalid', `hard link "${path}" to "${target}", which is no file`)
      this.directory(dirname(target), { mode: 0o755, uid: 0, gid: 0, mtime: entry.stat.mtimeMs / 1000 })
      const { mode, uid, gid, mtimeMs } = entry.stat
      this.copy(target, entry.paths[0], { mode, uid, gid, mtime: mtimeMs / 1000 })
    }
    this.#clear(path)
    files.link(this.place(target), this.place(path))
  }

  /** A device, fifo or socket. `mode` includes the type. */
  node(path: string, attributes: Attributes, major: number, minor: number): void {
    this.#clear(path)
    files.mknod(this.place(path), attributes.mode, major, minor)
    this.#finish(path, attributes)
  }

  /** Gives a file or a directory an extended attribute. */
  xattr(path: string, name: string, value: Buffer): void {
    files.addXattr(this.place(path), name, this.#shown(name, value))
  }

  /** Hides what the layers below have at a path. */
  whiteout(path: string): void {
    const place = this.place(path)
    files.remove(place)
    files.mknod(place, S_IFCHR, 0, 0)
    this.#resolved.clear()
  }

  /** Removes what was itself written here at a path. */
  remove(path: string): void {
    files.remove(this.place(path))
    this.#resolved.clear()
  }

  /** Hides everything the layers below have in a directory. */
  opaque(path: string): void {
    files.addXattr(this.place(path), 'trusted.overlay.opaque', Buffer.from('y'))
    this.#opaque.add(path)
  }

  /** Sets the times of the directories, which every file made in them had changed. */
  close(): void {
    for (const [path, mtime] of [...this.#times].sort(([a], [b]) => b.length - a.length))
      files.lutimes(this.place(path), mtime)
  }

  #shown(name: string, value: Buffer): Buffer {
    return name === 'security.capability' ? this.#owners.capability(value) : value
  }

  #own(place: string, { uid, gid }: Pick<Attributes, 'uid' | 'gid'>): void {
    files.lchown(place, this.#owners.outside(uid), this.#owners.outside(gid))
  }

  #finish(path: string, attributes: Attributes): void {
    const { mode, mtime } = attributes
    const place = this.place(path)
    this.#own(place, attributes)
    files.chmod(place, mode & 0o7777)
    files.lutimes(place, mtime)
  }

  #below(path: string): TreeEntry | undefined {
    for (const hidden of this.#opaque) if (path === hidden || path.startsWith(`${hidden}/`)) return undefined
    return this.#lower?.at(path)
  }

  #ensure(path: string, made: Attributes): void {
    const place = this.place(path)
    const here = lstatOr(place)
    if (here?.isDirectory()) return
    const below = here ? undefined : this.#below(path)
    if ((here && !isWhiteout(here)) || (below && !below.stat.isDirectory()))
      throw new EngineError('invalid', `"${path}" is not a directory`)
    if (here) files.unlink(place)
    files.mkdir(place)
    if (here) this.opaque(path)
    if (below) {
      const { mode, uid, gid, mtimeMs } = below.stat
      this.setAttributes(path, { mode, uid, gid, mtime: mtimeMs / 1000 })
    } else this.setAttributes(path, made)
  }

  #clear(path: string): void {
    const place = this.place(path)
    const here = lstatOr(place)
    const existing = here ?? (this.#lower && this.at(path)?.stat)
    if (existing?.isDirectory()) throw new EngineError('invalid', `cannot overwrite directory "${path}" with a file`)
    if (here) files.unlink(place)
    if (existing) this.#resolved.clear()
  }
}
