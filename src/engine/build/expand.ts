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
}

/** `${a:-${b:-…}}` nested deeper than this is an attack on the stack. */
const depthLimit = 32

/**
 * Removes quotes and replaces variables in a word: `$x ${x} ${x:-word} ${x-word} ${x:+word} ${x+word} ${x:?word}
 * ${x?word} ${x#pattern} ${x##pattern} ${x%pattern} ${x%%pattern} ${x/pattern/word} ${x//pattern/word}`.
 * @throws ExpandError
 */
export function expandWord(text: string, variables: Variables, escape = '\\'): string {
  return expandUntil({ text, escape, variables, at: 0, depth: 0 }, '')
}

/** As `expandWord`, but cut into words at the blanks that came from outside quotes. */
export function expandWords(text: string, variables: Variables, escape = '\\'): string[] {
  return expandWord(text, variables, escape).split(/\s+/).filter(Boolean)
}

/** As the shell treats an unquoted heredoc: quotes stay, variables are replaced, the escape takes their meaning. */
export function expandHeredoc(text: string, variables: Variables, escape = '\\'): string {
  const cursor: Cursor = { text, escape, variables, at: 0, depth: 0 }
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
    return cursor.variables.get(name) ?? ''
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
      return (value ?? '').replace(toPattern(cursor, word, ['^', ''], operator === '#' ? '.*?' : '.*'), '')
    case '%':
    case '%%':
      return trimEnd(cursor, value ?? '', word, operator === '%')
    default: {
      if (cursor.text.charAt(cursor.at) === '/') cursor.at++
      const by = expandUntil(cursor, '}')
      return (value ?? '').replace(toPattern(cursor, word, ['', ''], '.*', operator === '//' ? 'g' : ''), () => by)
    }
  }
}

/** Shell pattern to expression: only `*` and `?` are special, and few of them: each star multiplies the work. */
function toPattern(
  cursor: Cursor,
  pattern: string,
  around: readonly [string, string],
  star = '.*',
  flags = '',
): RegExp {
  if (pattern.split('*').length > 5) throw new ExpandError(cursor.at, 'a pattern may hold at most four *')
  const source = pattern.replace(/[\\^$.+()[\]{}|/]/g, '\\$&').replace(/\*+|\?/g, (mark) => (mark === '?' ? '.' : star))
  return new RegExp(around.join(source), `s${flags}`)
}

/** Takes the shortest or longest tail that the pattern matches: expressions search from the left, so each is tried. */
function trimEnd(cursor: Cursor, value: string, pattern: string, shortest: boolean): string {
  const whole = toPattern(cursor, pattern, ['^', '$'])
  const cuts = Array.from({ length: value.length + 1 }, (_, at) => (shortest ? value.length - at : at))
  const cut = cuts.find((at) => whole.test(value.slice(at)))
  return cut === undefined ? value : value.slice(0, cut)
}
