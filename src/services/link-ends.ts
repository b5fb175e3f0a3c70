import { label } from '../config.js'
import type { ContainerDetails } from '../engine-client/containers.js'
import type { ServicePlugin } from '../plugins/kinds/service.js'
import { linkNetwork, linksIn } from '../scheduler/links.js'
import type { Link, Service } from '../store/services.js'
import { runIn } from './command.js'
import { hostOf, labelsOf, roleOf, tenantOf } from './container.js'
import type { ServiceDeps } from './server.js'

/** Puts a server on the network of each of its links. */
export async function joinLinks(
  { engine, config }: ServiceDeps,
  service: Service,
  { Id, NetworkSettings }: ContainerDetails,
): Promise<void> {
  for (const { id } of service.links) {
    const network = linkNetwork(id)
    if (Object.hasOwn(NetworkSettings.Networks, network)) continue
    await engine.networks.ensure(network, labelsOf(config.name, service), true)
    await engine.networks.connect(network, Id, [hostOf(service)])
  }
}

/** Removes the networks of all links of a service that has no container any more. */
export async function removeLinkNetworks({ engine }: ServiceDeps, { links }: Service): Promise<void> {
  for (const { id } of links) await engine.networks.remove(linkNetwork(id))
}

/** Revisions of links that processes of an app have: those that run, or may be started again. */
async function heldBy({ engine, config }: ServiceDeps, app: string): Promise<Set<string>> {
  const filter = [`${label.instance}=${config.name}`, `${label.app}=${app}`]
  const all = await engine.containers.list(filter)
  return new Set(all.filter(({ State }) => State === 'running').flatMap(({ Labels }) => linksIn(Labels)))
}

/** Lets in no more what ends, as far as no process of its app has it. */
export async function endLinks(
  deps: ServiceDeps,
  service: Service,
  recipe: ServicePlugin,
  container: string,
): Promise<void> {
  for (const link of service.links) {
    if (!link.ends && link.ending.length === 0) continue
    const held = await heldBy(deps, link.app)
    const revisions = link.ends ? [...link.ending, link.revision] : link.ending
    const over = revisions.filter((revision) => !held.has(`${link.id}.${revision}`))
    for (const revision of over)
      await runIn(
        deps.engine,
        container,
        recipe.revoke(roleOf(link, revision), tenantOf(service, link.app)),
        'its role could not be taken back',
      )
    if (link.ends && over.length === revisions.length) await removeLink(deps, service, link, container)
    else if (over.length > 0) await keepEnding(deps, service, link, over)
  }
}

async function keepEnding(
  { store }: ServiceDeps,
  { id }: Service,
  { id: of }: Link,
  over: readonly number[],
): Promise<void> {
  await store.services.update(id, ({ links }) => ({
    links: links.map((link) =>
      link.id === of ? { ...link, ending: link.ending.filter((revision) => !over.includes(revision)) } : link,
    ),
  }))
}

async function removeLink(
  { engine, store }: ServiceDeps,
  { id }: Service,
  link: Link,
  container: string,
): Promise<void> {
  const network = linkNetwork(link.id)
  await engine.networks.disconnect(network, container)
  await engine.networks.remove(network)
  await store.services.update(id, ({ links }) => ({ links: links.filter((one) => one.id !== link.id) }))
}
