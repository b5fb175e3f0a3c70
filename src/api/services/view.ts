import { label } from '../../config.js'
import { BerthError } from '../../errors.js'
import { filterOf } from '../../services/container.js'
import type { ServiceLookDeps } from '../../services/server.js'
import { orMissing } from '../../lib/missing.js'
import type { Service } from '../../store/services.js'
import type { ServiceView } from './contract.js'

/** @param running whether its server does */
function stateOf({ wants, turn, done, failure, hasData }: Service, running: boolean): ServiceView['state'] {
  if (wants === 'gone') return 'destroying'
  if (turn !== done) return wants === 'stopped' ? 'stopping' : hasData ? 'starting' : 'creating'
  if (failure !== null) return 'failed'
  if (wants === 'stopped') return 'stopped'
  return running ? 'running' : 'down'
}

/** As they are at this moment. */
export async function viewServices(deps: ServiceLookDeps, services: readonly Service[]): Promise<ServiceView[]> {
  const { engine, store, config } = deps
  const [containers, apps] = await Promise.all([engine.containers.list(filterOf(config.name)), store.apps.list()])
  const running = new Set(containers.filter((one) => one.State === 'running').map((one) => one.Labels[label.service]))
  const releases = new Map(
    await Promise.all(
      apps.map(async (app) => [app.id, await store.releases.get(app.id, app.current).catch(orMissing(null))] as const),
    ),
  )
  const names = new Map(apps.map((app) => [app.id, app.name]))
  const has = (app: string, link: string): boolean =>
    Object.values(releases.get(app)?.links ?? {}).some((one) => one.link === link)
  return services.map((service) => {
    const { id, name, kind, version, turn, failure, note, createdAt, memory, cpus } = service
    const links = service.links.filter(({ ends }) => !ends)
    return {
      ...{ id, name, kind, version, state: stateOf(service, running.has(id)), turn, failure, note, createdAt },
      ...{ memory, cpus, shared: service.shared === true },
      links: links.map(({ id: link, app, variable, createdAt: since }) => ({
        ...{ app: names.get(app) ?? app, variable, current: has(app, link), since },
      })),
    }
  })
}

/** As it is at this moment. */
export async function viewService(deps: ServiceLookDeps, service: Service): Promise<ServiceView> {
  const [view] = await viewServices(deps, [service])
  if (view === undefined) throw new BerthError('missing', 'the service is gone')
  return view
}

/** @throws BerthError `conflict`, naming the apps @param apps names by id */
export function refuseWhileLinked({ name, links }: Service, apps: ReadonlyMap<string, string>): void {
  const linked = links.filter(({ ends }) => !ends).map(({ app }) => apps.get(app) ?? app)
  if (linked.length > 0)
    throw new BerthError(
      'conflict',
      `${name} has data that ${linked.join(', ')} ${linked.length === 1 ? 'is' : 'are'} linked to`,
      `unlink ${linked.length === 1 ? 'it' : 'them'} first: \`berth services:unlink ${name} -a ${linked[0] ?? ''}\``,
    )
}
