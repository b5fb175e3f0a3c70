import type { LogicalLine } from './source.js'

/** A word of an instruction, quotes and variables as written. */
export interface Word {
  readonly text: string
  /** Where it starts in its line. */
  readonly offset: number
}

/** Cuts at blanks outside quotes, from `offset` on. @throws DockerfileError for a quote never closed */
export function cutWords(line: LogicalLine, offset: number, escape: string): Word[] {
  const words: Word[] = []
  let start = -1
  let quote = ''
  let opened = 0
  const { text } = line
  for (let at = offset; at < text.length; at++) {
    const character = text.charAt(at)
    if (quote === '' && /\s/.test(character)) {
      if (start >= 0) words.push({ text: text.slice(start, at), offset: start })
      start = -1
      continue
    }
    if (start < 0) start = at
    if (character === escape && quote !== "'") at++
    else if (quote === '' && (character === '"' || character === "'")) {
      quote = character
      opened = at
    } else if (character === quote) quote = ''
  }
  if (quote !== '') throw line.error(opened, `unexpected end of the instruction: a ${quote} is never closed`)
  if (start >= 0) words.push({ text: text.slice(start), offset: start })
  return words
}

/** `--name=value` before the arguments; a flag without a value is `true`. */
export interface Flag extends Word {
  readonly name: string
  readonly value: string
}

/** The flags of an instruction and where its arguments begin. */
export function cutFlags(line: LogicalLine, offset: number, escape: string): { flags: Flag[]; rest: number } {
  const flags: Flag[] = []
  let rest = skipBlanks(line.text, offset)
  while (line.text.startsWith('--', rest)) {
    let end = rest
    while (end < line.text.length && !/\s/.test(line.text.charAt(end))) end += line.text.charAt(end) === escape ? 2 : 1
    const text = line.text.slice(rest, end)
    if (text === '--') return { flags, rest: skipBlanks(line.text, end) }
    const equals = text.indexOf('=')
    const name = text.slice(2, equals < 0 ? undefined : equals)
    flags.push({ text, offset: rest, name, value: equals < 0 ? 'true' : text.slice(equals + 1) })
    rest = skipBlanks(line.text, end)
  }
  return { flags, rest }
}

export function skipBlanks(text: string, offset: number): number {
  let at = offset
  while (at < text.length && /\s/.test(text.charAt(at))) at++
  return at
}

/** The JSON form of an instruction's arguments; undefined when they are not an array of strings. */
export function readJsonForm(text: string): string[] | undefined {
  if (!text.trimStart().startsWith('[')) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined
  } catch {
    return undefined // then it is a shell command that begins with a bracket
  }
}
