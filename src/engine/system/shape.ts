import { EngineError } from '../errors.js'

const values: unique symbol = Symbol('values')

/** What a field of a JSON body may hold; all may be null or absent, as Go's clients leave out what is empty. */
export type Shape =
  | 'anything'
  | 'a string'
  | 'a boolean'
  | 'an integer'
  | 'a list of strings'
  | 'a string or a list of strings'
  | 'a map of strings'
  | 'an object'
  | readonly [Shape]
  | MapShape
  | StructShape

/** Fields of these names and no other. */
export interface StructShape {
  readonly [field: string]: Shape
}

/** Keys of any name, which are data: a label, a port, a network. */
interface MapShape {
  readonly [values]: Shape
}

/** The shape of an object with keys of any name. */
export const mapOf = (shape: Shape): MapShape => ({ [values]: shape })

/** Several fields of one shape. @param names separated by blanks */
export const fieldsOfShape = (shape: Shape, names: string): StructShape =>
  Object.fromEntries(names.trim().split(/\s+/).map((name) => [name, shape])) // prettier-ignore

type ObjectValue = Readonly<Record<string, unknown>>
const isText = (value: unknown): boolean => typeof value === 'string'
const isObject = (value: unknown): value is ObjectValue =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText)

const tests: Readonly<Record<Shape & string, (value: unknown) => boolean>> = {
  anything: () => true,
  'a string': isText,
  'a boolean': (value) => typeof value === 'boolean',
  'an integer': Number.isSafeInteger,
  'a list of strings': isTexts,
  'a string or a list of strings': (value) => isText(value) || isTexts(value),
  'a map of strings': (value) => isObject(value) && Object.values(value).every(isText),
  'an object': isObject,
}

const isList = (shape: Shape): shape is readonly [Shape] => Array.isArray(shape)
const isMap = (shape: Shape): shape is MapShape => typeof shape === 'object' && values in shape

/** Checks the types of what was decoded. @throws EngineError `invalid` naming the first field that is wrong */
export function checkShape(value: unknown, shape: Shape, path = ''): void {
  if (value === undefined || value === null) return
  const wrong = (wanted: string): EngineError =>
    new EngineError('invalid', `invalid request body: ${path} is not ${wanted}`)
  const below = (name: string): string => (path === '' ? name : `${path}.${name}`)
  if (typeof shape === 'string') {
    if (!tests[shape](value)) throw wrong(shape)
  } else if (isList(shape)) {
    if (!Array.isArray(value)) throw wrong('a list')
    for (const [index, item] of value.entries()) checkShape(item, shape[0], `${path}[${String(index)}]`)
  } else if (!isObject(value)) throw wrong('an object')
  else if (isMap(shape)) for (const [key, item] of Object.entries(value)) checkShape(item, shape[values], below(key))
  else for (const [field, inner] of Object.entries(shape)) checkShape(value[field], inner, below(field))
}

/** As Go folds: the long s and the sign of Kelvin are the only letters beyond ASCII that any name of a field may have. */
const fold = (name: string): string => name.replaceAll('\u017f', 's').replaceAll('\u212a', 'k').toLowerCase()

/**
 * Gives what JSON.parse read the names of a shape's fields, as Go's encoding/json does: a key that is a field's name, else
 * one that is in any case; of several for one field the last wins, and those of objects come together. Keys of maps, and
 * those that no field has, stay as they are.
 */
export function decode(value: unknown, shape: Shape, before?: unknown): unknown {
  if (value === null && ['a string', 'a boolean', 'an integer'].includes(shape as string)) return before ?? null
  if (typeof shape === 'string') return isObject(before) && isObject(value) ? joined(before, value) : value
  if (isList(shape)) return Array.isArray(value) ? value.map((item) => decode(item, shape[0])) : value
  if (!isObject(value)) return value
  const result = new Map(isObject(before) ? Object.entries(before) : [])
  const nameOf = isMap(shape) ? (key: string) => key : fieldNames(shape)
  for (const [key, item] of Object.entries(value)) {
    const name = nameOf(key)
    const inner = isMap(shape) ? shape[values] : Object.hasOwn(shape, name) ? shape[name] : undefined
    // Go makes each value of a map anew
    result.set(name, decode(item, inner ?? 'anything', isMap(shape) ? undefined : result.get(name)))
  }
  return Object.fromEntries(result)
}

/** Two maps given for one field. */
const joined = (before: ObjectValue, value: ObjectValue): ObjectValue =>
  Object.fromEntries([...Object.entries(before), ...Object.entries(value)])

const folded = new WeakMap<StructShape, ReadonlyMap<string, string>>()

function fieldNames(shape: StructShape): (key: string) => string {
  let names = folded.get(shape)
  if (!names) {
    names = new Map(Object.keys(shape).map((name) => [fold(name), name]))
    folded.set(shape, names)
  }
  const known = names
  return (key) => (Object.hasOwn(shape, key) ? key : (known.get(fold(key)) ?? key))
}
