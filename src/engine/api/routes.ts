import type { Builder } from '../build/builder.js'
import { stepNetwork } from '../build/network.js'
import type { EngineConfig } from '../config.js'
import type { Containers } from '../containers/containers.js'
import type { EventLog } from '../events.js'
import type { ImageStore } from '../images/store.js'
import type { NetworkRoom } from '../networks/networks.js'
import type { Usage } from '../records.js'
import type { Registry } from '../registry/registry.js'
import type { VolumeRoom } from '../volumes/volumes.js'
import { archiveRoutes } from './archives.js'
import { buildRoutes } from './build.js'
import { containerRoutes } from './containers.js'
import { eventRoutes } from './events.js'
import { execRoutes } from './exec.js'
import { imageRoutes } from './images.js'
import { networkRoutes } from './networks.js'
import { registryRoutes } from './registry.js'
import type { ApiRoute } from './route.js'
import { type EngineSummary, systemRoutes } from './system.js'
import { volumeRoutes } from './volumes.js'

/** What the API is served from. */
export interface ApiDeps {
  readonly config: EngineConfig
  readonly events: EventLog
  readonly containers: Containers
  /** Who uses what. */
  readonly usage: Usage
  readonly images: ImageStore
  readonly registry: Registry
  readonly builder: Builder
  readonly networks: NetworkRoom
  readonly volumes: VolumeRoom
  readonly summary: EngineSummary
}

/** Every endpoint that is served. */
export const apiRoutes = (deps: ApiDeps): readonly ApiRoute[] => {
  const { config, events, containers, usage, images, registry, builder, networks, volumes, summary } = deps
  return [
    ...systemRoutes(config, summary, volumes),
    ...eventRoutes(events),
    ...containerRoutes(containers),
    ...execRoutes(containers),
    ...archiveRoutes(containers, images),
    ...imageRoutes({ registry, images }),
    ...registryRoutes(registry),
    ...buildRoutes({ config, builder, images, network: stepNetwork(networks, containers) }),
    ...networkRoutes(networks, usage, containers, events),
    ...volumeRoutes(volumes),
  ]
}
