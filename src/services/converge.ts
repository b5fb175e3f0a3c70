import { setTimeout as delay } from 'node:timers/promises'
import { label } from '../config.js'
import { readTail } from '../engine-client/tail.js'
import { BerthError } from '../errors.js'
import { deadline } from '../lib/deadline.js'
import { orMissing } from '../lib/missing.js'
import { harmless } from '../lib/terminal.js'
import type { ServicePlugin } from '../plugins/kinds/service.js'
import type { Service } from '../store/services.js'
import { runIn } from './command.js'
import { creationOf, filterOf, isOfSpec, labelsOf, networkOf, planOf, specOf, volumeOf } from './container.js'
import { factsFrom } from './facts.js'
import { ensureImage, stackOf } from './image.js'
import { versionOf } from './version.js'
import { endLinks, joinLinks, removeLinkNetworks } from './link-ends.js'
import { serverOf, type ServiceDeps } from './server.js'

/** ms that a server has to serve its first client. One that takes longer is waited for all the same; only it is said. */
const startMs = 60_000
/** ms between two looks at whether it does: nothing tells. */
const lookMs = 40
/** ms that the first data of one may take. */
const initialMs = 120_000
/** Exit code of one that says why it does not start on what it finds; sysexits.h, EX_CONFIG. */
const refusal = 78

/** Makes of a service what it is to be. Every step may have been done before, by a worker that died. */
export async function converge(deps: ServiceDeps, service: Service): Promise<void> {
  if (service.wants === 'gone') return remove(deps, service)
  const recipe = await deps.plugins.get(service.kind)
  if (service.wants === 'stopped') return stop(deps, service, recipe)
  const run = await withImage(deps, await withoutLeftovers(deps, await withFacts(deps, service, recipe)), recipe)
  const whole = await withData(deps, run, recipe)
  const id = await withContainer(deps, whole, recipe)
  await untilReady(deps, whole, recipe, id)
  await endLinks(deps, whole, recipe, id)
}

async function remove(deps: ServiceDeps, service: Service): Promise<void> {
  const { engine, config, store } = deps
  for (const { Id } of await engine.containers.list(filterOf(config.name, service))) await engine.containers.remove(Id)
  await removeLinkNetworks(deps, service)
  await engine.networks.remove(networkOf(service))
  await engine.volumes.remove(volumeOf(service))
  await store.services.remove(service.id)
}

async function stop(deps: ServiceDeps, service: Service, recipe: ServicePlugin): Promise<void> {
  const server = await serverOf(deps, service)
  if (server) await deps.engine.containers.stop(server.Id, recipe.stop.seconds)
}

/** What others ask of its recipe is in its record. */
async function withFacts({ store }: ServiceDeps, service: Service, recipe: ServicePlugin): Promise<Service> {
  const facts = factsFrom(recipe, service)
  if (JSON.stringify(facts) === JSON.stringify(service.facts)) return service
  return store.services.update(service.id, () => ({ facts }))
}

/** What was making its data when its worker died. */
async function withoutLeftovers({ engine, config }: ServiceDeps, service: Service): Promise<Service> {
  for (const { Id, Labels } of await engine.containers.list(filterOf(config.name, service)))
    if (Labels[label.type] === 'initial') await engine.containers.remove(Id)
  return service
}

/** It keeps the image that it has; one that is to be restarted takes what is newest of its version. */
async function withImage(deps: ServiceDeps, service: Service, recipe: ServicePlugin): Promise<Service> {
  const { image, restarts, restarted } = service
  if (image !== null && restarts === restarted && (await deps.engine.images.inspect(image)) !== null) return service
  const stack = stackOf(service.kind, recipe, versionOf(recipe, service.version))
  const say = (note: string): void =>
    void deps.store.services.update(service.id, () => ({ note })).catch(orMissing(null))
  const newest = await ensureImage(deps, stack, say)
  return deps.store.services.update(service.id, () => ({ image: newest, note: null }))
}

/** Its volume has data: made now, or never again. */
async function withData(deps: ServiceDeps, service: Service, recipe: ServicePlugin): Promise<Service> {
  const { engine, config, store } = deps
  if (service.hasData) return service
  const words = recipe.directory === null ? null : recipe.initialise(planOf(service))
  if (words !== null) {
    const make = { instance: config.name, service, recipe, image: service.image ?? '' }
    const id = await engine.containers.create(creationOf(make, words, 'initial'))
    try {
      using late = deadline(initialMs)
      await engine.containers.start(id)
      const code = await engine.containers.exitOf(id, late.signal)
      if (code !== 0)
        throw new BerthError(
          'broken',
          `its data could not be made: ${(await lastLine(deps, id)) ?? `exit code ${code}`}`,
          'give it more memory, or see that the disk is not full; then `berth services:start`',
        )
    } finally {
      await engine.containers.remove(id)
    }
  }
  return store.services.update(service.id, () => ({ hasData: true }))
}

/** Its server runs, as it is to be. @returns the container's id */
async function withContainer(deps: ServiceDeps, service: Service, recipe: ServicePlugin): Promise<string> {
  const { engine, config, store } = deps
  const make = { instance: config.name, service, recipe, image: service.image ?? '' }
  let server = await serverOf(deps, service)
  const isOther = server !== null && !isOfSpec(server.Config.Labels, specOf(make))
  if (server && (isOther || service.restarts !== service.restarted))
    await engine.containers.stop(server.Id, recipe.stop.seconds)
  if (server && isOther) {
    await engine.containers.remove(server.Id)
    server = null
  }
  if (server === null) {
    await engine.networks.ensure(networkOf(service), labelsOf(config.name, service), true)
    const id = await engine.containers.create(creationOf(make, recipe.start(planOf(service)), 'server'))
    server = await engine.containers.inspect(id)
  }
  if (server === null) throw new BerthError('unavailable', 'its container is gone again')
  await joinLinks(deps, service, server)
  await engine.containers.start(server.Id)
  const { restarts } = service
  // a change that is none would have the keeper look again, for ever where something after this fails
  await store.services.update(service.id, ({ restarted }) => (restarted === restarts ? null : { restarted: restarts }))
  return server.Id
}

/** @throws BerthError `broken` when it does not serve, with what it said last */
async function untilReady(deps: ServiceDeps, service: Service, recipe: ServicePlugin, id: string): Promise<void> {
  const { engine } = deps
  const until = Date.now() + startMs
  const first = (await engine.containers.inspect(id))?.RestartCount ?? 0
  for (;;) {
    if (await serves(deps, service, recipe, id)) return
    const seen = await engine.containers.inspect(id)
    if (seen === null) throw new BerthError('unavailable', 'its container is gone again')
    const refused = !seen.State.Running && seen.State.ExitCode === refusal
    if (refused) await engine.containers.stop(id, 0)
    if (refused || seen.RestartCount > first + 2 || Date.now() > until)
      throw new BerthError(
        'broken',
        `it does not start: ${(await lastLine(deps, id)) ?? 'it says nothing'}`,
        'see `berth services:logs` for the rest',
      )
    await delay(lookMs)
  }
}

/** Whether a server serves clients at this moment. */
export async function serves(
  { engine }: ServiceDeps,
  service: Service,
  recipe: ServicePlugin,
  id: string,
): Promise<boolean> {
  const running = (await engine.containers.inspect(id))?.State.Running === true
  if (!running) return false
  return runIn(engine, id, recipe.ready(planOf(service)), 'ready').then(
    () => true,
    (error: unknown) => {
      if (error instanceof BerthError && error.fault === 'unavailable') throw error
      return false // it does not yet, or has ended meanwhile
    },
  )
}

/** What a container wrote last. */
async function lastLine({ engine }: ServiceDeps, id: string): Promise<string | null> {
  const lines = await readTail(engine.containers, id, 20).catch(orMissing([]))
  const said = lines.map(({ text }) => harmless(text).trim()).filter((text) => text !== '')
  const ours = said.findLast((text) => text.startsWith('berth: '))
  return ours?.slice(7) ?? said.at(-1)?.slice(0, 300) ?? null
}
