import { parse } from 'dotenv'

/** What a shell takes for itself without quotes. */
const plain = /^[A-Za-z0-9_@%+:,./-]+$/

/** `NAME=value` as sh(1) and `parseEnvFile` read it back, whatever the value holds. */
export const formatVar = (name: string, value: string): string =>
  `${name}=${plain.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`}`

/** One line of `formatVar`, and what a person may have put around it: `export`, blanks, a comment. */
const ours =
  /[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=((?:[A-Za-z0-9_@%+:,./-]+|'[^']*'(?:\\''[^']*')*))[ \t]*(?:#[^\n]*)?(?:\r?\n|$)/y
/** Any other entry: up to the end of the line, or of the line on which a value in quotes ends. */
const others =
  /[^\n=]*=[ \t]*(?:"(?:\\[\s\S]|[^"\\])*"|`(?:\\[\s\S]|[^`\\])*`|'(?:\\[\s\S]|[^'\\])*')[^\n]*(?:\n|$)|[^\n]*(?:\n|$)/y

const unquote = (word: string): string => (word.startsWith("'") ? word.slice(1, -1).replaceAll("'\\''", "'") : word)

/**
 * The vars of a file: what `berth config --shell` wrote comes back as it was, to the byte, and is what a shell makes of it;
 * anything else is read as dotenv reads it. What comes later wins.
 */
export function parseEnvFile(text: string): Record<string, string> {
  const vars = new Map<string, string>()
  for (let at = 0; at < text.length;) {
    ours.lastIndex = at
    const [line, name, word] = ours.exec(text) ?? []
    if (line !== undefined && name !== undefined && word !== undefined) {
      vars.set(name, unquote(word))
      at += line.length
      continue
    }
    others.lastIndex = at
    const entry = others.exec(text)?.[0] ?? ''
    for (const [key, value] of Object.entries(parse(entry))) vars.set(key, value)
    at += Math.max(entry.length, 1)
  }
  return Object.fromEntries(vars)
}
