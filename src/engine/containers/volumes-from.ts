import { EngineError } from '../errors.js'
import type { ContainerDeps } from './container.js'
import type { HostConfig, MountPoint } from './record.js'

/**
 * The mounts that `--volumes-from name[:ro|rw]` takes over, volumes and binds; of two at one target the later.
 * @throws EngineError `missing` "No such container: x", `invalid`
 */
export function inheritedMounts(deps: Pick<ContainerDeps, 'find'>, host: HostConfig): readonly MountPoint[] {
  const points = new Map<string, MountPoint>()
  for (const entry of host.VolumesFrom ?? []) {
    const [name = '', mode = ''] = entry.split(':')
    if (name === '') throw new EngineError('invalid', 'volumes-from specification cannot be an empty string')
    if (!['', 'ro', 'rw', 'z', 'Z'].includes(mode)) throw new EngineError('invalid', `invalid mode: ${mode}`)
    for (const point of deps.find(name).record.mounts)
      if (point.type !== 'tmpfs')
        points.set(point.target, { ...point, writable: mode === 'ro' ? false : point.writable })
  }
  return [...points.values()]
}
