import { lstatSync, readdirSync } from 'node:fs'
import { EngineError } from '../errors.js'
import { fileXattr } from './files.js'
import { byBytes, type TreeEntry, isOpaque, isWhiteout, LayerTree } from './tree.js'
import { type FileStat, rawName, textOf } from '../kernel/at.js'
import { walk } from '../system/walk.js'

/** What became of a file: changed 0, added 1, deleted 2, as in the Docker API. */
export interface FileChange {
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

/** Bytes of paths that are told: their text goes through the engine's memory whole. */
const mostBytes = 64 * 2 ** 20

/** A directory of the container's layer, and what of the image it lies over. */
interface Level {
  readonly path: string
  readonly stat: FileStat | undefined
  readonly old: TreeEntry | undefined
  /** What the image has in it shows, but for what is hidden by name. */
  readonly merged: boolean
  readonly names: Set<string>
  /** Changes found before it. */
  readonly before: number
}

/**
 * What a container changed of its image's files, in order of their paths. As dockerd tells it, a directory counts as
 * changed when something in it did, and not for its time. Synchronous: for a worker thread.
 * @throws EngineError `invalid` when it is too much to tell
 */
export function changesOf(written: Written): FileChange[] {
  const { upper, lowers, mountPoints } = written
  const tree = new LayerTree(lowers)
  const found: FileChange[] = []
  let bytes = 0
  const tell = (path: string, kind: FileChange['Kind']): void => {
    if ((bytes += path.length) > mostBytes)
      throw new EngineError('invalid', 'the paths of what the container changed are over 64 MiB: too many, or too long')
    found.push({ Path: typeof rawName(path) === 'string' ? path : Buffer.from(path).toString(), Kind: kind })
  }
  const hideAll = (path: string, directory: TreeEntry | undefined, but = new Set<string>()): void => {
    if (directory?.stat.isDirectory())
      for (const [name] of tree.children(directory)) if (!but.has(name)) tell(`${path}/${name}`, 2)
  }
  const levels: Level[] = [{ path: '', stat: undefined, old: tree.root, merged: true, names: new Set(), before: 0 }]
  for (const step of walk(upper)) {
    if (step.kind === 'left') {
      const level = levels.pop()
      if (!level?.stat) continue
      const { path, stat, old, merged, names, before } = level
      if (!merged) hideAll(path, old, names)
      if (!old) tell(path, 1)
      else if (found.length > before || differs(upper + path, stat, old)) tell(path, 0)
      continue
    }
    const parent = levels.at(-1)
    const name = textOf(step.name)
    const [path, stat] = [`${parent?.path ?? ''}/${name}`, step.stat]
    parent?.names.add(name)
    const old = parent?.old?.stat.isDirectory() ? tree.child(parent.old, name) : undefined
    const made = !old && mountPoints.some((point) => point === path || point.startsWith(`${path}/`))
    if (isWhiteout(stat)) {
      if (old) tell(path, 2)
    } else if (made && !holds(upper + path, stat, path, mountPoints)) step.enter = false
    else if (stat.isDirectory())
      levels.push({ path, stat, old, merged: !isOpaque(upper + path), names: new Set(), before: found.length })
    else {
      if (old?.stat.isDirectory()) hideAll(path, old)
      if (!old) tell(path, 1)
      else if (old.stat.isDirectory() || differs(upper + path, stat, old)) tell(path, 0)
    }
  }
  return found.sort((a, b) => byBytes(a.Path, b.Path))
}

/** Whether there is more at a place than what the runtime put there. */
function holds(place: string, stat: FileStat, path: string, mountPoints: readonly string[]): boolean {
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
function differs(place: string, now: FileStat, { stat: old, paths: [before] }: TreeEntry): boolean {
  if (now.mode !== old.mode || now.uid !== old.uid || now.gid !== old.gid || now.rdev !== old.rdev) return true
  const capability = (path: string) => fileXattr(path, 'security.capability')?.toString('hex')
  if (now.isFile() && capability(place) !== capability(before)) return true
  return !now.isDirectory() && (now.mtimeMs !== old.mtimeMs || now.size !== old.size)
}
