import { position, SourceError } from './source-error.js'

/**
 * Parses a user's JSON file. Node's own messages name no place for most mistakes before Node 22, so the place is found
 * here, by the grammar of RFC 8259.
 * @throws SourceError at the first character that cannot be there
 */
export function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    const offset = firstWrong(text)
    const { line, column } = position(text, offset)
    const found = text[offset]
    const what = found === undefined ? 'the file ends too early' : `unexpected ${JSON.stringify(found)}`
    throw new SourceError({ file, line, column }, `not JSON: ${what}`, `correct ${file}, commit and push again`)
  }
}

const string = /"(?:[^"\\\n\r\t]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const scalar = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y
const blank = /[ \t\r\n]*/y

/** Offset of the first character that no JSON text could have there. */
function firstWrong(text: string): number {
  let at = 0
  const skip = (pattern: RegExp): boolean => {
    pattern.lastIndex = at
    const match = pattern.exec(text)
    if (match) at += match[0].length
    return match !== null
  }
  const next = (): string | undefined => {
    skip(blank)
    return text[at]
  }
  /** Closing characters still due, innermost last. */
  const open: string[] = []
  const key = (): boolean => {
    next()
    if (!skip(string) || next() !== ':') return false
    at += 1
    return true
  }
  for (;;) {
    const begins = next()
    if (begins === '{' || begins === '[') {
      at += 1
      const close = begins === '{' ? '}' : ']'
      if (next() !== close) {
        open.push(close)
        if (close === '}' && !key()) return at
        continue
      }
      at += 1
    } else if (!skip(string) && !skip(scalar)) return at
    for (let after = next(); after !== ','; after = next()) {
      if (after === undefined || after !== open.at(-1)) return at
      open.pop()
      at += 1
    }
    if (open.length === 0) return at
    at += 1
    if (open.at(-1) === '}' && !key()) return at
  }
}
