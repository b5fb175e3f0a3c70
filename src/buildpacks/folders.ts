import type { Tree } from './tree.js'

/** So many folders are looked into. */
const looks = 2_000
/** Deeper than any workspace has its packages. */
const depth = 4

/** A pattern of folders as an expression: `*` is within a name, `**` any depth. */
export function folderPattern(pattern: string): RegExp {
  const parts = pattern.replace(/^\.\//, '').replace(/\/+$/, '').split('/')
  const source = parts.map((part) =>
    part === '**' ? '.+' : part.replace(/[.+^${}()|[\]\\?]/g, '\\$&').replace(/\*+/g, '[^/]*'),
  )
  return new RegExp(`^${source.join('/')}$`)
}

/** The folders of a tree, those of installed packages left out. */
export function foldersOf(tree: Tree): string[] {
  const found: string[] = []
  let level = ['.']
  for (let left = depth; left > 0 && found.length < looks; left -= 1) {
    level = level.flatMap((path) =>
      tree
        .names(path)
        .filter((name) => !name.startsWith('.') && name !== 'node_modules')
        .map((name) => (path === '.' ? name : `${path}/${name}`))
        .filter((one) => tree.hasDirectory(one)),
    )
    found.push(...level.slice(0, looks - found.length))
  }
  return found.sort()
}
