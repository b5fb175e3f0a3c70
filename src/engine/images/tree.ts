import { lstatSync } from 'node:fs'
import { dirname } from 'node:path/posix'
import { EngineError } from '../errors.js'
import { type FileStat, xattrIn } from '../kernel/at.js'
import { lstat, readdir, readlink, xattr } from './files.js'
import { changed } from './stamp.js'
import type { FileIndex, IndexEntry } from './index-file.js'

/** What there is to know of one. */
export type EntryStat = Omit<FileStat, 'blocks' | 'ctimeMs' | 'isSocket' | 'isBlockDevice'>

/** A file as seen through a stack of layers. A directory is the union of `paths`, topmost first; anything else has one. */
export interface TreeEntry {
  readonly stat: EntryStat
  readonly paths: readonly [string, ...string[]]
}

/** Where a path leads once every symbolic link is followed inside the tree. */
export interface Resolved {
  /** Canonical, absolute within the tree: `/usr/lib/x` */
  readonly path: string
  readonly entry: TreeEntry | undefined
}

/** As in the kernel: path_resolution(7). */
const linkLimit = 40

export const lstatOr = lstat

/** Overlayfs marks a deletion with a character device 0:0 (Documentation/filesystems/overlayfs.rst, "whiteouts"). */
export const isWhiteout = (stat: Pick<FileStat, 'rdev' | 'isCharacterDevice'>): boolean =>
  stat.isCharacterDevice() && stat.rdev === 0

export const isOpaque = (directory: string): boolean => xattr(directory, 'trusted.overlay.opaque')?.toString() === 'y'

export const isOpaqueIn = (directory: number): boolean =>
  xattrIn(directory, 'trusted.overlay.opaque')?.toString() === 'y'

/** The components of a path; `.` and empty ones dropped, `..` kept. */
export const componentsOf = (path: string): string[] => path.split('/').filter((name) => name !== '' && name !== '.')

/**
 * A name in an archive as an absolute path within it. `..` takes back what stands before it, whatever that is there, as Go's
 * filepath.Clean has it.
 * @returns undefined for a name that points out of the archive
 */
export function pathWithin(name: string): string | undefined {
  const inside: string[] = []
  for (const component of componentsOf(name))
    if (component !== '..') inside.push(component)
    else if (inside.pop() === undefined) return undefined
  return `/${inside.join('/')}`
}

/**
 * Read-only view of a stack of layers without mounting it. Symbolic links never lead out of it.
 * Synchronous: for a worker thread. What it has looked up it remembers, so the layers must not change.
 */
export class LayerTree {
  readonly root: TreeEntry
  readonly #known = new Map<string, TreeEntry | undefined>()
  readonly #fileIndex: FileIndex | undefined
  readonly #asSeen: boolean
  /** Names by directory. */
  readonly #shown: ReadonlyMap<string, ReadonlySet<string>> | undefined

  /**
   * @param layers directories in overlayfs form, bottom first
   * @param fileIndex of the only layer: what is not in it is not there
   * @param asSeen believe it, instead of looking at each file again: who reads one must compare its stamp
   */
  constructor(layers: readonly string[], fileIndex?: FileIndex, asSeen = false) {
    const [top, ...rest] = [...layers].reverse()
    if (top === undefined) throw new EngineError('broken', 'a tree needs at least one layer')
    this.root = { stat: lstatSync(top), paths: [top, ...rest] }
    this.#fileIndex = fileIndex
    this.#asSeen = asSeen
    this.#shown = fileIndex && shownBy(fileIndex)
  }

  /** What the file index says of an entry. */
  noted({ paths }: TreeEntry): IndexEntry | undefined {
    return this.#fileIndex?.get(this.#within(paths[0]))
  }

  /** Permission bits: as the file index knows them, for they may be others by now. */
  modeOf(entry: TreeEntry): number {
    return (this.noted(entry)?.mode ?? entry.stat.mode) & 0o7777
  }

  /** Where a link leads: as the file index knows it, for it may lead elsewhere by now. */
  linkOf(entry: TreeEntry): string {
    return this.noted(entry)?.content ?? readlink(entry.paths[0])
  }

  /** The entry `name` of a directory, following nothing. */
  child(directory: TreeEntry, name: string): TreeEntry | undefined {
    if (this.#shown) return this.#shownChild(directory.paths[0], name)
    const found: string[] = []
    let stat: EntryStat | undefined
    for (const base of directory.paths) {
      const path = `${base}/${name}`
      const here = lstatOr(path)
      if (!here) continue
      if (isWhiteout(here) || (stat && !here.isDirectory())) break
      stat ??= here
      found.push(path)
      if (!here.isDirectory() || isOpaque(path)) break
    }
    const [top, ...rest] = found
    return stat && top !== undefined ? { stat, paths: [top, ...rest] } : undefined
  }

  /** Names and entries of a directory, in byte order. */
  children(directory: TreeEntry): [string, TreeEntry][] {
    const shown = this.#shown && (this.#shown.get(this.#within(directory.paths[0])) ?? [])
    const names = new Set(shown ?? directory.paths.flatMap((path) => readdir(path)))
    return [...names].sort(byBytes).flatMap((name): [string, TreeEntry][] => {
      const entry = this.child(directory, name)
      return entry ? [[name, entry]] : []
    })
  }

  /** The entry at a canonical path (no links, no dots). */
  at(path: string): TreeEntry | undefined {
    if (path === '/' || path === '') return this.root
    if (this.#known.has(path)) return this.#known.get(path)
    const slash = path.lastIndexOf('/')
    const parent = this.at(path.slice(0, slash))
    const entry = parent?.stat.isDirectory() ? this.child(parent, path.slice(slash + 1)) : undefined
    this.#known.set(path, entry)
    return entry
  }

  /** Follows `path` from the root. Components that do not exist are taken as written. */
  resolve(path: string, followLast = true): Resolved {
    return resolveIn(
      (canonical) => this.at(canonical),
      path,
      followLast,
      (entry) => this.linkOf(entry),
    )
  }

  /** Path in the tree of a place on disk; '' is the root. */
  #within(place: string): string {
    return place.slice(this.root.paths[0].length)
  }

  /** @throws EngineError `conflict` when what the file index says was there is not any more */
  #shownChild(directory: string, name: string): TreeEntry | undefined {
    if (!this.#shown?.get(this.#within(directory))?.has(name)) return undefined
    const path = `${directory}/${name}`
    const noted = this.#fileIndex?.get(this.#within(path))
    if (this.#asSeen && noted?.seen) return { stat: new SeenStat(noted, noted.seen), paths: [path] }
    const stat = lstatOr(path)
    const type = noted?.type ?? 'directory'
    const kept = { directory: stat?.isDirectory(), symlink: stat?.isSymbolicLink(), file: stat?.isFile() }[type]
    if (!stat || !kept) throw changed(path)
    return { stat, paths: [path] }
  }
}

/** What was there when the file index was made: a look for each file at each step would take longer than all else. */
class SeenStat implements EntryStat {
  readonly dev = 0
  readonly ino = 0
  readonly rdev = 0
  readonly nlink = 1
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly mtimeMs: number
  readonly #type: IndexEntry['type']

  constructor({ type, mode, size }: IndexEntry, { uid, gid, mtimeMs }: NonNullable<IndexEntry['seen']>) {
    this.#type = type
    this.mode = mode
    this.uid = uid
    this.gid = gid
    this.size = size
    this.mtimeMs = mtimeMs
  }

  isFile(): boolean {
    return this.#type === 'file'
  }

  isDirectory(): boolean {
    return this.#type === 'directory'
  }

  isSymbolicLink(): boolean {
    return this.#type === 'symlink'
  }

  isFIFO(): boolean {
    return false
  }

  isCharacterDevice(): boolean {
    return false
  }
}

/** The steps of a build ask for trees of one file index one after another. */
const shown = new WeakMap<FileIndex, ReturnType<typeof namesIn>>()

function shownBy(fileIndex: FileIndex): ReturnType<typeof namesIn> {
  const names = shown.get(fileIndex) ?? namesIn(fileIndex)
  shown.set(fileIndex, names)
  return names
}

/** Names by directory ('' is the root), directories that only lead to something included. */
function namesIn(fileIndex: FileIndex): Map<string, Set<string>> {
  const names = new Map<string, Set<string>>()
  for (const path of fileIndex.keys())
    for (let here = path; here !== '/'; here = dirname(here)) {
      const parent = dirname(here)
      const siblings = names.get(parent === '/' ? '' : parent) ?? new Set()
      names.set(parent === '/' ? '' : parent, siblings)
      const name = here.slice(here.lastIndexOf('/') + 1)
      if (siblings.has(name)) break
      siblings.add(name)
    }
  return names
}

/**
 * Follows a path one component at a time, every link read relative to the root of `at`, `..` stopping there.
 * @throws EngineError `invalid` when links go round in circles
 */
export function resolveIn(
  at: (path: string) => TreeEntry | undefined,
  path: string,
  followLast: boolean,
  linkOf = (entry: TreeEntry): string => readlink(entry.paths[0]),
): Resolved {
  const todo = componentsOf(path).reverse()
  const done: string[] = []
  let links = 0
  /** How deep the first component is that does not exist: what lies below it need not be looked up. */
  let absent = Infinity
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    if (name === '..') {
      done.pop()
      if (done.length <= absent) absent = Infinity
      continue
    }
    if (done.length > absent) {
      done.push(name)
      continue
    }
    const entry = at(`/${[...done, name].join('/')}`)
    if (!entry) absent = done.length
    if (entry?.stat.isSymbolicLink() && (followLast || todo.length > 0)) {
      if (++links > linkLimit) throw new EngineError('invalid', `too many levels of symbolic links in "${path}"`)
      const target = linkOf(entry)
      if (target.startsWith('/')) done.length = 0
      todo.push(...componentsOf(target).reverse())
    } else done.push(name)
  }
  const canonical = `/${done.join('/')}`
  return { path: canonical, entry: done.length > absent ? undefined : at(canonical) }
}

/** Orders names as their UTF-8 bytes do, which no locale and no JavaScript version changes. */
export const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
