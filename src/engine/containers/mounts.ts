import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { EngineError, messageOf } from '../errors.js'
import type { Mount, Volumes } from '../records.js'
import { mount, MS, openInRoot, unmount } from '../runtime/libc.js'
import { bundleOf, type Container, type Shop } from './container.js'
import { wantedMounts } from './mount-request.js'
import type { ContainerConfig, HostConfig, MountPoint } from './record.js'

const absent = (source: string): EngineError =>
  new EngineError('invalid', `invalid mount config for type "bind": bind source path does not exist: ${source}`)

const exists = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined)) !== undefined

/**
 * Makes the volumes a container mounts; its directories of the host are its start's business. `copy` marks those that
 * take what the image has at their place.
 * @throws EngineError `invalid`, `missing`; volumes nobody named are not left behind
 */
export async function prepareMounts(
  config: ContainerConfig,
  host: HostConfig,
  volumes: Volumes,
): Promise<readonly (MountPoint & { readonly copy: boolean })[]> {
  const points: (MountPoint & { copy: boolean })[] = []
  const wanted = wantedMounts(config, host)
  for (const { type, create, source } of wanted)
    if (type === 'bind' && !create && !(await exists(source))) throw absent(source)
  try {
    for (const { type, source, target, mode, writable, propagation, options, ...more } of wanted) {
      const common = { type, target, mode, writable, propagation, options, name: '', anonymous: false, copy: false }
      const { copy, subpath } = more
      if (type === 'volume') {
        const { name, mountpoint } = await volumes.ensure(source, more.volume)
        const below = subpath === undefined ? {} : { subpath }
        points.push({ ...common, ...below, name, source: mountpoint, anonymous: source === '', copy })
      } else {
        const flags = {
          create: more.create,
          flat: !more.recursive,
          writableBelow: !more.readonlyBelow,
          hidden: more.hidden,
        }
        points.push({ ...common, ...Object.fromEntries(Object.entries(flags).filter(([, set]) => set)), source })
      }
    }
  } catch (error) {
    await dropAnonymous(volumes, points)
    throw error
  }
  return points
}

/** Removes the volumes that nobody named, unless another container has them. */
export async function dropAnonymous(volumes: Volumes, mounts: readonly MountPoint[]): Promise<void> {
  for (const { name, anonymous } of mounts) if (anonymous) await volumes.remove(name, true).catch(() => undefined)
}

/** The mounts of a container that is about to start. Disposing takes away what only the runtime had to find. */
export interface OpenMounts extends Disposable {
  readonly mounts: readonly Mount[]
}

/**
 * Sees to it that everything a container mounts is there; volumes are held until the container lets go of them.
 * @throws EngineError `invalid`, `broken`
 */
export async function openMounts(shop: Shop, { record }: Container): Promise<OpenMounts> {
  const parts: string[] = []
  const close = (): void => parts.splice(0).forEach(unmount)
  try {
    const mounts: Mount[] = []
    for (const [index, point] of record.mounts.entries()) {
      if (point.type === 'bind') await ensureSource(point)
      if (point.type === 'volume') await shop.volumes.hold(point.name, record.id)
      const part = join(bundleOf(shop.config, record.id), `part-${index}`)
      const ready = point.subpath === undefined && point.flat !== true
      if (!ready) {
        await mountPart(point, part)
        parts.push(part)
      }
      mounts.push(await runtimeMount(point, ready ? point.source : part))
    }
    return { mounts, [Symbol.dispose]: close }
  } catch (error) {
    close()
    throw error
  }
}

/** After a container has started, and after it has ended. */
export function tellMounts(shop: Pick<Shop, 'events'>, { record }: Container, action: 'mount' | 'unmount'): void {
  for (const { type, name, target, writable, propagation } of record.mounts) {
    if (type !== 'volume') continue
    const details = { destination: target, 'read/write': String(writable), propagation }
    const attributes = { container: record.id, driver: 'local', ...(action === 'mount' ? details : {}) }
    shop.events.emit('volume', action, name, attributes)
  }
}

async function ensureSource({ source, create, propagation }: MountPoint): Promise<void> {
  if (!(await exists(source))) {
    if (create !== true) throw absent(source)
    await mkdir(source, { recursive: true })
  }
  if (propagation.endsWith('shared')) await demandPeers(source, /^shared:/, 'a shared mount')
  if (propagation.endsWith('slave')) await demandPeers(source, /^(shared|master):/, 'a shared or slave mount')
}

/** proc_pid_mountinfo(5): the optional fields tell whom a mount shares its mounts with. */
async function demandPeers(source: string, wanted: RegExp, what: string): Promise<void> {
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').map((line) => line.split(' '))
  const holds = (place: string): boolean => source === place || source.startsWith(place === '/' ? '/' : `${place}/`)
  const [nearest] = mounts
    .filter(([, , , , place]) => place !== undefined && holds(place))
    .sort(([, , , , a = ''], [, , , , b = '']) => b.length - a.length)
  const peers = nearest?.slice(6, nearest.indexOf('-')) ?? []
  if (peers.some((peer) => wanted.test(peer))) return
  throw new EngineError('broken', `path ${source} is mounted on ${nearest?.[4] ?? '/'} but it is not ${what}`)
}

/**
 * Mounts what there is no path for: a part of a volume, or a directory without what is mounted below it, which crun's
 * `bind` takes along. By descriptor: a container that writes to the volume may swap any part of the path for a symlink.
 */
async function mountPart({ source, subpath, flat }: MountPoint, target: string): Promise<void> {
  const root = openSync(source, constants.O_RDONLY)
  try {
    const part = subpath === undefined ? root : openInRoot(root, subpath, constants.O_RDONLY)
    try {
      if (fstatSync(part).isDirectory()) await mkdir(target, { recursive: true })
      else {
        await mkdir(dirname(target), { recursive: true })
        await writeFile(target, '')
      }
      mount(`/proc/self/fd/${String(part)}`, target, '', flat === true ? MS.bind : MS.bind | MS.rec, '')
    } finally {
      if (part !== root) closeSync(part)
    }
  } catch (error) {
    throw new EngineError('invalid', `cannot access path ${source}/${subpath ?? ''}: ${messageOf(error)}`, error)
  } finally {
    closeSync(root)
  }
}

/** The mount as the runtime wants it. Read-only is so all the way down, as with Docker from API 1.44 on. */
async function runtimeMount(point: MountPoint, source: string): Promise<Mount> {
  const { type, target, writable, propagation } = point
  if (type === 'tmpfs')
    return { type, source: 'tmpfs', target, options: [...point.options, ...(writable ? [] : ['ro'])] }
  // nothing is below a file, and crun wants a directory
  const deep = point.writableBelow !== true && (await stat(source)).isDirectory()
  const access = writable ? 'rw' : deep ? 'rro' : 'ro'
  return { type: 'bind', source, target, options: ['rbind', access, propagation || 'rprivate'] }
}

/** After a restart of the daemon: its volumes with options are mounted again, for others to share. */
export async function holdAgain({ volumes }: Pick<Shop, 'volumes'>, { record }: Container): Promise<void> {
  for (const { type, name } of record.mounts)
    if (type === 'volume') await volumes.hold(name, record.id).catch(() => undefined)
}
