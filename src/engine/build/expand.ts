import { lengths, literal, type PatternToken } from '../images/wildcard.js'

/** The variables a word is expanded with. */
export type Variables = ReadonlyMap<string, string>

/** What is wrong with a word, and where in it. */
export class ExpandError extends Error {
  readonly offset: number
  constructor(offset: number, message: string) {
    super(message)
    this.offset = offset
  }
}

interface Cursor {
  readonly text: string
  readonly escape: string
  readonly variables: Variables
  at: number
  depth: number
  /** Characters that variables have given so far. */
  made: number
}

/** `${a:-${b:-…}}` nested deeper than this is an attack on the stack. */
const depthLimit = 32

/** Thirty lines of `ENV a=$a$a` make a gigabyte. */
const longest = 1 << 20

/** Steps that looking for a pattern may take, some 10 ns each: the engine's loop waits for them. */
const mostSteps = 10_000_000

/**
 * Removes quotes and replaces variables in a word: `$x ${x} ${x:-word} ${x-word} ${x:+word} ${x+word} ${x:?word}
 * ${x?word} ${x#pattern} ${x##pattern} ${x%pattern} ${x%%pattern} ${x/pattern/word} ${x//pattern/word}`.
 * @throws ExpandError
 */
export function expandWord(text: string, variables: Variables, escape = '\\'): string {
  return expandUntil({ text, escape, variables, at: 0, depth: 0, made: 0 }, '')
}

/** As `expandWord`, but cut into words at the blanks that came from outside quotes. */
export function expandWords(text: string, variables: Variables, escape = '\\'): string[] {
  return expandWord(text, variables, escape).split(/\s+/).filter(Boolean)
}

/** As the shell treats an unquoted heredoc: quotes stay, variables are replaced, the escape takes their meaning. */
export function expandHeredoc(text: string, variables: Variables, escape = '\\'): string {
  const cursor: Cursor = { text, escape, variables, at: 0, depth: 0, made: 0 }
  let out = ''
  while (cursor.at < text.length) {
    const character = text.charAt(cursor.at)
    if (character === escape && ['$', '`', escape].includes(text.charAt(cursor.at + 1))) {
      out += text.charAt(cursor.at + 1)
      cursor.at += 2
    } else if (character === '$') out += expandDollar(cursor)
    else {
      out += character
      cursor.at++
    }
  }
  return out
}

/** Reads until one of `stop`, left unread, or the end. */
function expandUntil(cursor: Cursor, stop: string): string {
  let out = ''
  while (cursor.at < cursor.text.length) {
    const character = cursor.text.charAt(cursor.at)
    if (stop.includes(character)) return out
    if (character === "'") out += singleQuoted(cursor)
    else if (character === '"') out += doubleQuoted(cursor)
    else if (character === '$') out += expandDollar(cursor)
    else if (character === cursor.escape) {
      out += cursor.text.charAt(cursor.at + 1)
      cursor.at += 2
    } else {
      out += character
      cursor.at++
    }
  }
  return out
}

function singleQuoted(cursor: Cursor): string {
  const end = cursor.text.indexOf("'", cursor.at + 1)
  if (end < 0) throw new ExpandError(cursor.at, "a ' is never closed")
  const inside = cursor.text.slice(cursor.at + 1, end)
  cursor.at = end + 1
  return inside
}

function doubleQuoted(cursor: Cursor): string {
  const opened = cursor.at++
  let out = ''
  while (cursor.at < cursor.text.length) {
    const character = cursor.text.charAt(cursor.at)
    if (character === '"') {
      cursor.at++
      return out
    }
    const next = cursor.text.charAt(cursor.at + 1)
    if (character === '$') out += expandDollar(cursor)
    else if (character === cursor.escape && ['"', '$', cursor.escape].includes(next)) {
      out += next
      cursor.at += 2
    } else {
      out += character
      cursor.at++
    }
  }
  throw new ExpandError(opened, 'a " is never closed')
}

function expandDollar(cursor: Cursor): string {
  const start = cursor.at
  const [plain, name] = /^\$([A-Za-z_][A-Za-z0-9_]*|[0-9@*#?!$-])/.exec(cursor.text.slice(start)) ?? []
  if (plain !== undefined && name !== undefined) {
    cursor.at += plain.length
    return grown(cursor, cursor.variables.get(name) ?? '')
  }
  if (cursor.text.charAt(start + 1) !== '{') {
    cursor.at++
    return '$'
  }
  const [head, braced = ''] = /^\$\{([A-Za-z_][A-Za-z0-9_]*|[0-9@*#?!$-])/.exec(cursor.text.slice(start)) ?? []
  if (head === undefined) throw new ExpandError(start, 'bad substitution: no name after ${')
  cursor.at += head.length
  if (++cursor.depth > depthLimit) throw new ExpandError(start, 'substitutions are nested too deeply')
  const value = expandBraced(cursor, braced, start)
  cursor.depth--
  grown(cursor, value)
  if (cursor.text.charAt(cursor.at) !== '}') throw unclosed(start)
  cursor.at++
  return value
}

const unclosed = (start: number): ExpandError => new ExpandError(start, 'bad substitution: ${ is never closed by }')

function expandBraced(cursor: Cursor, name: string, start: number): string {
  const value = cursor.variables.get(name)
  const [operator] = /^(?::[-+?]|[-+?]|##?|%%?|\/\/?)/.exec(cursor.text.slice(cursor.at)) ?? []
  if (operator === undefined) {
    if (cursor.text.charAt(cursor.at) === '}') return value ?? ''
    if (cursor.at >= cursor.text.length) throw unclosed(start)
    throw new ExpandError(start, `unsupported modifier in \${${name}${cursor.text.charAt(cursor.at)}…}`)
  }
  cursor.at += operator.length
  const word = expandUntil(cursor, operator.startsWith('/') ? '/}' : '}')
  const set = operator.startsWith(':') ? (value ?? '') !== '' : value !== undefined
  switch (operator.replace(':', '')) {
    case '-':
      return set ? (value ?? '') : word
    case '+':
      return set ? word : ''
    case '?':
      if (!set) throw new ExpandError(start, `${name}: ${word || 'is not set'}`)
      return value ?? ''
    case '#':
    case '##':
      return trimStart(cursor, value ?? '', tokensOf(word), operator === '#')
    case '%':
    case '%%':
      return reversed(trimStart(cursor, reversed(value ?? ''), tokensOf(word).reverse(), operator === '%'))
    default: {
      if (cursor.text.charAt(cursor.at) === '/') cursor.at++
      const by = expandUntil(cursor, '}')
      return replace(cursor, value ?? '', tokensOf(word), by, operator === '//')
    }
  }
}

/** Shell pattern to tokens: only `*` and `?` are special. */
const tokensOf = (pattern: string): PatternToken[] =>
  Array.from(pattern, (mark) =>
    mark === '*' || mark === '?' ? { many: mark === '*', fits: () => true } : literal(mark),
  )

/** Without the shortest or longest beginning that the pattern matches. */
function trimStart(cursor: Cursor, value: string, tokens: readonly PatternToken[], shortest: boolean): string {
  const characters = Array.from(value)
  demandQuick(cursor, characters.length * tokens.length)
  const cut = lengths(tokens, characters).at(shortest ? 0 : -1) ?? 0
  return characters.slice(cut).join('')
}

const reversed = (text: string): string => Array.from(text).reverse().join('')

/** The longest match at each place is replaced, from the left. */
function replace(cursor: Cursor, value: string, tokens: readonly PatternToken[], by: string, all: boolean): string {
  const characters = Array.from(value)
  // without a star, a search ends where the pattern does
  const reach = tokens.some(({ many }) => many) ? characters.length : tokens.length
  demandQuick(cursor, characters.length * reach * tokens.length)
  let out = ''
  for (let at = 0; at < characters.length;) {
    const length = lengths(tokens, characters, at).at(-1) ?? 0
    if (length === 0) out += characters[at++] ?? ''
    else {
      out += grown(cursor, by)
      at += length
      if (!all) return out + characters.slice(at).join('')
    }
  }
  return out
}

function demandQuick(cursor: Cursor, steps: number): void {
  if (steps > mostSteps) throw new ExpandError(cursor.at, 'the value is too long to be searched for that pattern')
}

/** Counts what a word is made of. @throws ExpandError when it grows without bounds */
function grown(cursor: Cursor, text: string): string {
  cursor.made += text.length
  if (cursor.made > longest) throw new ExpandError(cursor.at, 'the expanded word is larger than 1 MiB')
  return text
}
