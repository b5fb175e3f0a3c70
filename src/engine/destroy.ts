import { readdir } from 'node:fs/promises'
import type { EngineConfig } from './config.js'
import { cgroupPathOf } from './containers/container.js'
import { ContainerStore } from './containers/store.js'
import { EngineError } from './errors.js'
import { destroyNetworks } from './networks/teardown.js'
import { Cgroup, findHierarchies } from './runtime/cgroup.js'
import { isLocked } from './system/lock.js'
import { removeIfPossible } from './system/remove.js'
import { orMissing } from './system/missing.js'

/**
 * Ends every container of an engine whose daemon does not run, and takes away all it has in the kernel: processes,
 * mounts (they live in its processes' mount namespaces), veths, bridges, nft table, cgroups. What is on disk stays.
 * @throws EngineError `conflict` when its daemon runs
 */
export async function destroyEngine(config: EngineConfig): Promise<void> {
  if (isLocked(config.root)) throw new EngineError('conflict', `an engine runs with ${config.root}: stop it first`)
  const hierarchies = findHierarchies()
  const parent = new Cgroup(hierarchies, `/berth-${config.name}`)
  const groups = await readdir(parent.dir('pids'), { withFileTypes: true }).catch(orMissing([]))
  const containers = groups
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => new Cgroup(hierarchies, `${parent.path}/${name}`))
  const elsewhere = (await new ContainerStore(config.root).load())
    .filter(({ hostConfig }) => hostConfig.CgroupParent)
    .map((record) => new Cgroup(hierarchies, cgroupPathOf(config, record)))
  await Promise.all([...containers, ...elsewhere].map((group) => group.destroy()))
  await parent.destroy()
  await destroyNetworks(config)
  for (const left of ['c', 'b', 'exits', 'runtime']) await removeIfPossible(`${config.run}/${left}`, 'what ran')
}
