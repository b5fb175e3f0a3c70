import { hostOf, roleOf, tenantOf, volumeOf } from '../services/container.js'
import { runIn } from '../services/command.js'
import { serverOf } from '../services/server.js'
import { settled } from '../services/settled.js'
import type { Service } from '../store/services.js'
import { removeService } from './scratch.js'
import type { BackupDeps } from './task.js'

/** The data of one for that of the other. Where the server does not start on it, it has its own again. */
export async function takePlace(deps: BackupDeps, target: string, fresh: string): Promise<void> {
  const { store } = deps
  const never = new AbortController().signal
  const swap = async (): Promise<Service> => settled(store, await store.services.swap(target, fresh, volumeOf), never)
  try {
    await grantLinks(deps, target, await swap())
  } catch (error) {
    await swap()
    await removeService(deps, fresh)
    throw error
  }
}

/** Lets into a service whoever is linked to another, by the passwords that they have. */
export async function grantLinks(deps: BackupDeps, of: string, service: Service): Promise<void> {
  const recipe = await deps.plugins.get(service.kind)
  const server = await serverOf(deps, service)
  const linked = await deps.store.services.find(of)
  for (const link of linked?.links ?? []) {
    if (link.ends) continue
    const password = new URL(link.url).password
    const command = recipe.grant({
      ...{ role: roleOf(link, link.revision), password, tenant: tenantOf(service, link.app) },
    })
    await runIn(deps.engine, server?.Id ?? '', command, `${hostOf(service)} does not let it in`)
  }
}
