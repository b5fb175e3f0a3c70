import { EngineError } from '../errors.js'

/** A JSON object from a client, not yet looked at. */
export type Fields = Readonly<Record<string, unknown>>

/** @throws EngineError `invalid` when the body is not a JSON object */
export function fieldsOf(body: unknown): Fields {
  if (body === null || typeof body !== 'object' || Array.isArray(body))
    throw new EngineError('invalid', 'invalid request body: not a JSON object')
  return body as Fields
}

const wrong = (name: string, wanted: string): EngineError =>
  new EngineError('invalid', `invalid request body: ${name} is not ${wanted}`)

/** A string; '' when absent or null, as Go's clients leave out what is empty. */
export function textField(fields: Fields, name: string): string {
  const value = fields[name] ?? ''
  if (typeof value !== 'string') throw wrong(name, 'a string')
  return value
}

export function flagField(fields: Fields, name: string): boolean {
  const value = fields[name] ?? false
  if (typeof value !== 'boolean') throw wrong(name, 'a boolean')
  return value
}

/** An object; empty when absent or null. */
export function objectField(fields: Fields, name: string): Fields {
  const value = fields[name] ?? {}
  if (typeof value !== 'object' || Array.isArray(value)) throw wrong(name, 'an object')
  return value as Fields
}

/** A map of strings; empty when absent or null. */
export function mapField(fields: Fields, name: string): Readonly<Record<string, string>> {
  const map = objectField(fields, name)
  if (Object.values(map).some((value) => typeof value !== 'string')) throw wrong(name, 'a map of strings')
  return map as Readonly<Record<string, string>>
}

/** A list; empty when absent or null. */
export function listField(fields: Fields, name: string): readonly unknown[] {
  const value = fields[name] ?? []
  if (!Array.isArray(value)) throw wrong(name, 'a list')
  return value
}
