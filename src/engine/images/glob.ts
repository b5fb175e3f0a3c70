import { EngineError } from '../errors.js'
import { componentsOf, type Entry, type Tree } from './tree.js'

/** A file or directory that a pattern names. */
export interface Match {
  /** Path in the tree as the pattern spells it: what a copy is named after. */
  readonly name: string
  /** Canonical path, links followed. */
  readonly path: string
  readonly entry: Entry
}

/** True for a pattern of Go's filepath.Match, which is what COPY and ADD take. */
export const hasWildcard = (pattern: string): boolean => /[*?[\\]/.test(pattern)

/**
 * Everything in `tree` that the pattern names, in byte order. A plain name matches itself or nothing.
 * @param deep whether `**` stands for any number of directories, none included
 */
export function match(tree: Tree, pattern: string, deep = false): Match[] {
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
    const expression = toExpression(component)
    found = found.flatMap((path) => {
      const directory = tree.resolve(path).entry
      if (!directory?.stat.isDirectory()) return []
      return tree.children(directory).flatMap(([name]) => (expression.test(name) ? [`${path}/${name}`] : []))
    })
  }
  return found.flatMap((name) => {
    const { path, entry } = tree.resolve(name)
    return entry ? [{ name: name || '/', path, entry }] : []
  })
}

/** Every directory below one, without following links. */
function below(tree: Tree, path: string): string[] {
  const directory = tree.resolve(path, false).entry
  if (!directory?.stat.isDirectory()) return []
  return tree.children(directory).flatMap(([name, { stat }]) => {
    const child = `${path}/${name}`
    return stat.isDirectory() ? [child, ...below(tree, child)] : []
  })
}

/** One component of a Go filepath.Match pattern. @throws EngineError `invalid` */
export function toExpression(pattern: string): RegExp {
  let source = ''
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern.charAt(at)
    if (character === '*') source += '.*'
    else if (character === '?') source += '.'
    else if (character === '\\') source += escape(pattern.charAt(++at))
    else if (character === '[') {
      const end = pattern.indexOf(']', at + 2)
      if (end < 0)
        throw new EngineError('invalid', `syntax error in pattern: "${pattern}" has a [ that is never closed`)
      const inside = pattern.slice(at + 1, end)
      const negated = inside.startsWith('^')
      const body = (negated ? inside.slice(1) : inside).replace(/[\][^&~|]/g, '\\$&')
      source += `[${negated ? '^' : ''}${body}]`
      at = end
    } else source += escape(character)
  }
  try {
    return new RegExp(`^${source.replace(/(\.\*)+/g, '.*')}$`, 'su')
  } catch (error) {
    throw new EngineError('invalid', `syntax error in pattern: "${pattern}"`, error)
  }
}

const escape = (character: string): string => character.replace(/[\\^$.*+?()[\]{}|/-]/, '\\$&')
