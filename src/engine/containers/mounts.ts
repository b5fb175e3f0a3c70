import { mkdir, stat } from 'node:fs/promises'
import { EngineError, isFault, messageOf } from '../errors.js'
import type { Mount, VolumeRequest, Volumes } from '../records.js'
import type { MountStaging } from '../runtime/mount-staging.js'
import { newVolumeName } from '../volumes/volumes.js'
import type { Container, ContainerDeps } from './container.js'
import { wantedMounts } from './mount-request.js'
import { demandPeers, propagationOf } from './propagation.js'
import type { ContainerConfig, HostConfig, MountPoint } from './record.js'

const absent = (source: string): EngineError =>
  new EngineError('invalid', `invalid mount config for type "bind": bind source path does not exist: ${source}`)

/** What cannot be looked at, for whatever reason, cannot be mounted either. */
const exists = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined)) !== undefined

/** A mount of a container that is being made. */
export interface PlannedMount {
  readonly point: MountPoint
  /** The volume is to take what the image has at its place. */
  readonly copy: boolean
  /** What the volume is to be, if it is not there yet. */
  readonly request: VolumeRequest
}

/**
 * Says what a container mounts. Its volumes are not made yet, but those that nobody names have names.
 * @throws EngineError `invalid`
 */
export async function planMounts(
  config: ContainerConfig,
  host: HostConfig,
  { volumes, config: { root } }: Pick<ContainerDeps, 'volumes' | 'config'>,
): Promise<readonly PlannedMount[]> {
  const wanted = wantedMounts(config, host)
  for (const { type, create, source } of wanted)
    if (type === 'bind' && !create && !(await exists(source))) throw absent(source)
  return wanted.map(({ type, source, target, mode, writable, propagation, options, ...more }) => {
    const common = { type, target, mode, writable, propagation, options, name: '', anonymous: false }
    if (type === 'volume') {
      const anonymous = source === ''
      const name = anonymous ? newVolumeName() : source
      const below = more.subpath === undefined ? {} : { subpath: more.subpath }
      const point = { ...common, ...below, name, source: volumes.place(name), anonymous }
      return { point, copy: more.copy, request: { ...more.volume, anonymous } }
    }
    const flags = {
      create: more.create,
      flat: !more.recursive,
      writableBelow: !more.readonlyBelow,
      hidden: more.hidden,
    }
    const set = Object.fromEntries(Object.entries(flags).filter(([, set]) => set))
    const passed = type === 'bind' ? { propagation: propagationOf(propagation, source, root) } : {}
    return { point: { ...common, ...set, ...passed, source }, copy: false, request: {} }
  })
}

/** Makes the volumes that are not there yet. @throws EngineError `invalid`, `missing`; some may have been made */
export async function makeVolumes(volumes: Volumes, planned: readonly PlannedMount[]): Promise<void> {
  for (const { point, request } of planned) if (point.type === 'volume') await volumes.ensure(point.name, request)
}

/** Removes the volumes that nobody named, unless another container has them. */
export async function dropAnonymous(volumes: Volumes, mounts: readonly MountPoint[]): Promise<void> {
  for (const { name, anonymous } of mounts)
    if (anonymous)
      await volumes.remove(name, true).catch((error: unknown) => {
        if (!isFault(error, 'conflict')) console.error(`volume ${name} cannot be removed: ${messageOf(error)}`)
      })
}

/**
 * Sees to it that everything a container mounts is there and staged; volumes are held until the container lets go of them.
 * @throws EngineError `invalid`, `broken`
 */
export async function openMounts(
  deps: ContainerDeps,
  { record }: Container,
  staging: MountStaging,
): Promise<readonly Mount[]> {
  const mounts: Mount[] = []
  const eachAlone = staging.maps && deps.driverOf(record).name === 'crun'
  for (const point of record.mounts) {
    if (point.type === 'bind') await ensureSource(point, deps.config.root)
    if (point.type === 'volume') await deps.volumes.hold(point.name, record.id)
    if (point.type === 'tmpfs') mounts.push(memoryMount(point))
    else mounts.push(...(await boundMounts(point, staging, eachAlone)))
  }
  return mounts
}

/** After a container has started, and after it has ended. */
export function tellMounts(
  deps: Pick<ContainerDeps, 'events'>,
  { record }: Container,
  action: 'mount' | 'unmount',
): void {
  for (const { type, name, target, writable, propagation } of record.mounts) {
    if (type !== 'volume') continue
    const details = { destination: target, 'read/write': String(writable), propagation }
    const attributes = { container: record.id, driver: 'local', ...(action === 'mount' ? details : {}) }
    deps.events.emit('volume', action, name, attributes)
  }
}

async function ensureSource({ source, create, propagation }: MountPoint, root: string): Promise<void> {
  if (!(await exists(source))) {
    if (create !== true) throw absent(source)
    await mkdir(source, { recursive: true })
  }
  await demandPeers(propagation, source, root)
}

const memoryMount = ({ target, options, writable }: MountPoint): Mount => ({
  type: 'tmpfs',
  source: 'tmpfs',
  target,
  options: [...options, ...(writable ? [] : ['ro'])],
})

/**
 * The mount as the runtime wants it. Read-only is so all the way down, as with Docker from API 1.44 on.
 * @param eachAlone mounts below are told one by one: crun (1.8) leaves them out for a container with a user namespace
 */
async function boundMounts(point: MountPoint, staging: MountStaging, eachAlone: boolean): Promise<Mount[]> {
  const { target, writable, propagation, subpath, flat } = point
  let source: string
  try {
    source = staging.bind(point.source, { subpath, flat })
  } catch (error) {
    throw new EngineError('invalid', `cannot access path ${point.source}/${subpath ?? ''}: ${messageOf(error)}`, error)
  }
  const bound = (path: string, access: string): Mount => ({
    type: 'bind',
    source: source + path,
    target: target + path,
    options: ['rbind', access, propagation || 'rprivate'],
  })
  const readonly = !writable && point.writableBelow !== true
  if (eachAlone)
    return [
      bound('', writable ? 'rw' : 'ro'),
      ...staging.below(source).map((path) => bound(path, readonly ? 'ro' : 'rw')),
    ]
  // nothing is below a file, and crun wants a directory
  const deep = readonly && (await stat(source)).isDirectory()
  return [bound('', writable ? 'rw' : deep ? 'rro' : 'ro')]
}

/** After a restart of the daemon: its volumes with options are mounted again, for others to share. */
export async function holdAgain({ volumes }: Pick<ContainerDeps, 'volumes'>, { record }: Container): Promise<void> {
  for (const { type, name } of record.mounts)
    if (type === 'volume')
      await volumes.hold(name, record.id).catch((error: unknown) => {
        console.error(`volume ${name} of container ${record.id} cannot be shared: ${messageOf(error)}`)
      })
}
