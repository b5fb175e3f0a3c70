import { mkdir, stat } from 'node:fs/promises'
import { posix } from 'node:path'
import { EngineError } from '../errors.js'
import type { Mount, Volumes } from '../records.js'
import type { ContainerConfig, HostConfig, MountPoint, MountRequest } from './record.js'

const invalid = (message: string): EngineError => new EngineError('invalid', message)

/** A mount as asked for, its volume not yet made. */
interface Wanted {
  readonly type: MountPoint['type']
  /** Host path or volume name, '' for an anonymous volume. */
  readonly source: string
  readonly target: string
  readonly mode: string
  readonly writable: boolean
  readonly propagation: string
  readonly options: readonly string[]
  readonly copy: boolean
  readonly labels?: Readonly<Record<string, string>>
  /** Make a missing host directory. */
  readonly create: boolean
}

const plain = { mode: '', writable: true, propagation: 'rprivate', options: [], copy: true, create: false } as const
const propagations = ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave']

function targetOf(path: string): string {
  if (!path.startsWith('/'))
    throw invalid(`invalid mount config: invalid mount path: '${path}' mount path must be absolute`)
  const target = posix.normalize(path).replace(/(.)\/$/, '$1')
  if (target === '/') throw invalid("invalid mount config: invalid specification: destination can't be '/'")
  return target
}

/** `source:target[:options]`, `target` alone is an anonymous volume. */
function bindOf(text: string): Wanted {
  const parts = text.split(':')
  const [source = '', target = '', mode = ''] = parts.length === 1 ? ['', text] : parts
  if (parts.length > 3 || target === '') throw invalid(`invalid volume specification: '${text}'`)
  const flags = mode.split(',').filter(Boolean)
  const unknown = flags.find((flag) => !['ro', 'rw', 'z', 'Z', 'nocopy', 'copy', ...propagations].includes(flag))
  if (unknown !== undefined) throw invalid(`invalid mode: ${mode}`)
  return {
    ...plain,
    type: source.startsWith('/') ? 'bind' : 'volume',
    source,
    target: targetOf(target),
    mode,
    writable: !flags.includes('ro'),
    propagation: flags.find((flag) => propagations.includes(flag)) ?? 'rprivate',
    copy: !flags.includes('nocopy'),
    create: true,
  }
}

const tmpfsDefaults = ['nosuid', 'nodev', 'noexec']

function mountOf(request: MountRequest): Wanted {
  const target = targetOf(request.Target)
  const writable = request.ReadOnly !== true
  const source = request.Source ?? ''
  if (request.Type === 'tmpfs') {
    const { SizeBytes = 0, Mode } = request.TmpfsOptions ?? {}
    const size = SizeBytes > 0 ? [`size=${SizeBytes}`] : []
    const mode = Mode === undefined ? [] : [`mode=${Mode.toString(8)}`]
    return { ...plain, type: 'tmpfs', source: '', target, writable, options: [...tmpfsDefaults, ...size, ...mode] }
  }
  if (request.Type === 'bind') {
    if (!source.startsWith('/'))
      throw invalid(`invalid mount config for type "bind": invalid mount path: '${source}' mount path must be absolute`)
    const { Propagation = '', CreateMountpoint = false } = request.BindOptions ?? {}
    return {
      ...plain,
      type: 'bind',
      source,
      target,
      writable,
      propagation: Propagation || 'rprivate',
      create: CreateMountpoint,
    }
  }
  if (request.Type !== 'volume') throw invalid(`invalid mount config: mount type unknown: "${request.Type}"`)
  const { NoCopy = false, Labels } = request.VolumeOptions ?? {}
  return { ...plain, type: 'volume', source, target, writable, copy: !NoCopy, ...(Labels ? { labels: Labels } : {}) }
}

/** All mounts a container asks for; where two have one target, the most explicit wins. */
function wantedOf(config: ContainerConfig, host: HostConfig): Wanted[] {
  const explicit = [
    ...(host.Binds ?? []).map(bindOf),
    ...(host.Mounts ?? []).map(mountOf),
    ...Object.entries(host.Tmpfs ?? {}).map(([target, options]): Wanted => ({
      ...plain,
      type: 'tmpfs',
      source: '',
      target: targetOf(target),
      options: [...tmpfsDefaults, ...options.split(',').filter(Boolean)],
    })),
  ]
  const taken = new Set<string>()
  for (const { target } of explicit) {
    if (taken.has(target)) throw invalid(`Duplicate mount point: ${target}`)
    taken.add(target)
  }
  const ofImage = Object.keys(config.Volumes ?? {})
    .map(targetOf)
    .filter((target) => !taken.has(target))
    .map((target): Wanted => ({ ...plain, type: 'volume', source: '', target }))
  return [...explicit, ...ofImage]
}

/**
 * Makes what a container's mounts need: volumes and missing host directories of `-v`. `fill` is called for each new
 * named or anonymous volume that takes a copy of what the image has at its place.
 * @throws EngineError `invalid`
 */
export async function prepareMounts(
  config: ContainerConfig,
  host: HostConfig,
  volumes: Volumes,
): Promise<readonly (MountPoint & { readonly copy: boolean })[]> {
  const points: (MountPoint & { copy: boolean })[] = []
  for (const wanted of wantedOf(config, host)) {
    const { type, target, mode, writable, propagation, options } = wanted
    const common = { type, target, mode, writable, propagation, options, anonymous: false, copy: false }
    if (type === 'tmpfs') points.push({ ...common, name: '', source: '' })
    else if (type === 'bind') {
      if (!(await stat(wanted.source).catch(() => undefined))) {
        if (!wanted.create)
          throw invalid(`invalid mount config for type "bind": bind source path does not exist: ${wanted.source}`)
        await mkdir(wanted.source, { recursive: true })
      }
      points.push({ ...common, name: '', source: wanted.source })
    } else {
      const volume = await volumes.ensure(wanted.source, wanted.labels)
      points.push({
        ...common,
        name: volume.name,
        source: volume.mountpoint,
        mode: mode || 'z',
        propagation: '',
        anonymous: wanted.source === '',
        copy: wanted.copy,
      })
    }
  }
  return points
}

/** The mount as the runtime wants it. */
export function runtimeMount(point: MountPoint): Mount {
  const access = point.writable ? 'rw' : 'ro'
  if (point.type === 'tmpfs')
    return { type: 'tmpfs', source: 'tmpfs', target: point.target, options: [...point.options, access] }
  return {
    type: 'bind',
    source: point.source,
    target: point.target,
    options: ['rbind', access, point.propagation || 'rprivate'],
  }
}
