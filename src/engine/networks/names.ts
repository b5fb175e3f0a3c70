import type { EngineConfig } from '../config.js'

/** What one instance's things are called in the kernel. */
export interface KernelNames {
  /** nft table, family ip */
  readonly table: string
  /** What every bridge's name begins with. */
  readonly bridges: string
  /** What the host's end of every veth pair begins with. */
  readonly cables: string
  bridge(networkId: string): string
  cable(endpointId: string): string
}

/** Names fit IFNAMSIZ: two letters, four digits of the instance, nine of the network or endpoint. */
export const kernelNames = (config: Pick<EngineConfig, 'name' | 'prefix'>): KernelNames => ({
  table: `berth_${config.name.replaceAll('-', '_')}`,
  bridges: `bt${config.prefix}`,
  cables: `bv${config.prefix}`,
  bridge: (networkId) => `bt${config.prefix}${networkId.slice(0, 9)}`,
  cable: (endpointId) => `bv${config.prefix}${endpointId.slice(0, 9)}`,
})
