import { EngineError } from '../errors.js'
import type { Networks, StepNetwork } from '../records.js'

/** What a build needs to know of containers whose network it is to share. */
interface Neighbours {
  /** Of a container's first process, 0 when it does not run. @throws EngineError `missing` */
  pidOf(reference: string): number
}

/**
 * Makes something of a network mode: '' and `default` are the network that builds have to themselves; else it is `bridge`,
 * which plain containers are on, `none`, `host`, `container:x`, or a network's name or id.
 */
export const stepNetwork =
  (networks: Networks, containers: Neighbours) =>
  async (mode: string): Promise<StepNetwork> => {
    if (mode === '' || mode === 'default') return 'default'
    if (mode === 'none' || mode === 'host') return mode
    if (!mode.startsWith('container:')) {
      const { id, name } = await networks.check(mode)
      return { network: name === 'bridge' ? name : id }
    }
    const name = mode.slice('container:'.length)
    const pid = containers.pidOf(name)
    if (pid <= 0) throw new EngineError('conflict', `cannot join network of a non running container: ${name}`)
    return { namespace: `/proc/${String(pid)}/ns/net` }
  }
