import { DockerfileError, type Heredoc, LogicalLine, type Position } from './source.js'

/** A Dockerfile cut into instructions. */
export interface DockerfileLines {
  /** `\` or, by the directive, a backtick. */
  readonly escape: '\\' | '`'
  readonly lines: readonly LogicalLine[]
}

/** Past this a Dockerfile is an attack, not a build. */
const sizeLimit = 1 << 20

/**
 * Cuts a Dockerfile into instructions: parser directives, comments, continuation lines, heredocs, as BuildKit's parser.
 * @throws DockerfileError
 */
export function cutLines(file: string, text: string): DockerfileLines {
  if (text.length > sizeLimit) throw new DockerfileError(file, { line: 1, column: 1 }, 'larger than 1 MiB')
  const physical = text.replace(/^\uFEFF/, '').split(/\r?\n/)
  const { escape, next } = readDirectives(file, physical)
  const lines: LogicalLine[] = []
  for (let at = next; at < physical.length;) {
    const { line, next: after } = joinLine(file, physical, at, escape)
    at = after
    if (line === undefined) continue
    const words = heredocWords(line)
    const heredocs: Heredoc[] = []
    let { text } = line
    for (const { offset, raw, word } of words) {
      const { heredoc, next: end } = readHeredoc(physical, at, word)
      // it may be a shift: $(( 1 << 2 ))
      if (!heredoc && raw !== word) continue
      if (!heredoc)
        throw line.error(offset, `heredoc "${word}" is never closed`, `end it with a line that holds only its name`)
      heredocs.push(heredoc)
      at = end
      text = text.replace(raw, () => word)
    }
    lines.push(heredocs.length > 0 ? line.with(text, heredocs) : line)
  }
  return { escape, lines }
}

function readDirectives(
  file: string,
  physical: readonly string[],
): { escape: DockerfileLines['escape']; next: number } {
  let escape: DockerfileLines['escape'] = '\\'
  const seen = new Set<string>()
  for (const [index, text] of physical.entries()) {
    const [, name, rest = ''] = /^#[ \t]*([A-Za-z][A-Za-z0-9]*)[ \t]*=(.*)$/.exec(text) ?? []
    const value = rest.trim()
    const key = name?.toLowerCase()
    if ((key !== 'syntax' && key !== 'escape' && key !== 'check') || value === '') return { escape, next: index }
    const position = { line: index + 1, column: 1 }
    if (seen.has(key)) throw new DockerfileError(file, position, `only one ${key} parser directive can be used`)
    seen.add(key)
    if (key !== 'escape') continue
    if (value !== '\\' && value !== '`')
      throw new DockerfileError(file, position, `invalid escape token "${value}"`, 'it may be \\ or `')
    escape = value
  }
  return { escape, next: physical.length }
}

const isComment = (text: string): boolean => /^[ \t]*#/.test(text)

/** Joins a line with those that continue it. Comments and empty lines among them are dropped. */
function joinLine(
  file: string,
  physical: readonly string[],
  first: number,
  escape: string,
): { line: LogicalLine | undefined; next: number } {
  const token = escape === '\\' ? '\\\\' : '`'
  const continued = new RegExp(`(?:^|[^${token}])${token}[ \\t]*$`)
  const starts: (Position & { offset: number })[] = []
  let joined = ''
  let at = first
  for (; at < physical.length; at++) {
    const text = physical[at] ?? ''
    if (isComment(text) || text.trim() === '') {
      if (starts.length === 0) return { line: undefined, next: at + 1 }
      continue
    }
    const indent = starts.length === 0 ? text.length - text.trimStart().length : 0
    starts.push({ offset: joined.length, line: at + 1, column: indent + 1 })
    if (!continued.test(text)) {
      joined += text.slice(indent).trimEnd()
      at++
      break
    }
    joined += text.slice(indent, text.lastIndexOf(escape))
  }
  return { line: new LogicalLine(file, joined.trimEnd(), starts), next: at }
}

/** A word that announces a heredoc. */
interface Announced {
  readonly offset: number
  /** As it is written: there may be blanks before the name. */
  readonly raw: string
  readonly word: string
}

const name = /^(?:'[^'<>\s]+'|"[^"<>\s]+"|[^'"<>\s|&;()]+)$/

/** The words that announce heredocs, of the instructions that take them. */
function heredocWords({ text }: LogicalLine): Announced[] {
  if (!/^(?:ONBUILD\s+)?(?:RUN|COPY|ADD)\s/i.test(text)) return []
  const words = [...text.matchAll(/(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+/g)]
  return words.flatMap(({ 0: word, index }, at): Announced[] => {
    const [, begin = '', rest = ''] = /^(\d*<<-?)(.*)$/s.exec(word) ?? []
    if (begin === '') return []
    if (rest !== '') return name.test(rest) ? [{ offset: index, raw: word, word }] : []
    const next = words[at + 1]
    if (!next || !name.test(next[0]) || next[0].startsWith('-')) return []
    return [{ offset: index, raw: text.slice(index, next.index + next[0].length), word: begin + next[0] }]
  })
}

function readHeredoc(
  physical: readonly string[],
  first: number,
  word: string,
): { heredoc: Heredoc | undefined; next: number } {
  const [, dash, quote, name = ''] = /^\d*<<(-?)(['"]?)(.+?)\2$/.exec(word) ?? []
  const body: string[] = []
  for (let at = first; at < physical.length; at++) {
    const text = dash === '-' ? (physical[at] ?? '').replace(/^\t+/, '') : (physical[at] ?? '')
    if (text === name) {
      const content = body.map((line) => `${line}\n`).join('')
      return { heredoc: { name, content, expand: quote === '', word }, next: at + 1 }
    }
    body.push(text)
  }
  return { heredoc: undefined, next: physical.length }
}
