import { normalize } from 'node:path/posix'
import { EngineError } from '../errors.js'
import { fits, literal, readToken, type PatternToken } from './wildcard.js'

interface Pattern {
  /** `!`: what it matches stays. */
  readonly excepts: boolean
  readonly matches: (path: string) => boolean
}

/**
 * Whether lines of a .dockerignore file leave out a path: the last that matches it or a directory it is in decides.
 * @throws EngineError `invalid` when one is no pattern
 */
export function ignoring(lines: readonly string[]): (path: string) => boolean {
  const patterns = lines.flatMap((line) => readLine(line) ?? [])
  return (path) => {
    let ignored = false
    for (const { excepts, matches } of patterns) if (excepts === ignored && matches(path)) ignored = !excepts
    return ignored
  }
}

/** As docker's reader: comments begin in the first column, blanks around a pattern and a slash before it are nothing. */
function readLine(line: string): Pattern | undefined {
  if (line.startsWith('#')) return undefined
  const trimmed = line.trim()
  const excepts = trimmed.startsWith('!')
  const text = excepts ? trimmed.slice(1).trim() : trimmed
  if (text === '') {
    if (excepts) throw new EngineError('invalid', 'illegal exclusion pattern: "!"')
    return undefined
  }
  const clean = normalize(text).replace(/(?<=.)\/$/, '')
  const pattern = clean.length > 1 ? clean.replace(/^\//, '') : clean
  // most are names, and every path is compared with every pattern
  const [, anywhere, name] = /^(\*\*\/)?([^*?[\\]+)$/.exec(pattern) ?? []
  if (name !== undefined) {
    const within = (path: string): boolean => `${path}/`.startsWith(`${name}/`)
    const below = (path: string): boolean => `/${path}/`.includes(`/${name}/`)
    return { excepts, matches: anywhere === undefined ? within : below }
  }
  const tokens = tokensOf(pattern)
  const [begins = ''] = /^[^*?[\\]*/.exec(pattern) ?? []
  /** Of directories that were looked at already. */
  const known = new Map<string, boolean>()
  const above = (path: string): boolean => {
    const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')))
    if (parent === '') return false
    const seen = known.get(parent)
    if (seen !== undefined) return seen
    const found = fits(tokens, parent) || above(parent)
    known.set(parent, found)
    return found
  }
  return { excepts, matches: (path) => path.startsWith(begins) && (fits(tokens, path) || above(path)) }
}

const notSlash = (character: string): boolean => character !== '/'
/** What may be left out, with the two tokens after it. */
const perhaps: PatternToken = { many: true, fits: () => false, optional: 3 }
const anything = (): boolean => true

/** `*` and `?` stop at a slash; `**` does not, and with a slash after it stands for no directory as well. */
function tokensOf(pattern: string): PatternToken[] {
  const tokens: PatternToken[] = []
  for (let at = 0; at < pattern.length;) {
    if (pattern.charAt(at) !== '*') {
      const { token, next } = readToken(pattern, at, notSlash)
      tokens.push(token)
      at = next
    } else if (pattern.charAt(at + 1) !== '*') {
      tokens.push({ many: true, fits: notSlash })
      at++
    } else {
      at += 2
      if (pattern.charAt(at) === '/') at++
      if (at >= pattern.length) tokens.push({ many: true, fits: anything })
      else tokens.push(perhaps, { many: true, fits: anything }, literal('/'))
    }
  }
  return tokens
}
