import { basename } from 'node:path/posix'
import { nearest } from './nearest.js'
import type { LogicalLine } from './source.js'
import type { Flag } from './words.js'

const types = ['cache', 'bind', 'tmpfs', 'secret', 'ssh'] as const

/** `RUN --mount`: variables in target, source, from and id are not yet replaced. */
export interface RunMount {
  readonly type: (typeof types)[number]
  /** '' for a secret that is a variable only. */
  readonly target: string
  /** Name of a cache, a secret or an agent; a cache without one is named by its target. */
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
  /** Variable that holds a secret. */
  readonly env: string | undefined
  /** A secret or an agent that the client did not give is an error. */
  readonly required: boolean
  readonly offset: number
}

const targets = ['target', 'dst', 'destination'] as const
const sources = ['source', 'src'] as const
const access = ['ro', 'readonly', 'rw', 'readwrite'] as const
const owner = ['mode', 'uid', 'gid'] as const

/** Dockerfile reference, "RUN --mount". */
const keysOf: Record<RunMount['type'], readonly string[]> = {
  cache: ['type', 'id', ...targets, 'sharing', 'from', ...sources, ...owner, ...access],
  bind: ['type', ...targets, ...sources, 'from', ...access],
  tmpfs: ['type', ...targets, 'size'],
  secret: ['type', 'id', ...targets, 'env', 'required', ...sources, ...owner],
  ssh: ['type', 'id', ...targets, 'required', ...owner],
}

/** Keys that need no value. */
const flags: readonly string[] = [...access, 'required']

/**
 * Reads `--mount=type=cache,target=/x,…`.
 * @param index of the mount in its RUN: agents' sockets are numbered
 * @throws DockerfileError
 */
export function readMount(line: LogicalLine, flag: Flag, index: number): RunMount {
  const fail = (message: string, hint?: string) => line.error(flag.offset, message, hint)
  const fields = readFields(flag.value, fail)
  const first = (keys: readonly string[]): string | undefined =>
    keys.map((key) => fields.get(key)).find((value) => value !== undefined)
  const is = (...keys: string[]): boolean => keys.some((key) => fields.get(key) === 'true')
  const type = types.find((one) => one === (fields.get('type') ?? 'bind'))
  if (!type) throw fail(`mount type "${fields.get('type') ?? ''}" is not supported`, `it may be ${types.join(', ')}`)
  for (const key of fields.keys())
    if (!keysOf[type].includes(key)) {
      const meant = nearest(key, keysOf[type])
      throw fail(`unexpected key "${key}" in a ${type} mount`, meant && `did you mean ${meant}?`)
    }
  const number = (key: string, pattern: RegExp, base: number): number | undefined => {
    const text = fields.get(key)
    if (text === undefined) return undefined
    if (!pattern.test(text)) throw fail(`invalid ${key} "${text}" in a mount`)
    return parseInt(text, base)
  }
  const sharing = (['shared', 'private', 'locked'] as const).find((one) => one === (fields.get('sharing') ?? 'shared'))
  if (!sharing) throw fail(`invalid sharing "${fields.get('sharing') ?? ''}"`, 'it may be shared, private or locked')
  const asked = { target: first(targets), id: fields.get('id'), env: fields.get('env') }
  const named = namesOf(type, asked, first(sources), index)
  if (named.target === '' && asked.env === undefined) throw fail(`a ${type} mount needs a target`)
  return {
    type,
    ...named,
    source: first(sources) ?? '/',
    from: fields.get('from'),
    sharing,
    readonly: type === 'bind' ? !is('rw', 'readwrite') : is('ro', 'readonly'),
    mode: number('mode', /^[0-7]{1,5}$/, 8),
    uid: number('uid', /^\d{1,9}$/, 10) ?? 0,
    gid: number('gid', /^\d{1,9}$/, 10) ?? 0,
    size: sizeOf(fields.get('size'), fail),
    env: asked.env,
    required: is('required'),
    offset: flag.offset,
  }
}

type Fail = (message: string, hint?: string) => Error

function readFields(text: string, fail: Fail): Map<string, string> {
  const fields = new Map<string, string>()
  for (const part of text.split(',')) {
    const equals = part.indexOf('=')
    const key = (equals < 0 ? part : part.slice(0, equals)).toLowerCase()
    if (equals < 0 && !flags.includes(key)) throw fail(`invalid mount field "${part}": must be key=value`)
    const value = equals < 0 ? 'true' : part.slice(equals + 1).replace(/^"(.*)"$/, '$1')
    if (flags.includes(key) && value !== 'true' && value !== 'false')
      throw fail(`invalid value for ${key}: "${value}"`, 'true or false')
    fields.set(key, value)
  }
  return fields
}

/** A secret is named by its id, or by the file it becomes or comes from; an agent is the default one. */
function namesOf(
  type: RunMount['type'],
  { target = '', id, env }: { target: string | undefined; id: string | undefined; env: string | undefined },
  source: string | undefined,
  index: number,
): { target: string; id: string | undefined } {
  if (type === 'ssh') return { id: id ?? 'default', target: target || `/run/buildkit/ssh_agent.${String(index)}` }
  if (type !== 'secret') return { id, target }
  const known = id ?? (basename(source ?? '') || basename(target) || env)
  return { id: known, target: target || (known === undefined || env !== undefined ? '' : `/run/secrets/${known}`) }
}

const units = { '': 1, b: 1, k: 1 << 10, m: 1 << 20, g: 1 << 30 }

function sizeOf(text: string | undefined, fail: Fail): number | undefined {
  if (text === undefined) return undefined
  const [, count, unit = ''] = /^(\d{1,12})([bkmg]?)(?:i?b)?$/i.exec(text) ?? []
  if (count === undefined) throw fail(`invalid size "${text}" in a mount`, 'like 64m')
  return Number(count) * units[unit.toLowerCase() as keyof typeof units]
}
