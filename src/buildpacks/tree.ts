import { lstatSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { join, sep } from 'node:path'
import { BerthError } from '../errors.js'

/** A source tree, read-only. Paths are relative, `/`-separated. A link that leads out of the tree is as if it were not there. */
export interface Tree {
  /** Is it a regular file (or a link to one inside the tree)? */
  hasFile(path: string): boolean
  hasDirectory(path: string): boolean
  /** Text of a file, null when there is none. @throws BerthError `invalid` for one too large to be what its name says */
  read(path: string, maxBytes?: number): string | null
  /** Names at the top, or in a directory of it, sorted. */
  names(path?: string): readonly string[]
}

/** Far above any package.json or Procfile, far below what would hurt. */
const usualBytes = 4 * 1024 * 1024

/** A directory as a tree. */
export function directoryTree(root: string): Tree {
  const top = realpathSync.native(root)
  const locate = (path: string): string | null => {
    try {
      const real = realpathSync.native(join(top, path))
      return real === top || real.startsWith(top + sep) ? real : null
    } catch {
      return null
    }
  }
  const stat = (path: string) => {
    const real = locate(path)
    return real === null ? null : { real, stats: lstatSync(real) }
  }
  return {
    hasFile: (path) => stat(path)?.stats.isFile() ?? false,
    hasDirectory: (path) => stat(path)?.stats.isDirectory() ?? false,
    read: (path, maxBytes = usualBytes) => {
      const file = stat(path)
      if (!file?.stats.isFile()) return null
      if (file.stats.size > maxBytes)
        throw new BerthError('invalid', `${path} is ${file.stats.size} bytes: too large to be what its name says`)
      return readFileSync(file.real, 'utf8').replace(/^\uFEFF/, '')
    },
    names: (path = '.') => {
      const directory = stat(path)
      return directory?.stats.isDirectory() ? readdirSync(directory.real).sort() : []
    },
  }
}

/** A tree with other text in some files at its top, or without them. */
export function over(tree: Tree, files: string | readonly string[], text: string | null): Tree {
  const is = (path: string): boolean => (typeof files === 'string' ? path === files : files.includes(path))
  return {
    ...tree,
    hasFile: (path) => (is(path) ? text !== null : tree.hasFile(path)),
    read: (path, maxBytes) => (is(path) ? text : tree.read(path, maxBytes)),
    names: (path) => tree.names(path).filter((name) => text !== null || (path ?? '.') !== '.' || !is(name)),
  }
}

/** A folder of a tree as a tree. */
export const below = (tree: Tree, directory: string): Tree =>
  directory === '.'
    ? tree
    : {
        hasFile: (path) => tree.hasFile(`${directory}/${path}`),
        hasDirectory: (path) => tree.hasDirectory(`${directory}/${path}`),
        read: (path, maxBytes) => tree.read(`${directory}/${path}`, maxBytes),
        names: (path = '.') => tree.names(path === '.' ? directory : `${directory}/${path}`),
      }
