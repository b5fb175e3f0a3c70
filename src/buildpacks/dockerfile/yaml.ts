import { SourceError } from '../source-error.js'

/** A value of a YAML file, with the line (from 1) that it begins in. */
export type YamlValue = YamlMap | YamlList | YamlScalar
export interface YamlMap {
  readonly kind: 'map'
  readonly line: number
  readonly entries: ReadonlyMap<string, YamlValue>
}
export interface YamlList {
  readonly kind: 'list'
  readonly line: number
  readonly items: readonly YamlValue[]
}
export interface YamlScalar {
  readonly kind: 'scalar'
  readonly line: number
  /** '' for null. */
  readonly text: string
}

interface Line {
  readonly number: number
  readonly indent: number
  readonly text: string
}

/** So deep it may go. */
const deepest = 20

/**
 * Reads what of YAML people write into short settings files: maps and lists in blocks, lists in brackets, quoted and plain
 * scalars, `|` and `>` blocks, comments. What else there is of YAML (anchors, tags, maps in braces, several documents) is refused.
 * @throws SourceError
 */
export function parseYaml(file: string, text: string): YamlMap {
  const reader = new Reader(file, text)
  const value = reader.block(0)
  if (value?.kind === 'map') return value
  if (value === null) return { kind: 'map', line: 1, entries: new Map() }
  throw reader.bad(value.line, 'a map was expected', 'write `name: value` lines')
}

class Reader {
  readonly #file: string
  readonly #raw: readonly string[]
  readonly #lines: Line[]
  #at = 0
  constructor(file: string, text: string) {
    this.#file = file
    this.#raw = text.split(/\r?\n/)
    this.#lines = this.#raw.flatMap((raw, index): Line[] => {
      const bare = raw.trim()
      if (bare === '' || bare.startsWith('#') || (index === 0 && bare === '---')) return []
      const indent = raw.length - raw.trimStart().length
      return [{ number: index + 1, indent, text: bare }]
    })
  }

  bad(line: number, message: string, hint = `write it plainly: \`name: value\`, or \`- item\`, indented by spaces`) {
    return new SourceError({ file: this.#file, line, column: 1 }, message, hint)
  }

  /** The block that begins here, indented by so much or more; null when there is none. */
  block(indent: number, depth = 0): YamlValue | null {
    const first = this.#lines[this.#at]
    if (first === undefined || first.indent < indent) return null
    if (depth > deepest) throw this.bad(first.number, `it goes deeper than ${deepest} levels`)
    return isItem(first.text) ? this.#list(first, depth) : this.#map(first, depth)
  }

  #map({ number, indent }: Line, depth: number): YamlMap {
    const entries = new Map<string, YamlValue>()
    for (let line = this.#lines[this.#at]; line !== undefined && line.indent >= indent; line = this.#lines[this.#at]) {
      if (/^\s*\t/.test(this.#raw[line.number - 1] ?? '')) throw this.bad(line.number, 'it is indented by a tab')
      const colon = colonOf(line.text)
      const key = line.text
        .slice(0, Math.max(colon, 0))
        .trim()
        .replace(/^(["'])(.*)\1$/, '$2')
      if (line.indent !== indent || key === '' || /^[&*!{[|>%@`"']/.test(key) || isItem(line.text))
        throw this.bad(line.number, `"${line.text.slice(0, 60)}" cannot be read here`)
      if (entries.has(key)) throw this.bad(line.number, `${key} is here twice`, 'leave one of them')
      this.#at += 1
      entries.set(key, this.#value(line, line.text.slice(colon + 1).trim(), depth))
    }
    return { kind: 'map', line: number, entries }
  }

  #list({ number, indent }: Line, depth: number): YamlList {
    const items: YamlValue[] = []
    for (let line = this.#lines[this.#at]; line?.indent === indent && isItem(line.text); line = this.#lines[this.#at]) {
      const text = line.text.slice(1).trim()
      if (isItem(text) || (colonOf(text) > 0 && !/^["']/.test(text))) {
        // a block that begins behind the dash, and goes on as far right as that
        const inner = { ...line, indent: indent + line.text.length - text.length, text }
        this.#lines[this.#at] = inner
        items.push(this.block(inner.indent, depth + 1) ?? { kind: 'scalar', line: line.number, text: '' })
        continue
      }
      this.#at += 1
      items.push(this.#value(line, text, depth))
    }
    return { kind: 'list', line: number, items }
  }

  /** What stands behind a name or a dash: in the same line, or as a block below it. */
  #value(line: Line, written: string, depth: number): YamlValue {
    const text = withoutComment(written)
    const { number } = line
    if (text === '') {
      const next = this.#lines[this.#at]
      // a list may stand as far left as the name that it belongs to
      const own = next !== undefined && isItem(next.text) && !isItem(line.text) ? line.indent : line.indent + 1
      return this.block(own, depth + 1) ?? { kind: 'scalar', line: number, text: '' }
    }
    if (/^[|>][+-]?$/.test(text)) return { kind: 'scalar', line: number, text: this.#folded(line, text[0] === '|') }
    if (text.startsWith('[')) {
      if (!text.endsWith(']')) throw this.bad(number, 'the list does not end in its line', 'end it with `]`')
      const items = text.slice(1, -1).match(/"(?:[^"\\]|\\.)*"|'[^']*'|[^,]+/g) ?? []
      const given = items.map((item) => item.trim()).filter((item) => item !== '')
      return { kind: 'list', line: number, items: given.map((item) => this.#scalar(number, item)) }
    }
    return this.#scalar(number, text)
  }

  #scalar(line: number, text: string): YamlScalar {
    if (/^[&*!{%@`]/.test(text)) throw this.bad(line, `"${text.slice(0, 60)}" is YAML that is not read here`)
    if (text.startsWith('"')) {
      try {
        return { kind: 'scalar', line, text: String(JSON.parse(text)) }
      } catch {
        throw this.bad(line, 'the quoted text is not well-formed', 'end it with `"`, and escape as in JSON')
      }
    }
    const single = /^'((?:[^']|'')*)'$/.exec(text)?.[1]?.replaceAll("''", "'")
    const plain = text === '~' || text === 'null' ? '' : text
    return { kind: 'scalar', line, text: single ?? plain }
  }

  /** The lines below a `|`, or a `>`: those that are indented further. */
  #folded({ indent }: Line, literal: boolean): string {
    const found: string[] = []
    for (let line = this.#lines[this.#at]; line !== undefined && line.indent > indent; line = this.#lines[this.#at]) {
      found.push(line.text)
      this.#at += 1
    }
    return found.join(literal ? '\n' : ' ')
  }
}

/** Where the colon is that ends a name; -1 in what is no entry of a map. */
const colonOf = (text: string): number => text.search(/:(?:\s|$)/)

const isItem = (text: string): boolean => text === '-' || text.startsWith('- ')

/** Quoted text may have a `#` in it. */
function withoutComment(text: string): string {
  if (/^["']/.test(text)) return /^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*')\s*(?:#.*)?$/.exec(text)?.[1] ?? text
  return text.replace(/(?:^|\s)#.*$/, '').trim()
}
