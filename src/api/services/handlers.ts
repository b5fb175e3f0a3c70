import { totalmem } from 'node:os'
import { BerthError } from '../../errors.js'
import { runIn } from '../../services/command.js'
import { hostOf } from '../../services/container.js'
import { serverOf } from '../../services/server.js'
import { versionOf } from '../../services/version.js'
import { serviceKind, serviceKinds } from '../../plugins/service-kinds.js'
import { serviceLog, type ServiceLogQuery } from '../../services/log.js'
import { masked, secretsOf } from '../../lib/mask.js'
import { serviceChanges, type Service } from '../../store/services.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'
import type { ServiceView } from './contract.js'
import { refuseWhileLinked, viewService, viewServices } from './view.js'

/** What one has unless told otherwise. */
const usual = { memory: 512 * 1024 * 1024, cpus: 1 }

/** @throws BerthError `invalid` of more memory than there is */
function checkMemory(memory: number | undefined): void {
  if (memory !== undefined && memory > totalmem())
    throw new BerthError(
      'invalid',
      'that is more memory than this server has',
      `it has ${Math.floor(totalmem() / 2 ** 20)}M`,
    )
}

export const serviceHandlers = (platform: ControlApiDeps): HandlersOf<'services'> => {
  const { store } = platform
  const view = async (service: Service): Promise<ServiceView> => viewService(await platform.services(), service)

  return {
    list: async () => viewServices(await platform.services(), await store.services.list()),
    versions: () => listVersions(platform),

    create: async ({ kind, name, version, memory = usual.memory, cpus = usual.cpus, shared }) => {
      checkMemory(memory)
      const known = await serviceKind(store, kind)
      const chosen = versionOf(known, version)
      if (shared && !known.shareable) throw notShareable(known.title)
      return view(
        await store.services.create({
          ...{ name, kind, version: chosen.version, memory, cpus },
          ...(shared && { shared }),
        }),
      )
    },

    info: async ({ service: name }) => infoOf(platform, await store.services.get(name)),

    change: async ({ service: name, name: next, memory, cpus }) => {
      checkMemory(memory)
      let service = await store.services.get(name)
      if (next !== undefined && next !== name) service = await store.services.rename(service.id, next)
      if (memory === undefined && cpus === undefined) return view(service)
      const size = { ...(memory !== undefined && { memory }), ...(cpus !== undefined && { cpus }) }
      return view(await store.services.ask(service.id, () => size))
    },

    start: async ({ service: name }) => ask(platform, name, () => ({ wants: 'running' })),
    stop: async ({ service: name }) => ask(platform, name, () => ({ wants: 'stopped' })),
    restart: async ({ service: name }) =>
      ask(platform, name, ({ restarts }) => ({ wants: 'running', restarts: restarts + 1 })),

    destroy: async ({ service: name, confirm }) => {
      if (confirm !== name)
        throw new BerthError(
          'invalid',
          `"${confirm.slice(0, 80)}" is not the name of the service to destroy, "${name.slice(0, 80)}"`,
          'repeat its name to confirm',
        )
      const apps = new Map((await store.apps.list()).map((app) => [app.id, app.name]))
      return ask(platform, name, (service) => {
        refuseWhileLinked(service, apps)
        return { wants: 'gone' }
      })
    },

    progress: async ({ service: name }, { signal }) => follow(platform, await store.services.get(name), signal),

    logs: async ({ service: name, lines, follow: on = false }, { signal }) =>
      logOf(platform, await store.services.get(name), { lines, follow: on, signal }),
  }
}

const notShareable = (title: string): BerthError =>
  new BerthError(
    'invalid',
    `${title} has no place of its own for each app that is linked`,
    'make one for each; all that are linked to one share its data',
  )

/** What a service wrote, without the passwords of its links. @throws BerthError `conflict` before its first start */
async function logOf(platform: ControlApiDeps, service: Service, query: ServiceLogQuery) {
  const deps = await platform.services()
  const server = await serverOf(deps, service)
  if (server === null)
    throw new BerthError('conflict', `${service.name} has not been started yet`, 'wait until it runs')
  const secrets = secretsOf(Object.fromEntries(service.links.map(({ id, url }) => [`${id}_URL`, url])))
  return (async function* () {
    let count = 0
    for await (const { time, text } of serviceLog(deps.engine, server.Id, query)) {
      count += 1
      yield { time, text: masked(text, secrets) }
    }
    return { lines: count }
  })()
}

async function ask(
  platform: ControlApiDeps,
  name: string,
  next: (service: Service) => Partial<Service>,
): Promise<ServiceView> {
  const { id } = await platform.store.services.get(name)
  const after = await platform.store.services.ask(id, (service) => {
    if (service.wants === 'gone') throw new BerthError('conflict', `${name} is being destroyed`)
    return next(service)
  })
  return viewService(await platform.services(), after)
}

async function listVersions(platform: ControlApiDeps) {
  return (await serviceKinds(platform.store)).map(({ kind, title, versions }) => ({
    kind,
    title,
    versions: versions.map(({ version, debian }) => ({ version, debian })),
  }))
}

async function infoOf(platform: ControlApiDeps, service: Service) {
  const deps = await platform.services()
  const { facts } = service
  const [shown, server] = await Promise.all([viewService(deps, service), serverOf(deps, service)])
  const runs = shown.state === 'running' && server !== null && facts !== null
  const said = runs ? await runIn(deps.engine, server.Id, facts.measure, 'it says nothing of itself') : ''
  const [bytes = null, connections = null] = said.trim().split(/\s+/).filter(Boolean).map(Number)
  return { ...shown, title: facts?.title ?? service.kind, host: hostOf(service), bytes, connections }
}

/** What is being done, as it changes, until it is done. */
async function* follow(platform: ControlApiDeps, first: Service, signal: AbortSignal) {
  const { store } = platform
  let wake = (): void => undefined
  let news = new Promise<void>((resolve) => (wake = resolve))
  signal.addEventListener('abort', () => wake(), { once: true })
  const unsubscribe = await store.notifications.subscribe(serviceChanges, (id) => {
    if (id === '' || id === first.id) wake()
  })
  try {
    for (let told: string | null = null; ;) {
      const service = await store.services.find(first.id)
      if (service === null) return null
      if (service.done >= first.turn) return await viewService(await platform.services(), service)
      if (service.note !== null && service.note !== told) yield { note: (told = service.note) }
      await news
      if (signal.aborted)
        throw new BerthError('unavailable', 'Berth stopped following the service', 'what was begun goes on')
      news = new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    unsubscribe()
  }
}
