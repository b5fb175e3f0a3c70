/** A name in a JSON text and where it stands. */
export interface JsonName {
  /** The names of the objects it is in, and its own; those that stand in a list have its number among them. */
  readonly path: readonly string[]
  readonly offset: number
}

/** A string, with the colon that makes a name of it; what opens, closes and parts. */
const tokens = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\],]/g

/** Names that stand deeper are of no concern to anybody who asks. */
const deepest = 6

export interface JsonNames {
  /** In the order of the text. */
  readonly names: readonly JsonName[]
  /** Those that an object has had before. */
  readonly twice: readonly JsonName[]
}

/** The names of a JSON text; of one that is none, some. */
export function namesIn(text: string): JsonNames {
  const names: JsonName[] = []
  const twice: JsonName[] = []
  /** What is open: the names an object has had, or null for a list; and where in it we are. */
  const open: { had: Set<string> | null; at: string }[] = []
  for (const { 0: token, 1: colon, index: offset } of text.matchAll(tokens)) {
    const inner = open.at(-1)
    if (token === '{' || token === '[') open.push({ had: token === '{' ? new Set() : null, at: '0' })
    else if (token === '}' || token === ']') open.pop()
    else if (inner === undefined) continue
    else if (token === ',') inner.at = inner.had === null ? String(Number(inner.at) + 1) : ''
    else if (colon !== undefined && inner.had !== null) {
      inner.at = JSON.parse(token.slice(0, token.lastIndexOf('"') + 1)) as string
      const name = { path: open.length > deepest ? [] : open.map(({ at }) => at), offset }
      if (name.path.length > 0) names.push(name)
      if (name.path.length > 0 && inner.had.has(inner.at)) twice.push(name)
      inner.had.add(inner.at)
    }
  }
  return { names, twice }
}
