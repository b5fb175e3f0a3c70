import { interpolate, InterpolationError } from '../../lib/interpolate.js'
import { SourceError } from '../source-error.js'
import type { YamlMap, YamlValue } from '../yaml.js'

/** Refusals that one message names. */
const named = 20
/** Characters that all values together may become. */
const most = 1024 * 1024

/** What is found while files are read. */
interface Found {
  readonly notes: Set<string>
  readonly problems: { readonly file: string; readonly line: number; readonly text: string; readonly way: string }[]
  /** Characters that values may still become. */
  left: number
}

const nothingFound = (): Found => ({ notes: new Set(), problems: [], left: most })

/** A compose file while it is read: what is wrong with it, and what the pusher should know. */
export class Reading {
  readonly file: string
  readonly #found: Found
  readonly #variables: Readonly<Record<string, string>>

  /** @param variables values for `${NAME}` */
  constructor(file: string, variables: Readonly<Record<string, string>>, found: Found = nothingFound()) {
    this.file = file
    this.#variables = variables
    this.#found = found
  }

  get notes(): Set<string> {
    return this.#found.notes
  }

  /** The reading of another file, for this one: what is wrong in either is told at once. */
  of(file: string): Reading {
    return file === this.file ? this : new Reading(file, this.#variables, this.#found)
  }

  /** Takes note of what cannot be so; the reading goes on, so that all of it is told at once. */
  refuse(line: number, text: string, way: string): void {
    this.#found.problems.push({ file: this.file, line, text, way })
  }

  /** A text with the values of its variables. */
  interpolated(line: number, path: string, text: string): string {
    try {
      const made = interpolate(text, (name) => {
        if (Object.hasOwn(this.#variables, name)) return this.#variables[name]
        return undefined
      })
      this.#found.left -= made.length
      if (this.#found.left < 0) throw new InterpolationError('is too much, with the values of all variables')
      return made
    } catch (error) {
      if (!(error instanceof InterpolationError)) throw error
      const wanted = /^wants (\w+)/.exec(error.message)?.[1]
      this.refuse(
        line,
        `${path} ${error.message}`,
        wanted === undefined ? 'a dollar sign is written $$' : `berth config:set ${wanted}=…, then deploy again`,
      )
      return ''
    }
  }

  /** @throws SourceError when anything was refused: each with its line, and what to do */
  end(): void {
    const all = this.#found.problems.sort(
      (a, b) => Number(a.file !== this.file) - Number(b.file !== this.file) || a.line - b.line,
    )
    const [first] = all
    if (first === undefined) return
    const [, ...others] = all.map(({ file, line, text, way }) => `${file}:${line}:1: ${text}: ${way}`)
    const told = others.slice(0, named - 1)
    const left = others.length - told.length
    throw new SourceError(
      { file: first.file, line: first.line, column: 1 },
      [
        first.text + (others.length === 0 ? '' : `: ${first.way}`),
        ...told,
        ...(left > 0 ? [`and ${left} more`] : []),
      ].join('\n'),
      others.length === 0 ? first.way : 'nothing was changed; correct the file, and deploy again',
    )
  }
}

/** A value of a map, or of a list of `NAME=value`, as it is written; null where none is. */
export interface Pair {
  readonly at: Field
  readonly value: string | null
}

/** A value of a compose file, with where it stands. What is not as it should be is refused, and read as nothing. */
export class Field {
  readonly reading: Reading
  readonly value: YamlValue
  /** `services.db.ports` */
  readonly path: string
  readonly line: number

  constructor(reading: Reading, value: YamlValue, path: string, line = value.line) {
    this.reading = reading
    this.value = value
    this.path = path
    this.line = line
  }

  refuse(why: string, way: string): void {
    this.reading.refuse(this.line, `${this.path} ${why}`, way)
  }

  note(text: string): void {
    this.reading.notes.add(`${this.reading.file}:${this.line}: ${this.path} ${text}`)
  }

  get isNone(): boolean {
    return this.value.kind === 'scalar' && this.value.none === true
  }

  /** As it is written. */
  raw(): string {
    if (this.value.kind === 'scalar') return this.value.text
    this.refuse(`is a ${this.value.kind}`, 'a single value is wanted here')
    return ''
  }

  /** With the values of its variables; '' for nothing. */
  text(): string {
    return this.reading.interpolated(this.line, this.path, this.raw())
  }

  flag(): boolean {
    const text = this.text().toLowerCase()
    if (['true', 'yes', 'on'].includes(text)) return true
    if (!['false', 'no', 'off', ''].includes(text)) this.refuse(`is ${shown(text)}`, 'write true or false')
    return false
  }

  /** @returns undefined, refused, for what is no number from `least` to `greatest` */
  number(least: number, greatest: number): number | undefined {
    const text = this.text()
    const value = text.trim() === '' ? NaN : Number(text)
    if (value >= least && value <= greatest) return value
    this.refuse(`is ${shown(text)}`, `a number from ${least} to ${greatest} is wanted`)
    return undefined
  }

  /** Its entries, those of maps that `<<` merges in too. */
  entries(): [string, Field][] {
    if (this.isNone) return []
    if (this.value.kind === 'map') return entriesOf(this.reading, this.value, this.path)
    this.refuse('is no map', 'write `name: value` lines below it')
    return []
  }

  get(name: string): Field | undefined {
    return this.entries().find(([key]) => key === name)?.[1]
  }

  /** The items of a list; a single value is a list of one. */
  items(): Field[] {
    if (this.isNone) return []
    if (this.value.kind === 'list')
      return this.value.items.map(
        (item, index) => new Field(readingOf(this.reading, item), item, `${this.path}[${index}]`),
      )
    if (this.value.kind === 'scalar') return [this]
    this.refuse('is a map', 'write a list of `- value` lines below it')
    return []
  }

  /** A map, or a list of `NAME=value`: name -> its value as it is written, null where none is. */
  pairs(separator = /=/): Map<string, Pair> {
    if (this.value.kind === 'map')
      return new Map(this.entries().map(([name, at]) => [name, { at, value: at.isNone ? null : at.raw() }]))
    return new Map(
      this.items().map((at): [string, Pair] => {
        const text = at.raw()
        const cut = text.search(separator)
        return cut < 0 ? [text, { at, value: null }] : [text.slice(0, cut), { at, value: text.slice(cut + 1) }]
      }),
    )
  }
}

const readingOf = (reading: Reading, { file }: YamlValue): Reading => (file === undefined ? reading : reading.of(file))

function entriesOf(reading: Reading, map: YamlMap, path: string): [string, Field][] {
  const found = new Map<string, Field>()
  for (const [name, value] of map.entries)
    if (name !== '<<')
      found.set(
        name,
        new Field(readingOf(reading, value), value, path === '' ? name : `${path}.${name}`, map.lines.get(name)),
      )
  const merged = map.entries.get('<<')
  for (const one of merged?.kind === 'list' ? merged.items : merged === undefined ? [] : [merged]) {
    if (one.kind !== 'map')
      reading.refuse(one.line, `${path}.<< merges what is no map`, 'name an anchor of a map: <<: *name')
    else for (const [name, field] of entriesOf(reading, one, path)) if (!found.has(name)) found.set(name, field)
  }
  return [...found]
}

/** A text of the file in a message. */
export const shown = (text: string): string =>
  JSON.stringify((text.length > 60 ? `${text.slice(0, 60)}…` : text).replace(/\p{Cc}/gu, '?'))
