import type { z } from 'zod'
import { BerthError, seeContract } from '../errors.js'
import type { ApiEndpoint } from './endpoint.js'

/** What of a request an endpoint reads. */
export interface Given {
  readonly params: unknown
  readonly query: unknown
  readonly body: unknown
}

const nothing = (given: unknown): boolean =>
  given === undefined || given === null || (typeof given === 'object' && Object.keys(given).length === 0)

/**
 * Checks path, query and body against the endpoint and merges them into one record.
 * @throws BerthError `invalid`, naming every offending key
 */
export function validate(endpoint: ApiEndpoint, given: Given): Record<string, unknown> {
  const parts = (['params', 'query', 'body'] as const).map((part) => parsePart(endpoint[part], given[part], part))
  return Object.assign({}, ...parts) as Record<string, unknown>
}

/** Whether a part has the one name that schemas leave out without a word: it would be accepted, and lost. */
function namesPrototype(given: unknown): boolean {
  const left: unknown[] = [given]
  for (let value = left.pop(); left.length > 0 || value !== undefined; value = left.pop()) {
    if (typeof value !== 'object' || value === null) continue
    if (Object.hasOwn(value, '__proto__')) return true
    for (const one of Object.values(value) as unknown[]) left.push(one)
  }
  return false
}

/** So many are told, of a request or of one part of it: it may be a megabyte of nothing else. */
const mostFaults = 10

function parsePart(schema: z.ZodObject | undefined, given: unknown, part: string): unknown {
  if (schema === undefined) {
    if (nothing(given)) return {}
    throw new BerthError('invalid', `this operation takes no ${part}`, seeContract)
  }
  if (namesPrototype(given))
    throw new BerthError('invalid', 'nothing can have the name __proto__', 'choose another name')
  const parsed = schema.safeParse(given ?? {})
  if (parsed.success) return parsed.data
  const issues = firstOfEach(parsed.error.issues)
  const faults = issues.slice(0, mostFaults).map((issue) => describe(issue, given))
  const more = issues.length > mostFaults ? `; and ${issues.length - mostFaults} more` : ''
  throw new BerthError('invalid', faults.join('; ') + more, seeContract)
}

type Issue = z.core.$ZodIssue

/** What fails one test of a value fails others by it. */
function firstOfEach(issues: readonly Issue[]): readonly Issue[] {
  const seen = new Set<string>()
  return issues.filter(({ path }) => {
    const key = JSON.stringify(path)
    return !seen.has(key) && seen.add(key)
  })
}

/** What is wrong, in the words of who typed it; values only where they are numbers that are too large or too small. */
function describe(issue: Issue, given: unknown): string {
  const whole = issue.path.map(String)
  const there = valueAt(given, whole)
  // nobody types the `set` that what is set lies in
  const path = whole.length > 1 && whole[0] === 'set' ? whole.slice(1) : whole
  const words = wordsOf(issue, there)
  const sized = issue.code === 'too_big' || issue.code === 'too_small'
  const value = sized && typeof there === 'number' ? String(there) : ''
  const [first, type = '', field = ''] = path.map((key) => key.slice(0, 80))
  if (path.length === 0) return words
  // of a formation: `web=100000`, as it is typed
  if (first === 'formation' && field === 'quantity') return `${type}${value === '' ? '' : `=${value}`}: ${words}`
  if (first === 'formation' && field !== '')
    return `${type}: ${value === '' ? '' : `${value}${unitOf[field] ?? ''} of `}${field}: ${words}`
  return `${path.join('.').slice(0, 120)}${value === '' ? '' : `=${value}`}: ${words}`
}

const unitOf: Readonly<Record<string, string>> = { memory: ' bytes' }

function valueAt(given: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined),
    given,
  )
}

const kinds: Readonly<Record<string, string>> = {
  string: 'text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
}

/** zod's own words begin with what kind of fault it is; those that a schema gives are meant for people already. */
function wordsOf(issue: Issue, value: unknown): string {
  const own = /^(Invalid|Too|Unrecognized)\b/.test(issue.message)
  if (!own) return issue.message
  switch (issue.code) {
    case 'invalid_type':
      return value === undefined ? 'is missing' : `must be ${kinds[issue.expected] ?? issue.expected}`
    case 'too_big':
      return `at most ${String(issue.maximum)}${issue.origin === 'string' ? ' characters' : ''}`
    case 'too_small':
      return issue.origin === 'string'
        ? `at least ${String(issue.minimum)} characters`
        : `at least ${String(issue.minimum)}`
    case 'invalid_value':
      return `must be ${issue.values.map(String).join(' or ')}`
    case 'unrecognized_keys':
      return `there is no ${few(issue.keys)} here`
    case 'invalid_key':
      return issue.issues.map((one) => wordsOf(one, undefined)).join(', ')
    default:
      return issue.message
  }
}

const few = (keys: readonly string[]): string => {
  const named = keys.slice(0, mostFaults).map((key) => `"${key.slice(0, 40)}"`)
  return [...named, ...(keys.length > mostFaults ? [`and ${keys.length - mostFaults} more`] : [])].join(', ')
}
