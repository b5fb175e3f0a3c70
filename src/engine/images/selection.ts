import { EngineError } from '../errors.js'
import { hasWildcard, match, type Match } from './glob.js'
import { ignoring } from './ignore-patterns.js'
import { readIndexFile } from './index-file.js'
import { componentsOf, type TreeEntry, LayerTree } from './tree.js'

/** Files to take from a stack of layers (a build context is a stack of one). */
export interface FileSelection {
  readonly layers: readonly string[]
  readonly patterns: readonly string[]
  /** Where there is an index file of the only layer: it tells digests, and what is not in it is not there. */
  readonly known?: string
  /** What to leave out, in the form of .dockerignore, relative to each source. */
  readonly exclude?: readonly string[]
  /** Keep the directories of the patterns, or of what follows `/./` in them; `**` is any depth. */
  readonly parents?: boolean
}

/** One file or directory that was selected. */
export interface Selected extends Match {
  /** Where it goes below the target: its directories are part of it only with `parents`. */
  readonly kept: string
}

/** What there is to select from. @param asSeen as LayerTree's */
export const treeOf = ({ layers, known }: Pick<FileSelection, 'layers' | 'known'>, asSeen = false): LayerTree =>
  new LayerTree(layers, known === undefined ? undefined : readIndexFile(known), asSeen)

/** Every file the patterns name. A pattern without wildcards that names nothing is an error. */
export function select(tree: LayerTree, { patterns, parents = false }: FileSelection): Selected[] {
  return patterns.flatMap((pattern) => {
    const found = match(tree, pattern, parents)
    if (found.length === 0)
      throw new EngineError(
        'missing',
        hasWildcard(pattern) ? `no source files match "${pattern}"` : `"${pattern}": file does not exist`,
      )
    const pivot = /(?:^|\/)\.\//.exec(pattern)
    const left = pivot ? componentsOf(pattern.slice(0, pivot.index)).length : 0
    return found.map((one) => {
      const names = componentsOf(one.name)
      return { ...one, kept: parents ? names.slice(left).join('/') : (names.at(-1) ?? '') }
    })
  })
}

/** Whether something is left out. A directory is only when nothing in it stays. */
export type Left = (path: string, entry: TreeEntry) => boolean

/** @param patterns of .dockerignore's form */
export function leftOut(tree: LayerTree, patterns: readonly string[] = []): Left {
  if (patterns.length === 0) return () => false
  const ignores = ignoring(patterns)
  const excepted = patterns.some((pattern) => pattern.trimStart().startsWith('!'))
  const left: Left = (path, entry) => {
    if (path === '' || !ignores(path)) return false
    if (!excepted || !entry.stat.isDirectory()) return true
    return tree.children(entry).every(([name, child]) => left(`${path}/${name}`, child))
  }
  return left
}
