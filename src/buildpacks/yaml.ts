import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type ParsedNode } from 'yaml'
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

/**
 * Reads a YAML file that is a map; an empty one has no entries.
 * @throws SourceError where it is none, has mistakes, or is larger or deeper than people write one
 */
export function parseYaml(file: string, text: string): YamlMap {
  const lines = new LineCounter()
  const bad = (offset: number, message: string, hint = 'write `name: value` lines, indented by spaces'): SourceError =>
    new SourceError({ file, line: lines.linePos(offset).line || 1, column: 1 }, message, hint)
  if (text.length > longest) throw bad(0, `it has more than ${String(longest)} characters`, 'make it shorter')
  // for either, the library takes a time that grows by the square of their number
  if (openBrackets(text) > deepest) throw bad(0, tooDeep)
  if ((text.match(/&/g)?.length ?? 0) > mostAnchors) throw bad(0, `it has more than ${String(mostAnchors)} anchors`)
  const document = parsed()
  const [error] = document.errors
  if (error !== undefined)
    throw bad(error.pos[0], /call stack/.test(error.message) ? tooDeep : error.message.slice(0, 200))
  let left = mostValues

  function parsed(): ReturnType<typeof parseDocument<ParsedNode>> {
    try {
      return parseDocument(text, { lineCounter: lines, schema: 'failsafe', uniqueKeys: false })
    } catch (error) {
      if (error instanceof RangeError) throw bad(0, tooDeep) // more than the stack holds
      throw error
    }
  }

  function value(node: ParsedNode | null, at: number, depth: number): YamlValue {
    const offset = node?.range[0] ?? at
    const { line } = lines.linePos(offset)
    left -= 1
    if (left < 0) throw bad(offset, `it has more than ${String(mostValues)} values`)
    if (depth > deepest) throw bad(offset, tooDeep)
    if (node === null || (isScalar(node) && ['null', '~', ''].includes(node.source) && node.type === 'PLAIN'))
      return { kind: 'scalar', line, text: '', none: true }
    if (isScalar(node)) return { kind: 'scalar', line, text: String(node.value) }
    if (isAlias(node)) {
      const target = node.resolve(document)
      if (target === undefined) throw bad(offset, `nothing is called *${node.source}`)
      return value(target as ParsedNode, offset, depth + 1)
    }
    if (isSeq(node)) return { kind: 'list', line, items: node.items.map((item) => value(item, offset, depth + 1)) }
    const entries = new Map<string, YamlValue>()
    const places = new Map<string, number>()
    for (const { key, value: of } of node.items) {
      if (!isScalar(key)) throw bad(offset, 'a name is expected before each colon')
      const [name, from] = [String(key.value), key.range[0]]
      if (entries.has(name)) throw bad(from, `${name.slice(0, 40)} is here twice`, 'take one out')
      entries.set(name, value(of, from, depth + 1))
      places.set(name, lines.linePos(from).line)
    }
    return { kind: 'map', line, entries, lines: places }
  }

  const root = document.contents
  if (root !== null && !isMap(root)) {
    if (isScalar(root) && String(root.value) === '') return nothing
    throw bad(root.range[0], 'a map was expected')
  }
  const read = value(root, 0, 0)
  return read.kind === 'map' ? read : nothing
}
