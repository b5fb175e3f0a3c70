import type { EngineConfig } from '../config.js'
import { Firewall } from './firewall.js'
import { linkNames, Links } from '../kernel/links.js'
import { kernelNames } from './names.js'
import { NetworkRecords } from './record.js'

/**
 * Deletes everything an instance has in the kernel's networking: veths, bridges, nft table. For `down --all`, when its
 * containers are gone. Safe to repeat; `net.ipv4.ip_forward` is left as it is.
 */
export async function destroyNetworks(config: Pick<EngineConfig, 'name' | 'prefix' | 'root'>): Promise<void> {
  const names = kernelNames(config)
  using links = new Links()
  using firewall = new Firewall(names.table)
  for (const prefix of [names.cables, names.bridges])
    await Promise.all(linkNames(prefix).map((name) => links.remove(name)))
  const networks = await new NetworkRecords(`${config.root}/networks`).load()
  for (const network of networks) if (network.driver === 'bridge') await links.remove(names.bridge(network))
  await firewall.destroy()
}
