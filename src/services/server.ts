import { label, type Config } from '../config.js'
import type { EngineClient } from '../engine-client/client.js'
import type { ContainerDetails } from '../engine-client/containers.js'
import type { ServicePlugins } from '../plugins/services.js'
import type { Service } from '../store/services.js'
import type { Store } from '../store/store.js'
import { filterOf } from './container.js'

/** What looking at services needs, and running something in them. */
export interface ServiceLookDeps {
  readonly config: Config
  readonly store: Store
  readonly engine: EngineClient
}

/** What keeping them needs. */
export interface ServiceDeps extends ServiceLookDeps {
  readonly plugins: ServicePlugins
}

/** The container of a service's server; null where there is none. */
export async function serverOf(
  { engine, config }: Pick<ServiceLookDeps, 'engine' | 'config'>,
  service: Pick<Service, 'id'>,
): Promise<ContainerDetails | null> {
  const all = await engine.containers.list(filterOf(config.name, service))
  const [server] = all.filter(({ Labels }) => Labels[label.type] === 'server')
  return server ? engine.containers.inspect(server.Id) : null
}
