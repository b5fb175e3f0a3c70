import { EngineError } from '../errors.js'

/** The `filters` parameter: each key with the values asked for. */
export type Filters = ReadonlyMap<string, readonly string[]>

/**
 * Reads a `filters` parameter in either form clients send: `{"label":{"a=b":true}}` or `{"label":["a=b"]}`.
 * @param known the keys the endpoint understands; a filter ignored would answer with too much, or remove it
 * @throws EngineError `invalid`
 */
export function parseFilters(query: URLSearchParams, known: readonly string[]): Filters {
  const text = query.get('filters')
  const filters = new Map<string, readonly string[]>()
  if (!text) return filters
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw new EngineError('invalid', `invalid filters: ${text.slice(0, 100)} is not JSON`, error)
  }
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed))
    throw new EngineError('invalid', 'invalid filters: not a map')
  for (const [key, value] of Object.entries(parsed)) {
    if (!known.includes(key)) throw new EngineError('invalid', `invalid filter '${key}'`)
    filters.set(key, valuesOf(key, value))
  }
  return filters
}

function valuesOf(key: string, value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.map(String)
  if (value !== null && typeof value === 'object')
    return Object.entries(value)
      .filter(([, wanted]) => wanted === true)
      .map(([name]) => name)
  throw new EngineError('invalid', `invalid filter '${key}'`)
}

/** True when nothing is asked of `key`, or one of the values asked for passes. */
export function anyOf(filters: Filters, key: string, test: (value: string) => boolean): boolean {
  const values = filters.get(key)
  return values === undefined || values.length === 0 || values.some(test)
}

/** True when every `label` asked for is there (`key` or `key=value`) and none of `label!`. */
export function labelsMatch(filters: Filters, labels: Readonly<Record<string, string>>): boolean {
  const has = (wanted: string): boolean => {
    const at = wanted.indexOf('=')
    const key = at < 0 ? wanted : wanted.slice(0, at)
    return Object.hasOwn(labels, key) && (at < 0 || labels[key] === wanted.slice(at + 1))
  }
  return (filters.get('label') ?? []).every(has) && !(filters.get('label!') ?? []).some(has)
}

/** Docker's loose match of names and ids: the same, or matched by it as a regular expression. */
export function looselyMatches(pattern: string, text: string): boolean {
  if (pattern === text) return true
  try {
    return new RegExp(pattern).test(text)
  } catch {
    return text.includes(pattern)
  }
}

/** Reads a boolean filter, undefined when absent. @throws EngineError `invalid` */
export function flagOf(filters: Filters, key: string): boolean | undefined {
  const value = filters.get(key)?.[0]
  if (value === undefined) return undefined
  if (['true', '1', 't', 'True', 'TRUE'].includes(value)) return true
  if (['false', '0', 'f', 'False', 'FALSE'].includes(value)) return false
  throw new EngineError('invalid', `invalid filter '${key}=${value}'`)
}
