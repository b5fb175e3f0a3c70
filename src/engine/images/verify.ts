import { createHash } from 'node:crypto'
import { dirname } from 'node:path/posix'
import type { Digest } from '../records.js'
import { type FileStat, textOf } from '../kernel/at.js'
import { walk } from '../system/walk.js'
import { readlink } from './files.js'
import { sumLayer, typeOf } from './pack.js'
import { type LayerSource, layerArchive } from './compress.js'
import { type TarEntry, TarReader } from '../oci/tar-reader.js'
import { isWhiteout, lstatOr, LayerTree, pathWithin } from './tree.js'

/** A layer, and what its record says of it. */
export interface Verify extends LayerSource {
  readonly diffId: Digest
  /** Bytes of its files. */
  readonly size: number
}

/** Paths that are shown of a kind of damage; there may be thousands. */
const shown = 3

/**
 * Says what is wrong with a layer, in a line each; none when it is what its name says. A layer that was made here is
 * packed again. One that came from elsewhere is replayed, which shows every content, and what its archive says of owners,
 * modes and times is compared with the files. Reads all of it: for a worker thread.
 */
export function verifyLayer({ diffId, size, ...source }: Verify): string[] {
  if (source.recipe === undefined) {
    const sum = sumLayer(source.directory)
    if (sum.diffId !== diffId) return [`its files make ${sum.diffId}`]
    return sum.size === size ? [] : [`its files hold ${sum.size} bytes, its record says ${size}`]
  }
  const differences = new Differences(source.directory)
  const reader = new TarReader((entry) => {
    differences.expect(entry)
    return undefined
  })
  const hash = createHash('sha256')
  for (const chunk of layerArchive(source)) {
    hash.update(chunk)
    reader.push(chunk)
  }
  reader.end()
  const made = `sha256:${hash.digest('hex')}`
  const differ = differences.list()
  const more = differ.length > shown ? [`and ${differ.length - shown} more files differ`] : []
  return [...(made === diffId ? [] : [`its files make ${made}`]), ...differ.slice(0, shown), ...more]
}

/** What an archive says of the files of a directory that it was once unpacked into, against what they are. */
class Differences {
  readonly #root: string
  readonly #tree: LayerTree
  /** By canonical path; a later entry replaces an earlier one. */
  readonly #expected = new Map<string, TarEntry>()

  constructor(root: string) {
    this.#root = root
    this.#tree = new LayerTree([root])
  }

  expect(entry: TarEntry): void {
    const path = pathWithin(entry.name) ?? '/'
    if (path === '/') return
    const name = path.slice(path.lastIndexOf('/') + 1)
    if (name.startsWith('.wh.')) return
    const place =
      entry.type === 'directory'
        ? this.#tree.resolve(path).path
        : `${this.#tree.resolve(dirname(path)).path}/${name}`.replace('//', '/')
    this.#expected.set(place, entry)
  }

  list(): string[] {
    const found: string[] = []
    const stats = new Map<string, FileStat>()
    for (const { kind, path, stat } of walk(this.#root)) if (kind === 'met') stats.set(`/${textOf(path)}`, stat)
    for (const [path, entry] of this.#expected) {
      const stat = stats.get(path)
      // what was in a directory that a later entry replaced
      if (!stat && lstatOr(this.#root + dirname(path))?.isDirectory() !== true) continue
      const fault = stat ? this.#compare(path, entry, stat) : 'is gone'
      if (fault !== undefined) found.push(`"${path}" ${fault}`)
    }
    const parents = new Set([...this.#expected.keys()].flatMap(ancestors))
    for (const [path, stat] of stats)
      if (!this.#expected.has(path) && !parents.has(path) && !isWhiteout(stat) && !stat.isDirectory())
        found.push(`"${path}" is not of this layer`)
    return found
  }

  #compare(path: string, entry: TarEntry, stat: FileStat): string | undefined {
    if (entry.type === 'link') {
      const target = this.#tree.resolve(pathWithin(entry.linkname) ?? '/', false).entry?.stat
      return target && target.ino !== stat.ino ? `is no longer the same file as "${entry.linkname}"` : undefined
    }
    if (isWhiteout(stat) && entry.type !== 'character') return undefined // deleted by a later entry of the same layer
    const type = typeOf(stat) ?? 'socket'
    if (type !== entry.type) return `is a ${type}, not a ${entry.type}`
    const leads = type === 'symlink' ? readlink(this.#root + path) : entry.linkname
    if (leads !== entry.linkname) return `leads to "${leads}", not "${entry.linkname}"`
    if (stat.uid !== entry.uid || stat.gid !== entry.gid)
      return `belongs to ${stat.uid}:${stat.gid}, not ${entry.uid}:${entry.gid}`
    const [is, should] = [stat.mode & 0o7777, entry.mode & 0o7777]
    if (type !== 'symlink' && is !== should) return `has mode ${is.toString(8)}, not ${should.toString(8)}`
    return undefined
  }
}

function ancestors(path: string): string[] {
  const found: string[] = []
  for (let up = dirname(path); up !== '/'; up = dirname(up)) found.push(up)
  return found
}
