import type { YamlMap, YamlValue } from '../yaml.js'
import { Field } from './field.js'

/** What takes the place of what it takes over, whole. */
const replaced = new Set(['command', 'entrypoint', 'test'])
/** What is a list of `NAME=value`, or a map. */
const paired: Readonly<Record<string, RegExp>> = {
  ...{ environment: /=/, labels: /=/, args: /=/, annotations: /=/ },
  extra_hosts: /[:=]/,
}
/** What is a list of names, or a map. */
const named = new Set(['depends_on', 'networks'])

/** A map of fields, each of which says which file it is of. */
export function mapOf({ value, reading }: Field, entries: readonly (readonly [string, Field])[]): YamlMap {
  const own = (one: Field): YamlValue =>
    one.reading.file === reading.file ? one.value : { file: one.reading.file, ...one.value }
  return {
    ...{ kind: 'map', line: value.line },
    ...(value.file === undefined ? {} : { file: value.file }),
    entries: new Map(entries.map(([name, one]) => [name, own(one)])),
    lines: new Map(entries.map(([name, { line }]) => [name, line])),
  }
}

/**
 * A service, over one that it takes over (compose-spec, "Merge"): maps are merged, lists put together, single values replaced.
 * What is said in two forms is merged in the longer one.
 */
export function mergeServices(base: Field, own: Field): YamlMap {
  const merged = new Map(base.entries())
  for (const [name, field] of own.entries()) {
    const before = merged.get(name)
    merged.set(name, before === undefined ? field : merge(name, before, field))
  }
  return mapOf(own, [...merged])
}

function merge(name: string, before: Field, own: Field): Field {
  if (own.isNone) return before
  if (before.isNone || replaced.has(name)) return own
  const [a, b] = [expanded(name, before), expanded(name, own)]
  if (a.value.kind === 'map' && b.value.kind === 'map') return withValue(own, mergeServices(a, b))
  if (a.value.kind === 'list' || b.value.kind === 'list') return together(name, a, b)
  return own
}

const withValue = ({ reading, path, line }: Field, value: YamlValue): Field => new Field(reading, value, path, line)

/** In the longer of the two forms that some keys have. */
function expanded(name: string, field: Field): Field {
  const { value } = field
  if (name === 'build' && value.kind === 'scalar')
    return withValue(field, {
      ...{ kind: 'map', line: value.line },
      entries: new Map([['context', value]]),
      lines: new Map(),
    })
  const separator = paired[name]
  if (value.kind !== 'list' || (separator === undefined && !named.has(name))) return field
  const entries = value.items.map((item): [string, YamlValue] => {
    const text = item.kind === 'scalar' ? item.text : ''
    const cut = separator === undefined ? -1 : text.search(separator)
    const nothing = { kind: 'scalar', line: item.line, text: '', none: true } as const
    return cut < 0
      ? [text, nothing]
      : [text.slice(0, cut), { kind: 'scalar', line: item.line, text: text.slice(cut + 1) }]
  })
  const lines = new Map(entries.map(([key, { line }]) => [key, line]))
  return withValue(field, { kind: 'map', line: value.line, entries: new Map(entries), lines })
}

/** Lists, one after the other; of what is at one place in the container the later counts. */
function together(name: string, before: Field, own: Field): Field {
  const later = own.items()
  const taken = new Set(later.map((one) => placeOf(name, one)))
  const items = [...before.items().filter((one) => !taken.has(placeOf(name, one))), ...later]
  const value = items.map((one) =>
    one.reading.file === own.reading.file ? one.value : { file: one.reading.file, ...one.value },
  )
  return withValue(own, { kind: 'list', line: own.line, items: value })
}

function placeOf(name: string, { value }: Field): string {
  if (value.kind === 'list') return ''
  if (value.kind === 'map') {
    const target = value.entries.get('target')
    return target?.kind === 'scalar' ? target.text : JSON.stringify([...value.entries.keys()])
  }
  if (name !== 'volumes') return value.text
  const [source = '', target = source] = value.text.split(':')
  return target
}
