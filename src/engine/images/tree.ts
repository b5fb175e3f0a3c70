import { lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs'
import { EngineError } from '../errors.js'
import { getXattr } from './syscalls.js'

/** A file as seen through a stack of layers. A directory is the union of `paths`, topmost first; anything else has one. */
export interface Entry {
  readonly stat: Stats
  readonly paths: readonly [string, ...string[]]
}

/** Where a path leads once every symbolic link is followed inside the tree. */
export interface Resolved {
  /** Canonical, absolute within the tree: `/usr/lib/x` */
  readonly path: string
  readonly entry: Entry | undefined
}

/** As in the kernel: path_resolution(7). */
const linkLimit = 40

export const lstatOr = (path: string): Stats | undefined => lstatSync(path, { throwIfNoEntry: false })

/** Overlayfs marks a deletion with a character device 0:0 (Documentation/filesystems/overlayfs.rst, "whiteouts"). */
export const isWhiteout = (stat: Stats): boolean => stat.isCharacterDevice() && stat.rdev === 0

export const isOpaque = (directory: string | Buffer): boolean =>
  getXattr(directory, 'trusted.overlay.opaque')?.toString() === 'y'

/** The components of a path; `.` and empty ones dropped, `..` kept. */
export const componentsOf = (path: string): string[] => path.split('/').filter((name) => name !== '' && name !== '.')

/**
 * Read-only view of a stack of layers without mounting it. Symbolic links never lead out of it.
 * Synchronous: for the porter's thread. What it has looked up it remembers, so the layers must not change.
 */
export class Tree {
  readonly root: Entry
  readonly #known = new Map<string, Entry | undefined>()

  /** @param layers directories in overlayfs form, bottom first */
  constructor(layers: readonly string[]) {
    const [top, ...rest] = [...layers].reverse()
    if (top === undefined) throw new EngineError('broken', 'a tree needs at least one layer')
    this.root = { stat: lstatSync(top), paths: [top, ...rest] }
  }

  /** The entry `name` of a directory, following nothing. */
  child(directory: Entry, name: string): Entry | undefined {
    const found: string[] = []
    let stat: Stats | undefined
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
  children(directory: Entry): [string, Entry][] {
    const names = new Set(directory.paths.flatMap((path) => readdirSync(path)))
    return [...names].sort(byBytes).flatMap((name): [string, Entry][] => {
      const entry = this.child(directory, name)
      return entry ? [[name, entry]] : []
    })
  }

  /** The entry at a canonical path (no links, no dots). */
  at(path: string): Entry | undefined {
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
    return resolveIn((canonical) => this.at(canonical), path, followLast)
  }
}

/**
 * Follows a path one component at a time, every link read relative to the root of `at`, `..` stopping there.
 * @throws EngineError `invalid` when links go round in circles
 */
export function resolveIn(at: (path: string) => Entry | undefined, path: string, followLast: boolean): Resolved {
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
      const target = readlinkSync(entry.paths[0])
      if (target.startsWith('/')) done.length = 0
      todo.push(...componentsOf(target).reverse())
    } else done.push(name)
  }
  const canonical = `/${done.join('/')}`
  return { path: canonical, entry: done.length > absent ? undefined : at(canonical) }
}

/** Orders names as their UTF-8 bytes do, which no locale and no JavaScript version changes. */
export const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
