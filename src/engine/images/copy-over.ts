import { dirname } from 'node:path/posix'
import { lookUpOwner } from './account.js'
import { eachBelow } from './below.js'
import { type Copies, type Earlier, lineOf, readCopies } from './copies.js'
import { attributesOf, type CopyTask } from './copy-files.js'
import { type Attributes, LayerWriter } from './layer-writer.js'
import { readModeChange } from './mode.js'
import { select, treeOf } from './selection.js'
import { LayerTree, type TreeEntry } from './tree.js'

/** A copy of a directory of a context onto the same as its earlier layer was made onto. */
export type CopyOverTask = Omit<CopyTask, 'copies'> & { readonly earlier: Earlier }

/** With less in it, a layer is as soon made as a whole. */
const worthwhile = { files: 400, bytes: 8 * 2 ** 20 }

/** What differs may be this part of what was copied; past that, a new layer is what the next copies are to differ from. */
const part = 1 / 4

/** What is to be at a path. */
interface Wanted {
  readonly line: string
  readonly entry: TreeEntry
  readonly attributes: Attributes
}

/**
 * Copies by writing what differs from what an earlier layer of the same copy holds, to be laid upon that: it takes as long as
 * what has changed is large, and not as the tree is. What is at all paths in the end is what `copyFiles` makes.
 * @returns false when that is not worth it, or the two differ in a way that takes a whole layer; nothing is written then
 */
export function copyOver(task: CopyOverTask): boolean {
  const before = isPlain(task) ? readCopies(task.earlier) : undefined
  const tree = treeOf(task, true)
  const [source, ...others] = before ? select(tree, task) : []
  if (!before || !source?.entry.stat.isDirectory() || others.length > 0) return false
  const lower = task.lowers.length > 0 ? new LayerTree(task.lowers) : undefined
  const owner = task.chown === undefined ? undefined : lookUpOwner(lower, task.chown)
  const change = task.chmod === undefined ? undefined : readModeChange(task.chmod)
  const { path: target } = new LayerWriter(task.upper, task.lowers).resolve(task.target, true)
  const now = new Map<string, Wanted>()
  let fits = true
  eachBelow(tree, { entry: source.entry, target, within: '' }, (path, _, entry) => {
    const { stat } = entry
    const attributes = attributesOf({ tree, owner, change }, entry)
    if (!stat.isDirectory()) {
      const [type, content] = stat.isFile()
        ? (['file', tree.noted(entry)?.content] as const)
        : (['symlink', tree.linkOf(entry)] as const)
      fits &&= content !== undefined && (before.has(path) || !lower?.at(path)?.stat.isDirectory())
      now.set(path, { line: lineOf(type, attributes, content ?? ''), entry, attributes })
      return undefined
    }
    const existing = before.has(path) ? undefined : lower?.at(path)
    if (existing === undefined) now.set(path, { line: lineOf('directory', attributes, ''), entry, attributes })
    // what is below the copy keeps its attributes, and a link there is followed
    else fits &&= existing.stat.isDirectory()
    return path
  })
  const changed = [...now].filter(([path, { line }]) => before.get(path) !== line)
  const removed = [...before.keys()].filter((path) => !now.has(path))
  fits &&= changed.every(([path, { line }]) => typeOf(before.get(path) ?? line) === typeOf(line))
  // what is hidden of the earlier layer must not hide what is below it
  fits &&= removed.every((path) => lower?.at(path) === undefined)
  if (!fits || !isLittle(before, now, changed, removed)) return false
  const made = { mode: 0o755, uid: owner?.uid ?? 0, gid: owner?.gid ?? 0, mtime: source.entry.stat.mtimeMs / 1000 }
  const layerWriter = new LayerWriter(task.upper, [...task.lowers, task.earlier.directory])
  layerWriter.directory(target, made)
  writeChanged(layerWriter, tree, changed, made)
  hideRemoved(layerWriter, removed, made)
  layerWriter.close()
  return true
}

/** @param made attributes of directories on the way that the earlier layer has not */
function writeChanged(
  layerWriter: LayerWriter,
  tree: ReturnType<typeof treeOf>,
  changed: readonly [string, Wanted][],
  made: Attributes,
): void {
  for (const [path, { entry, attributes }] of changed) {
    layerWriter.directory(dirname(path), made)
    if (entry.stat.isDirectory()) layerWriter.setAttributes(layerWriter.directory(path, attributes), attributes)
    else if (entry.stat.isSymbolicLink()) layerWriter.symlink(path, tree.linkOf(entry), attributes)
    else layerWriter.copy(path, entry.paths[0], attributes, tree.noted(entry)?.stamp)
  }
}

function hideRemoved(layerWriter: LayerWriter, removed: readonly string[], made: Attributes): void {
  const without = new Set(removed)
  for (const path of removed) {
    if (without.has(dirname(path))) continue
    layerWriter.directory(dirname(path), made)
    layerWriter.whiteout(path)
  }
}

/** Of one directory of a context that others may write to, and of nothing else. */
function isPlain({ known, inline, exclude = [], several, parents, link, mayLink }: CopyOverTask): boolean {
  const more = inline.length + exclude.length
  return known !== undefined && more === 0 && !several && !parents && !link && !mayLink
}

const typeOf = (line: string): string => line.slice(0, line.indexOf(' '))

function isLittle(
  before: Copies,
  now: ReadonlyMap<string, Wanted>,
  changed: readonly (readonly [string, Wanted])[],
  removed: readonly string[],
): boolean {
  const bytesOf = (wanted: Iterable<Wanted>): number => {
    let sum = 0
    for (const { entry } of wanted) sum += entry.stat.size
    return sum
  }
  const bytes = bytesOf(now.values())
  return (
    (before.size >= worthwhile.files || bytes >= worthwhile.bytes) &&
    changed.length + removed.length <= before.size * part &&
    bytesOf(changed.map(([, wanted]) => wanted)) <= bytes * part
  )
}
