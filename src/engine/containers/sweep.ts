import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Cgroup } from '../runtime/cgroup.js'
import { empty } from '../runtime/steps.js'
import type { Shop } from './container.js'

/** Removes what a daemon before this one left of containers and build steps that do not live: processes, groups, files. */
export async function sweep(shop: Shop, living: ReadonlySet<string>): Promise<void> {
  const { config, hierarchies, exits, driver } = shop
  const parent = new Cgroup(hierarchies, `/berth-${config.name}`)
  const groups = await readdir(parent.dir('pids'), { withFileTypes: true }).catch(() => [])
  for (const entry of groups)
    if (entry.isDirectory() && !living.has(entry.name)) {
      await empty(new Cgroup(hierarchies, `${parent.path}/${entry.name}`))
      driver.forget(entry.name.replace(/^build-/, ''))
    }
  for (const id of await exits.list()) if (!living.has(id)) await exits.take(id)
  await rm(join(config.run, 'b'), { recursive: true, force: true })
  for (const id of await readdir(join(config.run, 'c')).catch(() => []))
    if (!living.has(id)) await rm(join(config.run, 'c', id), { recursive: true, force: true })
}
