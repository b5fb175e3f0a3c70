import { createHash, type Hash } from 'node:crypto'
import { writeSync } from 'node:fs'
import { dirname } from 'node:path/posix'
import { EngineError } from '../errors.js'
import { rawName } from '../kernel/at.js'
import { lookUpOwner, type FileOwner } from './account.js'
import { type Attributes, LayerWriter } from './layer-writer.js'
import { type Copies, type Earlier, lineOf, openEarlier, writeCopies } from './copies.js'
import { archiveOf, type Compression } from '../oci/compression.js'
import { type ModeChange, readModeChange } from './mode.js'
import { type Left, leftOut, select, type Selected, type FileSelection, treeOf } from './selection.js'
import { eachBelow } from './below.js'
import { withUnchanged } from './stamp.js'
import { travellingXattrs } from './files.js'
import { digestFile } from './scan.js'
import { componentsOf, type TreeEntry, LayerTree } from './tree.js'

/** A file given by its content, as a heredoc of COPY is. */
export interface Inline {
  readonly name: string
  readonly content: string
}

export interface CopyTask extends FileSelection {
  readonly inline: readonly Inline[]
  /** The stack that is written over, bottom first; empty for an image from scratch. */
  readonly lowers: readonly string[]
  /** Receives the changes, in overlayfs form. */
  readonly upper: string
  /** Absolute; a `/` at its end says that it is a directory. */
  readonly target: string
  /** `user[:group]`; absent keeps the owners the sources have. */
  readonly chown?: string
  /** What becomes of the permission bits of every file and directory, as chmod(1) takes it; absent keeps theirs. */
  readonly chmod?: string
  /** There are more sources than these, carried by other tasks. */
  readonly several?: boolean
  /** Look at nothing in `lowers` but the owners and modes of the target's own directories, and follow no link there. */
  readonly link?: boolean
  /** The sources are nobody else's and never written to again: a file that needs no change may be a hard link to them. */
  readonly mayLink?: boolean
  /** Leave archives among the sources to the caller, as ADD does. */
  readonly keepArchives?: boolean
  /** What has not changed since is not written again but referred to. */
  readonly earlier?: Earlier
  /** Where to write what was copied, for the next time; not when there are archives among it. */
  readonly copies?: string
}

/** An archive that was not copied because it is to be unpacked into the directory `target`. */
export interface Archive {
  readonly file: string
  readonly target: string
  readonly compression: Compression
  /** Of one that others may write to. */
  readonly stamp?: string
}

/**
 * One digest over the selected files: names, types, modes, owners and contents, but no times.
 * @throws EngineError `missing` naming the pattern that selects nothing
 */
export function digestSources(sources: FileSelection): string {
  const tree = treeOf(sources, true)
  const hash = createHash('sha256')
  const left = leftOut(tree, sources.exclude)
  for (const { entry, kept, name } of select(tree, sources)) {
    const root = sources.parents || !entry.stat.isDirectory() ? kept : ''
    if (left(root, entry)) continue
    hash.update(`\0source ${sources.parents ? kept : name}\0`)
    digest({ hash, tree, left }, '', entry, root)
  }
  return hash.digest('hex')
}

/** @throws EngineError `invalid` for a target that is none by its name */
function demandDirectory(target: string): void {
  if (!target.endsWith('/'))
    throw new EngineError(
      'invalid',
      `with more than one source file, the destination must be a directory and end with a /`,
    )
}

/** Copies the sources as COPY and ADD do. @throws EngineError `invalid` when the target cannot hold them */
export function copyFiles(task: CopyTask): readonly Archive[] {
  const tree = treeOf(task)
  const layerWriter = new LayerWriter(task.upper, task.link ? [] : task.lowers)
  const owner = task.chown === undefined ? undefined : lookUpOwner(lowerTree(task), task.chown)
  const left = leftOut(tree, task.exclude)
  const parents = task.parents ?? false
  const matches = select(tree, task).filter(
    ({ kept, entry }) => !left(parents || !entry.stat.isDirectory() ? kept : '', entry),
  )
  if (matches.length + task.inline.length > 1 || task.several) demandDirectory(task.target)
  if (task.link) linkParents(layerWriter, lowerTree(task), task.target)
  const intoDirectory =
    parents || task.target.endsWith('/') || layerWriter.resolve(task.target, true).entry?.stat.isDirectory() === true
  const copier = copierFor(task, { tree, layerWriter, owner, left }, matches)
  const { made, copies } = copier
  const base = task.target.replace(/\/+$/, '')
  const archives: Archive[] = []
  for (const found of matches) {
    if (parents) keepParents(copier, found, base)
    if (found.entry.stat.isDirectory()) {
      const target = layerWriter.directory(parents ? `${base}/${found.kept}` : task.target, made)
      copyChildren(copier, found.entry, target, parents ? found.kept : '')
      continue
    }
    const stamp = tree.noted(found.entry)?.stamp
    const compression = task.keepArchives ? compressionOf(found.entry, stamp) : undefined
    if (compression) {
      const archive = { file: found.entry.paths[0], target: layerWriter.directory(task.target, made), compression }
      archives.push(stamp === undefined ? archive : { ...archive, stamp })
      continue
    }
    copyEntry(copier, found.entry, place(copier, intoDirectory ? `${base}/${found.kept}` : task.target))
  }
  for (const { name, content } of task.inline)
    writeInline(copier, intoDirectory ? `${base}/${name}` : task.target, content)
  layerWriter.close()
  if (task.copies !== undefined && archives.length === 0) writeCopies(task.copies, copies)
  return archives
}

function copierFor(
  task: CopyTask,
  given: Pick<Copier, 'tree' | 'layerWriter' | 'owner' | 'left'>,
  sources: readonly Selected[],
): Copier {
  const { owner } = given
  const newest = Math.max(0, ...sources.map(({ entry }) => entry.stat.mtimeMs / 1000))
  return {
    ...given,
    made: { mode: 0o755, uid: owner?.uid ?? 0, gid: owner?.gid ?? 0, mtime: newest },
    change: task.chmod === undefined ? undefined : readModeChange(task.chmod),
    mayLink: task.mayLink ?? false,
    unchanged: openEarlier(task.earlier),
    copies: new Map(),
    links: new Map(),
    linked: new Map(),
  }
}

/** Makes a file of the text of a here-document. */
function writeInline(copier: Copier, target: string, content: string): void {
  const { layerWriter, copies, made, change } = copier
  const path = place(copier, target)
  copies.delete(path)
  const fd = layerWriter.open(path)
  writeSync(fd, content)
  layerWriter.closeFile(fd, { ...made, mode: change?.(0o644, false) ?? 0o644 })
}

/** How an archive is compressed; undefined when it is none. */
function compressionOf({ stat, paths: [path] }: TreeEntry, stamp: string | undefined): Compression | undefined {
  if (!stat.isFile()) return undefined
  if (stamp === undefined) return archiveOf(path)
  return withUnchanged(path, stamp, (fd) => archiveOf(`/proc/self/fd/${String(fd)}`))
}

interface Copier {
  readonly tree: LayerTree
  readonly layerWriter: LayerWriter
  readonly made: Attributes
  readonly owner: FileOwner | undefined
  readonly change: ModeChange | undefined
  readonly mayLink: boolean
  readonly left: Left
  readonly unchanged: ReturnType<typeof openEarlier>
  readonly copies: Copies
  /** First path, where it goes, of each file that has several names. */
  readonly links: Map<string, string>
  /** The other way round: what is copied over one is no name of that file any more. */
  readonly linked: Map<string, string>
}

/** The directories of a target keep what the image below gave them. */
function linkParents(layerWriter: LayerWriter, lower: LayerTree | undefined, target: string): void {
  let path = ''
  for (const name of componentsOf(target.endsWith('/') ? target : dirname(target))) {
    path += `/${name}`
    const stat = lower?.at(path)?.stat
    if (!stat?.isDirectory()) return
    layerWriter.directory(path, { mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid, mtime: stat.mtimeMs / 1000 })
  }
}

/** Makes the directories that a source keeps, as they are where it comes from. */
function keepParents(copier: Copier, { name, kept, entry }: Selected, base: string): void {
  const names = componentsOf(kept)
  const before = componentsOf(name).slice(0, -names.length || undefined)
  const last = entry.stat.isDirectory() ? names.length : names.length - 1
  for (let count = 1; count <= last; count++) {
    const here = names.slice(0, count)
    const source = copier.tree.resolve(`/${[...before, ...here].join('/')}`).entry
    copier.layerWriter.directory(`${base}/${here.join('/')}`, source ? attributesOf(copier, source) : copier.made)
  }
}

/** Where a file goes, its directory made. */
function place(copier: Copier, wanted: string): string {
  const directory = copier.layerWriter.directory(dirname(wanted), copier.made)
  const path = `${directory === '/' ? '' : directory}/${wanted.slice(wanted.lastIndexOf('/') + 1)}`
  // A link that is already there is written through, but never out of the image.
  const { path: followed } = copier.layerWriter.resolve(path, true)
  if (followed === path) return path
  copier.layerWriter.directory(dirname(followed), copier.made)
  return followed
}

function copyChildren(copier: Copier, entry: TreeEntry, target: string, within: string): void {
  eachBelow(copier.tree, { entry, target, within }, (path, inside, found) => {
    if (copier.left(inside, found)) return undefined
    if (!found.stat.isDirectory()) {
      copyEntry(copier, found, path)
      return undefined
    }
    const attributes = attributesOf(copier, found)
    const existed = copier.layerWriter.resolve(path, true).entry !== undefined
    const made = copier.layerWriter.directory(path, attributes)
    if (!existed) {
      copier.layerWriter.setAttributes(made, attributes)
      copier.copies.set(made, lineOf('directory', attributes, ''))
      copyXattrs(copier, found, made)
    }
    return made
  })
}

function copyEntry(copier: Copier, entry: TreeEntry, path: string): void {
  const attributes = attributesOf(copier, entry)
  const { stat } = entry
  copier.copies.delete(path)
  copier.links.delete(copier.linked.get(path) ?? '')
  if (stat.isSymbolicLink()) {
    const target = copier.tree.linkOf(entry)
    copier.copies.set(path, lineOf('symlink', attributes, target))
    copier.layerWriter.symlink(path, target, attributes)
  } else if (stat.isFile()) {
    const same = attributes.mode === (stat.mode & 0o7777) && attributes.uid === stat.uid && attributes.gid === stat.gid
    const { content, stamp } = copier.tree.noted(entry) ?? {}
    const line = content === undefined ? undefined : lineOf('file', attributes, content)
    const unchanged = line === undefined ? undefined : copier.unchanged(path, line)
    if (line !== undefined) copier.copies.set(path, line)
    if (unchanged !== undefined && copier.layerWriter.adopt(path, unchanged)) return
    if (copier.mayLink && same && copier.layerWriter.adopt(path, entry.paths[0])) return
    const identity = stat.nlink > 1 && content === undefined ? `${String(stat.dev)}:${String(stat.ino)}` : undefined
    const first = identity === undefined ? undefined : copier.links.get(identity)
    if (first !== undefined) {
      copier.layerWriter.link(path, first)
      return
    }
    copier.layerWriter.copy(path, entry.paths[0], attributes, stamp)
    copyXattrs(copier, entry, path)
    if (identity === undefined) return
    copier.links.set(identity, path)
    copier.linked.set(path, identity)
  } else if (stat.isFIFO()) copier.layerWriter.node(path, { ...attributes, mode: stat.mode }, 0, 0)
  else throw new EngineError('invalid', `"${path}" is a device or socket, which cannot be copied`)
}

/** What a context holds has none: an archive that comes as one is nobody's to trust. */
function copyXattrs({ tree, layerWriter }: Copier, entry: TreeEntry, path: string): void {
  if (tree.noted(entry)) return
  for (const [name, value] of travellingXattrs(entry.paths[0])) layerWriter.xattr(path, name, value)
}

/** What an entry is given where it is copied to. */
export function attributesOf(
  { tree, owner, change }: Pick<Copier, 'tree' | 'owner' | 'change'>,
  entry: TreeEntry,
): Attributes {
  const { stat } = entry
  const mode = tree.modeOf(entry)
  return {
    mode: change?.(mode, stat.isDirectory()) ?? mode,
    uid: owner?.uid ?? stat.uid,
    gid: owner?.gid ?? stat.gid,
    mtime: stat.mtimeMs / 1000,
  }
}

const lowerTree = (task: CopyTask): LayerTree | undefined =>
  task.lowers.length > 0 ? new LayerTree(task.lowers) : undefined

interface Digesting {
  readonly hash: Hash
  readonly tree: LayerTree
  readonly left: Left
}

/** @param within as in `Level` */
function digest(digesting: Digesting, name: string, entry: TreeEntry, within: string): void {
  digestOne(digesting, name, entry)
  if (!entry.stat.isDirectory()) return
  eachBelow(digesting.tree, { entry, target: name, within }, (path, inside, found) => {
    if (digesting.left(inside, found)) return undefined
    digestOne(digesting, path, found)
    return found.stat.isDirectory() ? path : undefined
  })
}

function digestOne({ hash, tree }: Digesting, name: string, entry: TreeEntry): void {
  const { stat } = entry
  const owner = `${String(stat.uid)}:${String(stat.gid)}`
  if (stat.isDirectory()) {
    if (name !== '') hash.update(rawName(`dir ${name}\0${tree.modeOf(entry).toString(8)} ${owner}\0`))
  } else if (stat.isSymbolicLink()) hash.update(rawName(`link ${name}\0${tree.linkOf(entry)}\0${owner}\0`))
  else {
    const content = stat.isFile() ? (tree.noted(entry)?.content ?? digestFile(entry.paths[0])) : ''
    hash.update(rawName(`file ${name}\0${tree.modeOf(entry).toString(8)} ${owner}\0${content}\0`))
  }
  if (tree.noted(entry) || (!stat.isFile() && !stat.isDirectory())) return
  for (const [key, value] of travellingXattrs(entry.paths[0])) hash.update(`xattr ${key}\0${value.toString('hex')}\0`)
}
