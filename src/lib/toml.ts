/** A value of a TOML document. Dates and times stay as they are written. */
export type TomlValue = string | number | boolean | TomlValue[] | TomlTable
/** A table of a TOML document. It has no prototype: `constructor` is a key like others. */
export interface TomlTable {
  [key: string]: TomlValue
}

/** A text that is not TOML, and where; line and column from 1. */
export class TomlError extends Error {
  readonly line: number
  readonly column: number
  constructor(message: string, text: string, at: number) {
    const before = text.slice(0, at).split('\n')
    super(message)
    this.line = before.length
    this.column = (before.at(-1) ?? '').length + 1
  }
}

/** Reads a TOML 1.0 document. @throws TomlError */
export function parseToml(text: string): TomlTable {
  return new Parser(text).document()
}

/** A value as a table; one that is none has nothing in it. */
export const asTable = (value: TomlValue | undefined): TomlTable =>
  typeof value === 'object' && !Array.isArray(value) ? value : {}

/** The tables of an array of tables. */
export const asTables = (value: TomlValue | undefined): TomlTable[] => (Array.isArray(value) ? value.map(asTable) : [])

/** The texts of an array of texts. */
export const asTexts = (value: TomlValue | undefined): string[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []

const escapes: Readonly<Record<string, string>> = { b: '\b', t: '\t', n: '\n', f: '\f', r: '\r', e: '\x1b' }
/** Deeper than anybody nests: the parser calls itself for each level. */
const deepest = 200
const newTable = (): TomlTable => Object.create(null) as TomlTable

class Parser {
  #at = 0
  #depth = 0
  readonly #text: string
  /** Tables that a header or a dotted key made, which another may add to; all others are closed. */
  readonly #open = new WeakSet<TomlTable>()
  readonly #headed = new WeakSet<TomlTable>()
  /** Arrays that `[[…]]` made. */
  readonly #lists = new WeakSet<TomlValue[]>()

  constructor(text: string) {
    this.#text = text
  }

  document(): TomlTable {
    const root = this.#opened()
    let table = root
    for (;;) {
      this.#skip(/(?:[ \t\r\n]|#[^\n]*)*/y)
      if (this.#at >= this.#text.length) return root
      const start = this.#at
      if (this.#take('[[')) {
        const keys = this.#key()
        this.#expect(']]')
        table = this.#listed(root, keys, start)
      } else if (this.#take('[')) {
        const keys = this.#key()
        this.#expect(']')
        table = this.#descend(root, keys, start)
        if (this.#headed.has(table)) throw this.#wrong(`[${keys.join('.')}] is here twice`, start)
        this.#headed.add(table)
      } else this.#pair(table)
      this.#skip(/[ \t]*(?:#[^\n]*)?/y)
      if (this.#at < this.#text.length && !this.#skip(/\r?\n/y)) throw this.#wrong('the line should end here')
    }
  }

  #pair(table: TomlTable): void {
    const start = this.#at
    const keys = this.#key()
    this.#expect('=')
    this.#blank()
    const value = this.#value()
    const target = this.#descend(table, keys.slice(0, -1), start)
    const last = keys.at(-1) ?? ''
    if (last in target) throw this.#wrong(`${keys.join('.')} is here twice`, start)
    target[last] = value
  }

  #opened(): TomlTable {
    const table = newTable()
    this.#open.add(table)
    return table
  }

  /** The table that keys lead to, made where it is missing; through a list of tables, in its last. */
  #descend(from: TomlTable, keys: readonly string[], start: number): TomlTable {
    let table = from
    for (const key of keys) {
      const next = (table[key] ??= this.#opened())
      const found = Array.isArray(next) && this.#lists.has(next) ? next.at(-1) : next
      if (typeof found !== 'object' || Array.isArray(found) || !this.#open.has(found))
        throw this.#wrong(`${key} is no table that can be added to`, start)
      table = found
    }
    return table
  }

  #listed(root: TomlTable, keys: readonly string[], start: number): TomlTable {
    const parent = this.#descend(root, keys.slice(0, -1), start)
    const last = keys.at(-1) ?? ''
    if (!(last in parent)) {
      const list: TomlValue[] = []
      this.#lists.add(list)
      parent[last] = list
    }
    const list = parent[last]
    if (!Array.isArray(list) || !this.#lists.has(list)) throw this.#wrong(`${last} is no list of tables`, start)
    const table = this.#opened()
    list.push(table)
    return table
  }

  #key(): string[] {
    const keys: string[] = []
    do {
      this.#blank()
      const quote = this.#text[this.#at]
      const bare = this.#match(/[A-Za-z0-9_-]+/y)
      if (bare !== null) keys.push(bare)
      else if (quote === '"') keys.push(this.#basic())
      else if (quote === "'") keys.push(this.#literal())
      else throw this.#wrong('a key should be here')
      this.#blank()
    } while (this.#take('.'))
    return keys
  }

  #value(): TomlValue {
    if (this.#text.startsWith('"""', this.#at)) return this.#manyLines('"""')
    if (this.#text.startsWith("'''", this.#at)) return this.#manyLines("'''")
    const first = this.#text[this.#at]
    if (first === '"') return this.#basic()
    if (first === "'") return this.#literal()
    if (first === '[' || first === '{') {
      if ((this.#depth += 1) > deepest) throw this.#wrong('nested too deep')
      const value = first === '[' ? this.#array() : this.#inline()
      this.#depth -= 1
      return value
    }
    const start = this.#at
    const word = this.#match(/\d{4}-\d\d-\d\d [\d:.]+(?:Z|[+-]\d\d:\d\d)?|[\w.:+-]+/y)
    if (word === null) throw this.#wrong('a value should be here')
    if (word === 'true' || word === 'false') return word === 'true'
    if (/^\d{4}-\d\d-\d\d|^\d\d:\d\d/.test(word)) return word
    if (/^[+-]?(?:inf|nan)$/.test(word)) return word.endsWith('nan') ? NaN : word.startsWith('-') ? -Infinity : Infinity
    const plain = /^(?:0[xob][\da-fA-F_]+|[+-]?(?:0|[1-9](?:_?\d)*)(?:\.\d(?:_?\d)*)?(?:[eE][+-]?\d(?:_?\d)*)?)$/.test(
      word,
    )
    const number = Number(word.replaceAll('_', ''))
    if (!plain || Number.isNaN(number)) throw this.#wrong(`${word} is no value: a text stands in quotes`, start)
    return number
  }

  #array(): TomlValue[] {
    const all: TomlValue[] = []
    const gap = /(?:[ \t\r\n]|#[^\n]*)*/y
    this.#expect('[')
    for (;;) {
      this.#skip(gap)
      if (this.#take(']')) return all
      all.push(this.#value())
      this.#skip(gap)
      if (!this.#take(',')) {
        this.#expect(']')
        return all
      }
    }
  }

  #inline(): TomlTable {
    const table = this.#opened()
    this.#expect('{')
    this.#skip(/\s*/y)
    if (!this.#take('}'))
      do this.#pair(table)
      while ((this.#skip(/\s*/y), !this.#take('}')) && (this.#expect(','), this.#skip(/\s*/y), !this.#take('}')))
    this.#open.delete(table)
    return table
  }

  #basic(): string {
    const start = this.#at
    const found = this.#match(/"(?:[^"\\\n]|\\.)*"/y)
    if (found === null) throw this.#wrong('the text has no end on its line', start)
    return this.#unescaped(found.slice(1, -1), start + 1)
  }

  #literal(): string {
    const found = this.#match(/'[^'\n]*'/y)
    if (found === null) throw this.#wrong('the text has no end on its line')
    return found.slice(1, -1)
  }

  #manyLines(quotes: string): string {
    const start = this.#at
    const found = this.#match(
      quotes === '"""' ? /"""(?:\\[\s\S]|[^\\])*?"""(?!"(?!""))"{0,2}/y : /'''[\s\S]*?'''(?!'(?!''))'{0,2}/y,
    )
    if (found === null) throw this.#wrong(`the text has no ${quotes} at its end`, start)
    const text = found.slice(3, -3).replace(/^\r?\n/, '')
    return quotes === '"""' ? this.#unescaped(text.replace(/\\[ \t]*\r?\n\s*/g, ''), start) : text
  }

  #unescaped(text: string, at: number): string {
    return text.replace(
      /\\(u[\da-fA-F]{4}|U[\da-fA-F]{8}|x[\da-fA-F]{2}|[\s\S])/g,
      (all, code: string, offset: number) => {
        if (code === '"' || code === '\\') return code
        const simple = escapes[code]
        if (simple !== undefined) return simple
        const point = code.length > 1 ? parseInt(code.slice(1), 16) : Infinity
        if (point > 0x10ffff) throw this.#wrong(`${all} is no escape of TOML's`, at + offset)
        return String.fromCodePoint(point)
      },
    )
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0] ?? null
    this.#at += found?.length ?? 0
    return found
  }

  #skip(pattern: RegExp): boolean {
    return this.#match(pattern) !== null
  }

  #blank(): void {
    this.#skip(/[ \t]*/y)
  }

  #take(text: string): boolean {
    const there = this.#text.startsWith(text, this.#at)
    if (there) this.#at += text.length
    return there
  }

  #expect(text: string): void {
    this.#blank()
    if (!this.#take(text)) throw this.#wrong(`"${text}" should be here`)
  }

  #wrong(message: string, at = this.#at): TomlError {
    return new TomlError(message, this.#text, at)
  }
}
