import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ApiRoute } from './api/route.js'
import { apiRoutes } from './api/routes.js'
import type { EngineSummary } from './api/system.js'
import { createBuilder, type Builder } from './build/builder.js'
import type { EngineConfig } from './config.js'
import { ContainerCatalog } from './containers/catalog.js'
import { Containers } from './containers/containers.js'
import { containerMark } from './containers/sandbox.js'
import { openEvents } from './events.js'
import { imageUsage } from './images/describe.js'
import { ImageStore } from './images/store.js'
import { openNetworks } from './networks/networks.js'
import type { Images, Volumes } from './records.js'
import { Registry } from './registry/registry.js'
import { findHierarchies, hastenMoves, type Hierarchies } from './runtime/cgroup.js'
import { chooseDriver, findProgram, runtimesOf, type Driver } from './runtime/driver.js'
import { Exits } from './runtime/exits.js'
import { Ids } from './runtime/ids.js'
import { createSteps } from './build/steps.js'
import { sweepDrafts } from './system/durable.js'
import { lockRoot } from './system/lock.js'
import { openVolumes } from './volumes/volumes.js'

/** An engine, its rooms opened in order and everything that outlived the last daemon found again. */
export interface Engine extends AsyncDisposable {
  readonly routes: readonly ApiRoute[]
  readonly containers: Containers
  /** To be called with each request: somebody may be about to ask for a process. See `hastenMoves`. */
  readonly hasten: (method: string, url: string) => void
}

/** Opens an engine. Disposing lets go of it; containers go on running. @throws EngineError what is missing on this host */
export async function openEngine(config: EngineConfig): Promise<Engine> {
  // a setuid program in a volume or a layer is root's on disk: no user of the host may come there
  await mkdir(config.root, { recursive: true, mode: 0o700 })
  await chmod(config.root, 0o700)
  await lockRoot(config.root)
  await sweepDrafts(config.root)
  await mkdir(config.run, { recursive: true, mode: 0o755 })
  await writeFile(containerMark(config), '')
  const events = openEvents()
  const exits = await Exits.open(join(config.run, 'exits'))
  const driver = chooseDriver(join(config.run, 'runtime'))
  const hierarchies = findHierarchies()
  const ids = await Ids.open(config)
  const networks = await openNetworks(config, events)

  const catalog = new ContainerCatalog()
  const images = await ImageStore.open(config, events, catalog)
  const volumes = await openVolumes(config, events, catalog)
  const shared = { config, driver, exits, hierarchies, ids, networks, events, catalog }
  const containers = await Containers.open({
    ...shared,
    images: images satisfies Images,
    volumes: volumes satisfies Volumes,
  })
  await containers.resume()
  const steps = createSteps({ config, driver, exits, hierarchies, ids, networks, conmon: findProgram('conmon') })
  const registry = new Registry(config, images)
  const builder = await createBuilder({ config, images, steps, events, registry })

  return {
    containers,
    hasten: (method, url) => {
      if (announcesMove(hierarchies.version, `${method} ${url}`)) void hastenMoves(hierarchies)
    },
    routes: apiRoutes({
      ...{ config, events, containers, usage: catalog, images, registry, builder, networks, volumes },
      summary: summaryOf({ containers, images, builder, driver }, ids !== undefined),
    }),
    [Symbol.asyncDispose]: async () => {
      exits.close()
      await networks[Symbol.asyncDispose]()
      await images[Symbol.asyncDispose]()
    },
  }
}

/**
 * Whether a request is, or is commonly followed by, one for which a process is moved to another group. With groups of version 1
 * that is not so for `docker exec` (see `commandInside`); else it looks at the container first. Not every request: while
 * the kernel gets ready, control groups can be neither made nor removed.
 */
const announcesMove = (version: Hierarchies['version'], request: string): boolean =>
  /^POST .*\/(create|start|restart)(\?|$)/.test(request) ||
  (version === 2 && /^(POST .*\/exec|GET .*\/containers\/[^/]+\/json)(\?|$)/.test(request))

interface Summarized {
  readonly containers: Containers
  readonly images: ImageStore
  readonly builder: Builder
  readonly driver: Driver
}

function summaryOf({ containers, images, builder, driver }: Summarized, userNamespaces: boolean): EngineSummary {
  return {
    containers: () => containers.count(),
    images: () => images.all().length,
    userNamespaces,
    runtimes: () => ({ chosen: driver.name, found: runtimesOf(driver) }),
    containerUsage: () =>
      containers.usage(async (image) => {
        const known = images.all().find(({ id }) => id === image)
        return known ? images.space(known) : 0
      }),
    imageUsage: (version) => imageUsage(images, version),
    cacheUsage: () => builder.usage(),
  }
}
