import { posix } from 'node:path'
import type { Tree } from '../tree.js'
import { parseYaml, type YamlMap, type YamlValue } from '../yaml.js'
import { pathBelow } from './environment.js'
import { shown, Field } from './field.js'
import { mapOf, mergeServices } from './merge.js'

/** Services that take over from one another, in a row. */
const deepest = 10

/** A compose file: the one that is deployed, or one that a service of it takes over from. */
interface Place {
  readonly path: string
  readonly services: Field | undefined
}

/**
 * The services of a file, each with what it takes over by `extends` from another of the file, or of another file of the tree.
 * What the other says with paths counts from its own folder.
 */
export function extended(services: Field | undefined, path: string, tree: Tree): [string, Field][] {
  const files = new Map<string, Place>([[path, { path, services }]])
  const open = (at: Field, file: string): Place | null => {
    const known = files.get(file)
    if (known) return known
    const text = tree.read(file)
    if (text === null) {
      at.refuse(`names ${shown(file)}, which is not among what is deployed`, 'is it ignored by git?')
      return null
    }
    const reading = at.reading.of(file)
    const place = { path: file, services: new Field(reading, parseYaml(file, text), '', 1).get('services') }
    files.set(file, place)
    return place
  }

  const resolve = (field: Field, place: Place, trail: readonly string[]): Field => {
    const at = field.value.kind === 'map' ? field.get('extends') : undefined
    if (at === undefined || at.isNone) return field
    const alone = fieldOf(field, without(field, 'extends'))
    const { service, file } = wordsOf(at)
    const path =
      file === ''
        ? place.path
        : pathBelow(at, posix.dirname(place.path), file, 'put that file below it, and deploy both')
    const other = path === null ? null : open(at, path)
    if (other === null) return alone
    const base = other.services?.get(service)
    const key = `${other.path} ${service}`
    if (base === undefined)
      at.refuse(`names the service ${shown(service)}, which ${other.path} does not have`, 'correct it')
    else if (trail.includes(key) || trail.length >= deepest) at.refuse('is a circle, or too long a row', 'end it')
    else if (base.value.kind !== 'map') base.refuse('is no map', 'write `name: value` lines below it')
    else
      return fieldOf(field, mergeServices(moved(resolve(base, other, [...trail, key]), other.path, place.path), alone))
    return alone
  }

  const own = files.get(path) ?? { path, services }
  return (services?.entries() ?? []).map(([name, field]) => [name, resolve(field, own, [`${path} ${name}`])])
}

const fieldOf = ({ reading, path, line }: Field, value: YamlMap): Field => new Field(reading, value, path, line)

function wordsOf(at: Field): { service: string; file: string } {
  if (at.value.kind !== 'map') return { service: at.text(), file: '' }
  for (const [key, one] of at.entries())
    if (key !== 'service' && key !== 'file') one.refuse('is not known', 'extends has service and file')
  return { service: at.get('service')?.text() ?? '', file: at.get('file')?.text() ?? '' }
}

function without(field: Field, key: string): YamlMap {
  const entries = field.entries().filter(([name]) => name !== key)
  return mapOf(field, entries)
}

/** A service of another file, with its paths as they are from the file that takes it over. */
function moved(service: Field, from: string, to: string): Field {
  const way = posix.relative(posix.dirname(to), posix.dirname(from))
  if (way === '') return service
  const path = (value: YamlValue): YamlValue =>
    value.kind !== 'scalar' || value.none || /^[/~]|:\/\/|^git@|^[\w-]+:/.test(value.text)
      ? value
      : { ...value, text: `${way}/${value.text}` }
  const within = (value: YamlValue, key: string): YamlValue => {
    if (value.kind === 'list') return { ...value, items: value.items.map((item) => within(item, key)) }
    if (value.kind === 'scalar') return path(value)
    const found = value.entries.get(key)
    // without one it is the folder of the file
    const there = found ?? (key === 'context' ? { kind: 'scalar', line: value.line, text: '.' } : undefined)
    return there === undefined ? value : { ...value, entries: new Map([...value.entries, [key, path(there)]]) }
  }
  const entries = service.entries().map(([name, field]): [string, Field] => {
    const key = { build: 'context', env_file: 'path' }[name]
    return [
      name,
      key === undefined ? field : new Field(field.reading, within(field.value, key), field.path, field.line),
    ]
  })
  return fieldOf(service, mapOf(service, entries))
}
