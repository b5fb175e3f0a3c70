import { nearest } from './nearest.js'
import type { Line } from './source.js'
import type { Flag } from './words.js'

/** `RUN --mount`: variables in target, source and id are not yet replaced. */
export interface RunMount {
  readonly type: 'cache' | 'bind' | 'tmpfs'
  readonly target: string
  /** Name of a cache; its target when absent. */
  readonly id: string | undefined
  readonly source: string
  readonly from: string | undefined
  readonly sharing: 'shared' | 'private' | 'locked'
  readonly readonly: boolean
  readonly mode: number | undefined
  readonly uid: number
  readonly gid: number
  /** Bytes of a tmpfs. */
  readonly size: number | undefined
  readonly offset: number
}

const keysOf = {
  cache: ['type', 'id', 'target', 'dst', 'destination', 'sharing', 'from', 'source', 'src', 'mode', 'uid', 'gid'],
  bind: ['type', 'target', 'dst', 'destination', 'source', 'src', 'from'],
  tmpfs: ['type', 'target', 'dst', 'destination', 'size'],
} as const

const flags = ['ro', 'readonly', 'rw', 'readwrite']

/** Reads `--mount=type=cache,target=/x,…`. @throws DockerfileError */
export function readMount(line: Line, flag: Flag): RunMount {
  const fields = new Map<string, string>()
  for (const part of flag.value.split(',')) {
    const equals = part.indexOf('=')
    const key = (equals < 0 ? part : part.slice(0, equals)).toLowerCase()
    if (equals < 0 && !flags.includes(key))
      throw line.error(flag.offset, `invalid mount field "${part}": must be key=value`)
    fields.set(key, equals < 0 ? 'true' : part.slice(equals + 1).replace(/^"(.*)"$/, '$1'))
  }
  const type = fields.get('type') ?? 'bind'
  if (type !== 'cache' && type !== 'bind' && type !== 'tmpfs')
    throw line.error(flag.offset, `mount type "${type}" is not supported`, 'cache, bind and tmpfs are')
  const known: readonly string[] = [...keysOf[type], ...flags]
  for (const key of fields.keys())
    if (!known.includes(key)) {
      const meant = nearest(key, known)
      throw line.error(flag.offset, `unexpected key "${key}" in a ${type} mount`, meant && `did you mean ${meant}?`)
    }
  const target = fields.get('target') ?? fields.get('dst') ?? fields.get('destination')
  if (target === undefined || target === '') throw line.error(flag.offset, `a ${type} mount needs a target`)
  const sharing = fields.get('sharing') ?? 'shared'
  if (sharing !== 'shared' && sharing !== 'private' && sharing !== 'locked')
    throw line.error(flag.offset, `invalid sharing "${sharing}"`, 'it may be shared, private or locked')
  const number = (key: string, base: number): number | undefined => {
    const text = fields.get(key)
    if (text === undefined) return undefined
    const value = parseInt(text, base)
    if (!Number.isInteger(value) || value < 0) throw line.error(flag.offset, `invalid ${key} "${text}" in a mount`)
    return value
  }
  const writable = fields.get('rw') === 'true' || fields.get('readwrite') === 'true'
  const readOnly = fields.get('ro') === 'true' || fields.get('readonly') === 'true'
  return {
    type,
    target,
    id: fields.get('id'),
    source: fields.get('source') ?? fields.get('src') ?? '/',
    from: fields.get('from'),
    sharing,
    readonly: type === 'bind' ? !writable : readOnly,
    mode: number('mode', 8),
    uid: number('uid', 10) ?? 0,
    gid: number('gid', 10) ?? 0,
    size: sizeOf(fields.get('size')),
    offset: flag.offset,
  }
}

const units = { '': 1, b: 1, k: 1 << 10, m: 1 << 20, g: 1 << 30 }

function sizeOf(text: string | undefined): number | undefined {
  const [, count, unit = ''] = /^(\d+)([bkmg]?)b?$/i.exec(text ?? '') ?? []
  return count === undefined ? undefined : Number(count) * units[unit.toLowerCase() as keyof typeof units]
}
