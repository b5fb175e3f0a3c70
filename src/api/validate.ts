import type { z } from 'zod'
import { BerthError } from '../errors.js'
import type { Operation } from './operation.js'

/** What of a request an operation reads. */
export interface Given {
  readonly params: unknown
  readonly query: unknown
  readonly body: unknown
}

const nothing = (given: unknown): boolean =>
  given === undefined || given === null || (typeof given === 'object' && Object.keys(given).length === 0)

/**
 * Checks path, query and body against the operation and merges them into one record.
 * @throws BerthError `invalid`, naming every offending key with its path and no value
 */
export function validate(operation: Operation, given: Given): Record<string, unknown> {
  const parts = (['params', 'query', 'body'] as const).map((part) => parsePart(operation[part], given[part], part))
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

function parsePart(schema: z.ZodObject | undefined, given: unknown, part: string): unknown {
  if (schema === undefined) {
    if (nothing(given)) return {}
    throw new BerthError('invalid', `this operation takes no ${part}`, 'see /api/openapi.json for what it takes')
  }
  if (namesPrototype(given))
    throw new BerthError('invalid', `${part}: nothing can have the name __proto__`, 'choose another name')
  const parsed = schema.safeParse(given ?? {})
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map(({ path, message }) => `${[part, ...path.map(String)].join('.')}: ${message}`)
  throw new BerthError('invalid', faults.join('; '), 'see /api/openapi.json for what it takes')
}
