import { posix } from 'node:path'
import { EngineError } from '../errors.js'
import type { VolumeRequest } from '../records.js'
import type { ContainerConfig, HostConfig, MountPoint, MountRequest } from './record.js'

const invalid = (message: string): EngineError => new EngineError('invalid', message)

/** A mount as asked for, its volume not yet made. */
export interface RequestedMount {
  readonly type: MountPoint['type']
  /** Host path or volume name, '' for an anonymous volume. */
  readonly source: string
  readonly target: string
  readonly mode: string
  readonly writable: boolean
  /** Of a bind; '' is the default. */
  readonly propagation: string
  readonly options: readonly string[]
  readonly copy: boolean
  readonly volume: VolumeRequest
  /** Below the volume's root. */
  readonly subpath?: string
  /** Make a missing host directory. */
  readonly create: boolean
  /** What is mounted below the source comes with it. */
  readonly recursive: boolean
  /** Read-only: what is mounted below the source is so too. */
  readonly readonlyBelow: boolean
  /** Docker shows a `--tmpfs` among the settings, and not among the mounts. */
  readonly hidden: boolean
}

const plain = {
  mode: '',
  writable: true,
  propagation: '',
  options: [],
  copy: true,
  volume: {},
  create: false,
  recursive: true,
  readonlyBelow: true,
  hidden: false,
} as const
const propagations = ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave']
const tmpfsDefaults = ['nosuid', 'nodev', 'noexec']

const clean = (path: string): string => posix.normalize(path).replace(/(.)\/$/, '$1')

function targetOf(path: string, refuse: (why: string) => EngineError): string {
  if (path === '') throw refuse('field Target must not be empty')
  const target = clean(path)
  if (target === '/') throw refuse("invalid specification: destination can't be '/'")
  if (!path.startsWith('/')) throw refuse(`invalid mount path: '${path}' mount path must be absolute`)
  return target
}

/** The flags of `source:target:mode`; of each kind one may be given. @throws EngineError `invalid` */
function flagsOf(mode: string) {
  const flags = mode === '' ? [] : mode.split(',')
  const kinds = [['ro', 'rw'], ['z', 'Z'], ['copy', 'nocopy'], ['consistent', 'cached', 'delegated'], propagations]
  const known = flags.every((flag) => kinds.some((kind) => kind.includes(flag)))
  const once = kinds.every((kind) => flags.filter((flag) => kind.includes(flag)).length < 2)
  if (!known || !once) throw invalid(`invalid mode: ${mode}`)
  return {
    writable: !flags.includes('ro'),
    copy: flags.find((flag) => flag === 'copy' || flag === 'nocopy'),
    propagation: flags.find((flag) => propagations.includes(flag)),
  }
}

/** `source:target[:mode]`, `target` alone is an anonymous volume. */
function bindOf(text: string, driver: string): RequestedMount {
  const parts = text.split(':')
  const [source = '', path = '', mode = ''] = parts.length === 1 ? ['', text] : parts
  if (parts.length > 3 || path === '' || (parts.length > 1 && source === ''))
    throw invalid(`invalid volume specification: '${text}'`)
  const type = source.startsWith('/') ? 'bind' : 'volume'
  const refuse = (why: string): EngineError =>
    invalid(`invalid volume specification: '${text}': invalid mount config for type "${type}": ${why}`)
  const { writable, copy, propagation } = flagsOf(mode)
  const target = targetOf(path, refuse)
  if (type === 'bind' && copy !== undefined) throw refuse('field VolumeOptions must not be specified')
  if (type === 'volume' && propagation !== undefined) throw refuse('field BindOptions must not be specified')
  const common = { ...plain, type, source, target, mode, writable } as const
  return type === 'bind'
    ? { ...common, source: clean(source), propagation: propagation ?? '', create: true }
    : { ...common, mode: mode || 'z', copy: copy !== 'nocopy', volume: { driver } }
}

function tmpfsOf(host: HostConfig): RequestedMount[] {
  return Object.entries(host.Tmpfs ?? {}).map(([path, text]) => {
    const target = targetOf(path, (why) => invalid(`invalid mount config for type "tmpfs": ${why}`))
    const options = tmpfsOptions(text.split(',').filter(Boolean))
    return { ...plain, type: 'tmpfs', source: '', target, options, hidden: true }
  })
}

/** Docker's defaults but for what is undone: the runtime takes the stricter of two. */
function tmpfsOptions(own: readonly string[]): readonly string[] {
  own.forEach(checkTmpfsOption)
  return [...tmpfsDefaults.filter((flag) => !own.includes(flag.replace('no', ''))), ...own]
}

/** What tmpfs(5) takes, and no bind or move of mounts of the host. */
function checkTmpfsOption(option: string): void {
  const flags = /^((no)?(suid|dev|exec|atime|diratime|relatime|strictatime)|(a|dir)?sync|ro|rw|defaults|r?private)$/
  const values = /^(size|mode|uid|gid|nr_inodes|nr_blocks|mpol)=[^,]+$/
  if (!flags.test(option) && !values.test(option)) throw invalid(`invalid tmpfs option ["${option}"]`)
}

function mountOf(request: MountRequest): RequestedMount {
  const { Type: type, Source: source = '', ReadOnly: readonly = false } = request
  const refuse = (why: string): EngineError => invalid(`invalid mount config for type "${type}": ${why}`)
  const forbid = (...fields: readonly (keyof MountRequest)[]): void => {
    for (const field of fields) if (request[field]) throw refuse(`field ${field} must not be specified`)
  }
  const target = targetOf(request.Target, refuse)
  const common = { ...plain, source, target, writable: !readonly }
  switch (type) {
    case 'bind': {
      forbid('VolumeOptions', 'TmpfsOptions')
      const bind = request.BindOptions ?? {}
      const propagation = bind.Propagation ?? ''
      if (propagation !== '' && !propagations.includes(propagation))
        throw refuse(`invalid propagation mode: ${propagation}`)
      if (source === '') throw refuse('field Source must not be empty')
      if (!source.startsWith('/')) throw refuse(`invalid mount path: '${source}' mount path must be absolute`)
      const { NonRecursive = false, ReadOnlyNonRecursive = false, CreateMountpoint: create = false } = bind
      const depth = { recursive: !NonRecursive, readonlyBelow: !ReadOnlyNonRecursive }
      return { ...common, ...depth, type, source: clean(source), propagation, create }
    }
    case 'volume': {
      forbid('BindOptions', 'TmpfsOptions')
      if (source === '' && readonly) throw refuse('must not set ReadOnly mode when using anonymous volumes')
      const { NoCopy = false, Labels: labels, Subpath: subpath = '', DriverConfig } = request.VolumeOptions ?? {}
      if (subpath !== '' && source === '') throw refuse('must not set Subpath when using anonymous volumes')
      if (posix.isAbsolute(subpath) || subpath.split('/').includes('..'))
        throw refuse('subpath must be a relative path within the volume')
      const { Name: driver = '', Options: options } = DriverConfig ?? {}
      const volume = { driver, ...(labels ? { labels } : {}), ...(options ? { options } : {}) }
      return { ...common, type, mode: 'z', copy: !NoCopy, volume, ...(subpath === '' ? {} : { subpath }) }
    }
    case 'tmpfs': {
      forbid('BindOptions', 'VolumeOptions', 'Source')
      const { SizeBytes = 0, Mode, Options = [] } = request.TmpfsOptions ?? {}
      const own = [
        ...(SizeBytes > 0 ? [`size=${SizeBytes}`] : []),
        ...(Mode ? [`mode=${Mode.toString(8)}`] : []),
        ...Options.map((pair) => pair.join('=')),
      ]
      return { ...common, type, options: tmpfsOptions(own) }
    }
    default:
      throw refuse('mount type unknown')
  }
}

/** All mounts that a container asks for; none at the same place as another. @throws EngineError `invalid` */
export function wantedMounts(config: ContainerConfig, host: HostConfig): readonly RequestedMount[] {
  const driver = typeof host.VolumeDriver === 'string' ? host.VolumeDriver : ''
  const explicit = [
    ...(host.Binds ?? []).map((text) => bindOf(text, driver)),
    ...(host.Mounts ?? []).map(mountOf),
    ...tmpfsOf(host),
  ]
  const taken = new Set<string>()
  for (const { target } of explicit) {
    if (taken.has(target)) throw invalid(`Duplicate mount point: ${target}`)
    taken.add(target)
  }
  const unnamed = Object.keys(config.Volumes ?? {})
    .map((path) => targetOf(path, (why) => invalid(`invalid mount config for type "volume": ${why}`)))
    .filter((target) => !taken.has(target))
    .map((target): RequestedMount => ({ ...plain, type: 'volume', source: '', target, volume: { driver } }))
  return [...explicit, ...unnamed]
}
