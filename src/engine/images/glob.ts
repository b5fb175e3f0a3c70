import { fits, readToken, type PatternToken } from './wildcard.js'
import { componentsOf, type TreeEntry, type LayerTree } from './tree.js'

/** A file or directory that a pattern names. */
export interface Match {
  /** Path in the tree as the pattern spells it: what a copy is named after. */
  readonly name: string
  /** Canonical path, links followed. */
  readonly path: string
  readonly entry: TreeEntry
}

/** True for a pattern of Go's filepath.Match, which is what COPY and ADD take. */
export const hasWildcard = (pattern: string): boolean => /[*?[\\]/.test(pattern)

/**
 * Everything in `tree` that the pattern names, in byte order. A plain name matches itself or nothing.
 * @param deep whether `**` stands for any number of directories, none included
 */
export function match(tree: LayerTree, pattern: string, deep = false): Match[] {
  let found = ['']
  for (const component of componentsOf(pattern)) {
    if (deep && component === '**') {
      found = found.flatMap((path) => [path, ...below(tree, path)])
      continue
    }
    if (!hasWildcard(component)) {
      found = found.map((path) => `${path}/${component}`)
      continue
    }
    const matches = readPattern(component)
    found = found.flatMap((path) => {
      const directory = tree.resolve(path).entry
      if (!directory?.stat.isDirectory()) return []
      return tree.children(directory).flatMap(([name]) => (matches(name) ? [`${path}/${name}`] : []))
    })
  }
  return found.flatMap((name) => {
    const { path, entry } = tree.resolve(name)
    return entry ? [{ name: name || '/', path, entry }] : []
  })
}

/** Every directory below one, without following links. */
function below(tree: LayerTree, path: string): string[] {
  const directory = tree.resolve(path, false).entry
  if (!directory?.stat.isDirectory()) return []
  return tree.children(directory).flatMap(([name, { stat }]) => {
    const child = `${path}/${name}`
    return stat.isDirectory() ? [child, ...below(tree, child)] : []
  })
}

/** Whether a name is one component of a Go filepath.Match pattern. @throws EngineError `invalid` */
export function readPattern(pattern: string): (name: string) => boolean {
  const tokens: PatternToken[] = []
  for (let at = 0; at < pattern.length;) {
    if (pattern.charAt(at) === '*') {
      tokens.push({ many: true, fits: () => true })
      at++
      continue
    }
    const { token, next } = readToken(pattern, at, () => true)
    tokens.push(token)
    at = next
  }
  return (name) => fits(tokens, name)
}
