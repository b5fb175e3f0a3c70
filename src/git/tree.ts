import { createHash } from 'node:crypto'
import type { PushLimits } from '../config.js'
import { BerthError } from '../errors.js'
import { blocksOf, type Needs } from './disk.js'
import { inMebibytes } from './explain.js'
import { records } from './git.js'

/** Directories within directories. */
const maxDepth = 100
/** Bytes of a path; with what is before it, it must stay below PATH_MAX (4096). */
export const maxPath = 2048
/** NAME_MAX of Linux's file systems. */
const maxName = 255
/** Bytes. A pointer is smaller than this (Git LFS specification, "The Pointer"). */
export const maxPointer = 1024
/** Submodules of one commit, those of its submodules included. */
export const maxLinks = 100
/** Paths that a message names. */
const named = 3

/** What a commit's tree holds, known before any of it is written. */
export interface TreeFacts {
  /** The same for the same tree, and for no other. */
  readonly id: string
  readonly needs: Needs
  /** `.gitattributes`. */
  readonly attributes: readonly string[]
  /** Files that are small enough to stand for another. */
  readonly small: readonly string[]
  /** Commits of other repositories that it pins. */
  readonly links: readonly Link[]
  /** `.gitmodules` at its root, if it has one. */
  readonly modules: { readonly mode: string; readonly size: number } | null
}

/** A place in a tree that is a commit of another repository. */
export interface Link {
  readonly path: string
  readonly commit: string
}

/** Paths as a message names them. */
export const shorten = (paths: readonly string[], count = paths.length): string =>
  `${paths.slice(0, named).join(', ')}${count > named ? ` and ${String(count - named)} more` : ''}`

/**
 * Looks through a commit's tree for what cannot or must not be checked out; ends at the first limit that it breaks, however
 * much there would be behind it.
 * @throws BerthError `large` past a limit
 */
export async function readTree(
  repository: string,
  commit: string,
  env: Readonly<Record<string, string>>,
  limits: Pick<PushLimits, 'files' | 'tree'>,
): Promise<TreeFacts> {
  let [bytes, files] = [0, 0]
  const hash = createHash('sha256')
  const attributes: string[] = []
  const small: string[] = []
  const links: Link[] = []
  let modules: TreeFacts['modules'] = null
  try {
    for await (const record of records(repository, ['ls-tree', '-r', '-t', '-l', '-z', commit], env, maxPath + 200)) {
      const entry = parseEntry(record)
      checkPath(entry.path)
      hash.update(record).update('\0')
      files += 1
      bytes += blocksOf(entry.size)
      if (files > limits.files)
        throw new BerthError(
          'large',
          `the push holds more than ${String(limits.files)} files and directories`,
          'leave out what is generated or installed (.gitignore), or raise BERTH_PUSH_FILES on the server',
        )
      if (bytes > limits.tree)
        throw new BerthError(
          'large',
          `the pushed files take more than ${inMebibytes(limits.tree)}`,
          'keep large files elsewhere, or raise BERTH_PUSH_TREE on the server',
        )
      const path = entry.path.toString()
      if (entry.mode === '160000' && links.push({ path, commit: entry.object }) > maxLinks) throw tooMany()
      if (path === '.gitmodules') modules = entry
      if (entry.mode.startsWith('100') && entry.size < maxPointer) small.push(path)
      if (/(^|\/)\.gitattributes$/.test(path)) attributes.push(path)
    }
  } catch (error) {
    if (error instanceof RangeError) throw tooLong('')
    throw error
  }
  return { id: hash.digest('hex'), needs: { bytes, files }, attributes, small, links, modules }
}

/** `<mode> <type> <object> <size>TAB<path>`, git-ls-tree(1). */
function parseEntry(record: Buffer): { mode: string; object: string; size: number; path: Buffer } {
  const tab = record.indexOf('\t')
  const [mode = '', , object = '', size = ''] = record.toString('latin1', 0, tab).split(/ +/)
  // a directory takes a block; an object that is not there is found out later
  return { mode, object, size: mode === '040000' ? 1 : Number(size) || 0, path: record.subarray(tab + 1) }
}

const tooLong = (path: string): BerthError =>
  new BerthError(
    'large',
    `the push holds a path that is too long${path === '' ? '' : `: ${path.slice(0, 60)}…`}`,
    `a path may have ${String(maxPath)} bytes and ${String(maxDepth)} directories, a name ${String(maxName)} bytes`,
  )

function checkPath(path: Buffer): void {
  if (path.length > maxPath) throw tooLong(path.toString())
  let [depth, name] = [0, 0]
  for (const byte of path) {
    const slash = byte === 0x2f
    if (slash) depth += 1
    name = slash ? 0 : name + 1
    if (depth > maxDepth || name > maxName) throw tooLong(path.toString())
  }
}

/** Refuses a commit with more submodules than are fetched. */
export const tooMany = (): BerthError =>
  new BerthError(
    'large',
    `the push has more than ${String(maxLinks)} submodules, those of its submodules included`,
    'put the files of some into this repository, or into one repository together',
  )
