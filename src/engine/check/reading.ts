import { type Dirent } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { codeOf, messageOf } from '../errors.js'

/** What a record holds, or why it cannot be read. */
export type ReadResult = { readonly value: unknown } | { readonly fault: string } | undefined

/** Reads a JSON document; undefined when there is none. */
export async function readJsonFile(path: string): Promise<ReadResult> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? undefined : { fault: messageOf(error) }
  }
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    return { fault: text === '' ? 'it is empty' : 'it is not JSON' }
  }
}

/** A record whose fields are what they must be, or what is wrong with it; undefined when there is none. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- says whose fields they are
export async function readRecord<T>(
  path: string,
  fields: Readonly<Record<string, FieldKind>>,
): Promise<{ readonly record: T } | { readonly fault: string } | undefined> {
  const read = await readJsonFile(path)
  if (!read || 'fault' in read) return read
  const fault = faultOf(read.value, fields)
  return fault === undefined ? { record: read.value as T } : { fault }
}

/** The entries of a directory, none when it is not there. */
export async function entriesOf(path: string): Promise<Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true })
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  }
}

/** What a field of a record must be. */
export type FieldKind = 'string' | 'number' | 'boolean' | 'object' | 'array'

/** Says what is wrong with a record, field by field (`state.status`); undefined when nothing is. */
function faultOf(value: unknown, fields: Readonly<Record<string, FieldKind>>): string | undefined {
  if (!isObject(value)) return 'it is not an object'
  for (const [path, kind] of Object.entries(fields)) {
    const found = path.split('.').reduce<unknown>((at, name) => (isObject(at) ? at[name] : undefined), value)
    const is = Array.isArray(found) ? 'array' : found === null ? 'null' : typeof found
    if (is !== kind) return `${path} is ${is === 'undefined' ? 'missing' : `a ${is}, not a ${kind}`}`
  }
  return undefined
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
