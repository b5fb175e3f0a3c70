import { EngineError } from '../errors.js'
import type { Networks, StepNetwork } from '../records.js'

/** What a build needs to know of containers whose network it is to share. */
interface Neighbours {
  find(reference: string): { readonly record: { readonly state: { readonly pid: number } } }
}

/** Makes something of a network mode: '', `default`, `bridge`, `none`, `host`, `container:x`, or a network's name or id. */
export const stepNetwork =
  (networks: Networks, containers: Neighbours) =>
  async (mode: string): Promise<StepNetwork> => {
    if (mode === '' || mode === 'default' || mode === 'bridge') return 'default'
    if (mode === 'none' || mode === 'host') return mode
    if (!mode.startsWith('container:')) return { network: (await networks.check(mode)).id }
    const name = mode.slice('container:'.length)
    const { pid } = containers.find(name).record.state
    if (pid <= 0) throw new EngineError('conflict', `cannot join network of a non running container: ${name}`)
    return { namespace: `/proc/${String(pid)}/ns/net` }
  }
