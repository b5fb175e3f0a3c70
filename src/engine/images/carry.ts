import { createHash, type Hash } from 'node:crypto'
import { closeSync, openSync, readlinkSync, readSync, writeSync } from 'node:fs'
import { dirname } from 'node:path/posix'
import { EngineError } from '../errors.js'
import { lookUpOwner, type Owner } from './account.js'
import { type Attributes, Canvas } from './canvas.js'
import { archiveOf, type Compression } from './compression.js'
import { hasWildcard, match, type Match } from './glob.js'
import { type Entry, Tree } from './tree.js'
import type { Manifest } from './unpack.js'

/** Files to take from a stack of layers (a build context is a stack of one). */
export interface Sources {
  readonly layers: readonly string[]
  readonly patterns: readonly string[]
  /** Digests already known, by path; without one a file is read. */
  readonly known?: Manifest
}

/** A file given by its content, as a heredoc of COPY is. */
export interface Inline {
  readonly name: string
  readonly content: string
}

export interface Carry extends Sources {
  readonly inline: readonly Inline[]
  /** The stack that is written over, bottom first; empty for an image from scratch. */
  readonly lowers: readonly string[]
  /** Receives the changes, in overlayfs form. */
  readonly upper: string
  /** Absolute; a `/` at its end says that it is a directory. */
  readonly target: string
  /** `user[:group]`; absent keeps the owners the sources have. */
  readonly chown?: string
  /** Permission bits for every file and directory; absent keeps theirs. */
  readonly chmod?: number
  /** The sources are nobody else's and never written to again: a file that needs no change may be a hard link to them. */
  readonly mayLink?: boolean
  /** Leave archives among the sources to the caller, as ADD does. */
  readonly sparingArchives?: boolean
}

/** An archive that was not copied because it is to be unpacked into the directory `target`. */
export interface Archive {
  readonly file: string
  readonly target: string
  readonly compression: Compression
}

/**
 * One digest over the selected files: names, types, modes, owners and contents, but no times.
 * @throws EngineError `missing` naming the pattern that selects nothing
 */
export function digestSources(sources: Sources): string {
  const tree = new Tree(sources.layers)
  const hash = createHash('sha256')
  for (const found of select(tree, sources.patterns)) {
    hash.update(`\0source ${found.name}\0`)
    digest(hash, tree, found.path, '', found.entry, sources.known)
  }
  return hash.digest('hex')
}

/** Copies the sources as COPY and ADD do. @throws EngineError `invalid` when the target cannot hold them */
export function carry(task: Carry): readonly Archive[] {
  const tree = new Tree(task.layers)
  const canvas = new Canvas(task.upper, task.lowers)
  const owner = task.chown === undefined ? undefined : lookUpOwner(lowerTree(task), task.chown)
  const matches = select(tree, task.patterns)
  const several = matches.length + task.inline.length > 1
  if (several && !task.target.endsWith('/'))
    throw new EngineError(
      'invalid',
      `with more than one source file, the destination must be a directory and end with a /`,
    )
  const intoDirectory =
    task.target.endsWith('/') || canvas.resolve(task.target, true).entry?.stat.isDirectory() === true
  const newest = Math.max(0, ...matches.map(({ entry }) => entry.stat.mtimeMs / 1000))
  const made: Attributes = { mode: 0o755, uid: owner?.uid ?? 0, gid: owner?.gid ?? 0, mtime: newest }
  const copier = { tree, canvas, made, owner, chmod: task.chmod, mayLink: task.mayLink ?? false }
  const archives: Archive[] = []
  for (const found of matches) {
    if (found.entry.stat.isDirectory()) {
      copyChildren(copier, found.entry, canvas.directory(task.target, made))
      continue
    }
    const compression = task.sparingArchives && found.entry.stat.isFile() ? archiveOf(found.entry.paths[0]) : undefined
    if (compression) {
      archives.push({ file: found.entry.paths[0], target: canvas.directory(task.target, made), compression })
      continue
    }
    copyEntry(copier, found.entry, place(copier, task.target, intoDirectory, found.name))
  }
  for (const { name, content } of task.inline) {
    const path = place(copier, task.target, intoDirectory, name)
    const fd = canvas.open(path)
    writeSync(fd, content)
    canvas.closeFile(fd, path, { ...made, mode: task.chmod ?? 0o644 })
  }
  canvas.close()
  return archives
}

interface Copier {
  readonly tree: Tree
  readonly canvas: Canvas
  readonly made: Attributes
  readonly owner: Owner | undefined
  readonly chmod: number | undefined
  readonly mayLink: boolean
}

/** Every file the patterns name. A pattern without wildcards that names nothing is an error. */
export function select(tree: Tree, patterns: readonly string[]): Match[] {
  return patterns.flatMap((pattern) => {
    const found = match(tree, pattern)
    if (found.length === 0)
      throw new EngineError(
        'missing',
        hasWildcard(pattern) ? `no source files match "${pattern}"` : `"${pattern}": file does not exist`,
      )
    return found
  })
}

function place(copier: Copier, target: string, intoDirectory: boolean, name: string): string {
  const base = name.slice(name.lastIndexOf('/') + 1)
  const wanted = intoDirectory ? `${target.replace(/\/+$/, '')}/${base}` : target
  const directory = copier.canvas.directory(dirname(wanted), copier.made)
  const path = `${directory === '/' ? '' : directory}/${wanted.slice(wanted.lastIndexOf('/') + 1)}`
  // A link that is already there is written through, but never out of the image.
  const { path: followed } = copier.canvas.resolve(path, true)
  if (followed === path) return path
  copier.canvas.directory(dirname(followed), copier.made)
  return followed
}

function copyChildren(copier: Copier, directory: Entry, target: string): void {
  for (const [name, entry] of copier.tree.children(directory)) {
    const path = `${target === '/' ? '' : target}/${name}`
    if (!entry.stat.isDirectory()) {
      copyEntry(copier, entry, path)
      continue
    }
    const attributes = attributesOf(copier, entry)
    const existed = copier.canvas.resolve(path, true).entry !== undefined
    const made = copier.canvas.directory(path, attributes)
    if (!existed) copier.canvas.dress(made, attributes)
    copyChildren(copier, entry, made)
  }
}

function copyEntry(copier: Copier, entry: Entry, path: string): void {
  const attributes = attributesOf(copier, entry)
  const { stat } = entry
  if (stat.isSymbolicLink()) copier.canvas.symlink(path, readlinkSync(entry.paths[0]), attributes)
  else if (stat.isFile()) {
    const same = attributes.mode === (stat.mode & 0o7777) && attributes.uid === stat.uid && attributes.gid === stat.gid
    if (copier.mayLink && same) copier.canvas.adopt(path, entry.paths[0])
    else copier.canvas.copy(path, entry.paths[0], attributes)
  } else if (stat.isFIFO()) copier.canvas.node(path, { ...attributes, mode: stat.mode }, 0, 0)
  else throw new EngineError('invalid', `"${path}" is a device or socket, which cannot be copied`)
}

const attributesOf = ({ owner, chmod }: Copier, { stat }: Entry): Attributes => ({
  mode: chmod ?? stat.mode & 0o7777,
  uid: owner?.uid ?? stat.uid,
  gid: owner?.gid ?? stat.gid,
  mtime: stat.mtimeMs / 1000,
})

const lowerTree = (task: Carry): Tree | undefined => (task.lowers.length > 0 ? new Tree(task.lowers) : undefined)

function digest(hash: Hash, tree: Tree, path: string, name: string, entry: Entry, known: Manifest | undefined): void {
  const { stat } = entry
  const owner = `${String(stat.uid)}:${String(stat.gid)}`
  if (stat.isDirectory()) {
    if (name !== '') hash.update(`dir ${name}\0${mode(entry)} ${owner}\0`)
    for (const [child, found] of tree.children(entry))
      digest(hash, tree, `${path === '/' ? '' : path}/${child}`, `${name}/${child}`, found, known)
  } else if (stat.isSymbolicLink()) hash.update(`link ${name}\0${readlinkSync(entry.paths[0])}\0${owner}\0`)
  else {
    const content = stat.isFile() ? (known?.get(path)?.content ?? digestFile(entry.paths[0])) : ''
    hash.update(`file ${name}\0${mode(entry)} ${owner}\0${content}\0`)
  }
}

const mode = ({ stat }: Entry): string => (stat.mode & 0o7777).toString(8)

function digestFile(path: string): string {
  const hash = createHash('sha256')
  const chunk = Buffer.allocUnsafe(1 << 18)
  const fd = openSync(path, 'r')
  try {
    for (let read = readSync(fd, chunk); read > 0; read = readSync(fd, chunk)) hash.update(chunk.subarray(0, read))
  } finally {
    closeSync(fd)
  }
  return hash.digest('hex')
}
