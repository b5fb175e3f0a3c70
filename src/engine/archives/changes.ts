import { lstatSync, readdirSync, type Stats } from 'node:fs'
import { getXattr } from '../images/syscalls.js'
import { byBytes, type Entry, isOpaque, isWhiteout, Tree } from '../images/tree.js'

/** What became of a file: changed 0, added 1, deleted 2, as in the Docker API. */
export interface Change {
  readonly Path: string
  readonly Kind: 0 | 1 | 2
}

/** A container's own layer over its image's. */
export interface Written {
  readonly upper: string
  /** Bottom first. */
  readonly lowers: readonly string[]
  /** What a runtime makes only to mount on it. */
  readonly mountPoints: readonly string[]
}

/**
 * What a container changed of its image's files, in order of their paths. As dockerd tells it, a directory counts as
 * changed when something in it did, and not for its time. Synchronous: for the porter's thread.
 */
export function changesOf({ upper, lowers, mountPoints }: Written): Change[] {
  const tree = new Tree(lowers)
  const found: Change[] = []
  /** @param below what the image has there; its children are hidden unless the directory is merged with it */
  const visit = (directory: string, below: Entry | undefined, merged: boolean): void => {
    const names = new Set(readdirSync(upper + directory).sort())
    for (const name of names) {
      const path = `${directory}/${name}`
      const stat = lstatSync(upper + path)
      const old = below?.stat.isDirectory() ? tree.child(below, name) : undefined
      if (isWhiteout(stat)) {
        if (old) found.push({ Path: path, Kind: 2 })
        continue
      }
      const made = !old && mountPoints.some((point) => point === path || point.startsWith(`${path}/`))
      if (made && !holds(upper + path, stat, path, mountPoints)) continue
      const before = found.length
      if (stat.isDirectory()) visit(path, old, !isOpaque(upper + path))
      else if (old?.stat.isDirectory())
        for (const [gone] of tree.children(old)) found.push({ Path: `${path}/${gone}`, Kind: 2 })
      if (!old) found.push({ Path: path, Kind: 1 })
      else if (found.length > before || differs(upper + path, stat, old)) found.push({ Path: path, Kind: 0 })
    }
    if (!merged && below?.stat.isDirectory())
      for (const [name] of tree.children(below))
        if (!names.has(name)) found.push({ Path: `${directory}/${name}`, Kind: 2 })
  }
  visit('', tree.root, true)
  return found.sort((a, b) => byBytes(a.Path, b.Path))
}

/** Whether there is more at a place than what the runtime put there. */
function holds(place: string, stat: Stats, path: string, mountPoints: readonly string[]): boolean {
  if (stat.isDirectory())
    return readdirSync(place).some((name) => {
      const inside = `${path}/${name}`
      return (
        !mountPoints.includes(inside) || holds(`${place}/${name}`, lstatSync(`${place}/${name}`), inside, mountPoints)
      )
    })
  return !stat.isFile() || stat.size > 0
}

/** Whether a file is another than the image's: for a directory, by mode and owner alone. */
function differs(place: string, now: Stats, { stat: old, paths: [before] }: Entry): boolean {
  if (now.mode !== old.mode || now.uid !== old.uid || now.gid !== old.gid || now.rdev !== old.rdev) return true
  const capability = (path: string) => getXattr(path, 'security.capability')?.toString('hex')
  if (capability(place) !== capability(before)) return true
  return !now.isDirectory() && (now.mtimeMs !== old.mtimeMs || now.size !== old.size)
}
