import type { EngineConfig } from '../config.js'
import type { NetworkRecord } from './record.js'
import { settingsOf } from './settings.js'

/** What one instance's things are called in the kernel. */
export interface KernelNames {
  /** nft table, family inet */
  readonly table: string
  /** What every bridge's name begins with that was not given another. */
  readonly bridges: string
  /** What the host's end of every veth pair begins with. */
  readonly cables: string
  bridge(network: Pick<NetworkRecord, 'id' | 'options'>): string
  veth(endpointId: string): string
}

/** Names fit IFNAMSIZ: two letters, four digits of the instance, nine of the network or endpoint. */
export const kernelNames = (config: Pick<EngineConfig, 'name' | 'prefix'>): KernelNames => ({
  table: `berth_${config.name.replaceAll('-', '_')}`,
  bridges: `bt${config.prefix}`,
  cables: `bv${config.prefix}`,
  bridge: ({ id, options }) => settingsOf(options).bridgeName ?? `bt${config.prefix}${id.slice(0, 9)}`,
  veth: (endpointId) => `bv${config.prefix}${endpointId.slice(0, 9)}`,
})
