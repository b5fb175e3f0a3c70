import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type ParsedNode, type YAMLMap } from 'yaml'
import { SourceError } from './source-error.js'

/** A value of a YAML file, with the line (from 1) that it begins in. */
export type YamlValue = YamlMap | YamlList | YamlScalar
/** Where a value stands; the file, where that is not the one that it was asked of. */
interface Placed {
  readonly line: number
  readonly file?: string
}
export interface YamlMap extends Placed {
  readonly kind: 'map'
  readonly entries: ReadonlyMap<string, YamlValue>
  /** The lines that the names of its entries are on. */
  readonly lines: ReadonlyMap<string, number>
}
export interface YamlList extends Placed {
  readonly kind: 'list'
  readonly items: readonly YamlValue[]
}
export interface YamlScalar extends Placed {
  readonly kind: 'scalar'
  /** As it is written, without quotes; '' for null. */
  readonly text: string
  /** It is null, or nothing is written there. */
  readonly none?: true
}

/** More than any settings file has; an alias counts as all that it stands for. */
const mostValues = 10_000
/** Longer than any of them is; characters. */
const longest = 64 * 1024
const mostAnchors = 1_000
/** So deep it may go. */
const deepest = 50
const tooDeep = 'it is nested too deeply'

const nothing: YamlMap = { kind: 'map', line: 1, entries: new Map(), lines: new Map() }

/** How many brackets are open at once at most, those in quotes and comments counted too. */
function openBrackets(text: string): number {
  let [open, most] = [0, 0]
  for (const [bracket] of text.matchAll(/[[{\]}]/g)) {
    open = Math.max(0, open + (bracket === '[' || bracket === '{' ? 1 : -1))
    most = Math.max(most, open)
  }
  return most
}

/** Says that something is wrong at a place of the text. */
type Wrong = (offset: number, message: string, hint?: string) => SourceError

/** Parses what the library can read in a time and a stack that its length says. @throws SourceError for all else */
function parsed(text: string, lines: LineCounter, wrong: Wrong): ReturnType<typeof parseDocument<ParsedNode>> {
  if (text.length > longest) throw wrong(0, `it has more than ${String(longest)} characters`, 'make it shorter')
  // for either, the library takes a time that grows by the square of their number
  if (openBrackets(text) > deepest) throw wrong(0, tooDeep)
  if ((text.match(/&/g)?.length ?? 0) > mostAnchors) throw wrong(0, `it has more than ${String(mostAnchors)} anchors`)
  try {
    return parseDocument(text, { lineCounter: lines, schema: 'failsafe', uniqueKeys: false })
  } catch (error) {
    if (error instanceof RangeError) throw wrong(0, tooDeep) // more than the stack holds
    throw error
  }
}

/** The values of one document, of which there may be so many and no more. */
class Values {
  readonly #document: ReturnType<typeof parsed>
  readonly #lines: LineCounter
  readonly #wrong: Wrong
  #left = mostValues

  constructor(document: ReturnType<typeof parsed>, lines: LineCounter, wrong: Wrong) {
    this.#document = document
    this.#lines = lines
    this.#wrong = wrong
  }

  /** @param at where it would be, if there is none */
  read(node: ParsedNode | null, at = 0, depth = 0): YamlValue {
    const offset = node?.range[0] ?? at
    const { line } = this.#lines.linePos(offset)
    this.#left -= 1
    if (this.#left < 0) throw this.#wrong(offset, `it has more than ${String(mostValues)} values`)
    if (depth > deepest) throw this.#wrong(offset, tooDeep)
    if (node === null || (isScalar(node) && ['null', '~', ''].includes(node.source) && node.type === 'PLAIN'))
      return { kind: 'scalar', line, text: '', none: true }
    if (isScalar(node)) return { kind: 'scalar', line, text: String(node.value) }
    if (isAlias(node)) {
      const target = node.resolve(this.#document)
      if (target === undefined) throw this.#wrong(offset, `nothing is called *${node.source}`)
      return this.read(target as ParsedNode, offset, depth + 1)
    }
    if (isSeq(node)) return { kind: 'list', line, items: node.items.map((item) => this.read(item, offset, depth + 1)) }
    return this.#map(node, offset, depth)
  }

  #map(node: YAMLMap.Parsed, offset: number, depth: number): YamlMap {
    const entries = new Map<string, YamlValue>()
    const places = new Map<string, number>()
    for (const { key, value } of node.items) {
      if (!isScalar(key)) throw this.#wrong(offset, 'a name is expected before each colon')
      const [name, from] = [String(key.value), key.range[0]]
      if (entries.has(name)) throw this.#wrong(from, `${name.slice(0, 40)} is here twice`, 'take one out')
      entries.set(name, this.read(value, from, depth + 1))
      places.set(name, this.#lines.linePos(from).line)
    }
    return { kind: 'map', line: this.#lines.linePos(offset).line, entries, lines: places }
  }
}

/**
 * Reads a YAML file that is a map; an empty one has no entries.
 * @throws SourceError where it is none, has mistakes, or is larger or deeper than people write one
 */
export function parseYaml(file: string, text: string): YamlMap {
  const lines = new LineCounter()
  const wrong: Wrong = (offset, message, hint = 'write `name: value` lines, indented by spaces') =>
    new SourceError({ file, line: lines.linePos(offset).line || 1, column: 1 }, message, hint)
  const document = parsed(text, lines, wrong)
  const [error] = document.errors
  if (error !== undefined)
    throw wrong(error.pos[0], /call stack/.test(error.message) ? tooDeep : error.message.slice(0, 200))
  const root = document.contents
  if (root !== null && !isMap(root)) {
    if (isScalar(root) && String(root.value) === '') return nothing
    throw wrong(root.range[0], 'a map was expected')
  }
  const read = new Values(document, lines, wrong).read(root)
  return read.kind === 'map' ? read : nothing
}
