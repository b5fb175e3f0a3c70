import { randomBytes } from 'node:crypto'
import { BerthError } from '../errors.js'
import type { App } from '../store/apps.js'
import type { ReleaseLinks } from '../store/release-links.js'
import type { Link, Service } from '../store/services.js'
import { runIn } from './command.js'
import { hostOf, roleOf, tenantOf } from './container.js'
import { serverOf, type ServiceDeps } from './server.js'
import type { ServiceKeeper } from './keeper.js'
import { joinLinks } from './link-ends.js'

type LinkReference = ReleaseLinks[string]

/** 24 bytes, in characters that a URL and a statement take as they are. */
const newPassword = (): string => randomBytes(24).toString('hex')

/** What operations do with links. The worker's: it makes roles in servers that run. */
export class ServiceLinks {
  readonly #deps: ServiceDeps
  readonly #keeper: ServiceKeeper
  constructor(deps: ServiceDeps, keeper: ServiceKeeper) {
    this.#deps = deps
    this.#keeper = keeper
  }

  /**
   * Lets an app in, with a role of its own. Safe to repeat: a link that is there is taken.
   * @throws BerthError `missing`, `conflict` where the service does not run
   */
  link(app: App, id: string, variable: string): Promise<LinkReference> {
    return this.#keeper.exclusive(id, async () => {
      const service = await this.#running(id)
      const known = service.links.find((one) => one.app === app.id && !one.ends)
      if (known) return { service: id, link: known.id, revision: known.revision }
      const draft = { id: randomBytes(6).toString('hex'), app: app.id, variable, createdAt: new Date().toISOString() }
      const { url, container } = await this.#grant(service, draft, 1)
      const link: Link = { ...draft, revision: 1, url, ending: [] }
      const after = await this.#deps.store.services.update(id, ({ links }) => ({ links: [...links, link] }))
      await joinLinks(this.#deps, after, container)
      return { service: id, link: link.id, revision: 1 }
    })
  }

  /** Has a link another password beside the one that it has. What the processes have goes on being good. */
  rotate(app: App, id: string): Promise<LinkReference> {
    return this.#keeper.exclusive(id, async () => {
      const service = await this.#running(id)
      const link = linkOf(service, app)
      const revision = Math.max(link.revision, ...link.ending) + 1
      const { url } = await this.#grant(service, link, revision)
      await this.#change(id, link.id, (before) => ({
        ...{ revision, url },
        ending: [...before.ending, before.revision],
      }))
      return { service: id, link: link.id, revision }
    })
  }

  /** Those of an earlier release that there still are, as they are now. */
  async remaining(links: ReleaseLinks): Promise<ReleaseLinks> {
    const all = await Promise.all(
      Object.entries(links).map(async ([variable, reference]) => {
        const service = await this.#deps.store.services.find(reference.service)
        const link = service?.links.find(({ id, ends }) => id === reference.link && !ends)
        return link ? [[variable, { ...reference, revision: link.revision }] as const] : []
      }),
    )
    return Object.fromEntries(all.flat())
  }

  /** Ends the link of an app: as soon as none of its processes has it. One that is not there has ended. */
  async unlink(app: string, id: string): Promise<void> {
    if ((await this.#deps.store.services.find(id)) === null) return
    await this.#deps.store.services.update(id, ({ links }) =>
      links.some((link) => link.app === app && !link.ends)
        ? { links: links.map((link) => (link.app === app ? { ...link, ends: true } : link)) }
        : null,
    )
  }

  /** Ends all links of an app. */
  async unlinkAll(app: string): Promise<void> {
    for (const { service } of await this.#deps.store.services.linksOf(app)) await this.unlink(app, service.id)
  }

  async #grant(service: Service, link: Pick<Link, 'id' | 'app'>, revision: number) {
    const recipe = await this.#deps.plugins.get(service.kind)
    const container = await serverOf(this.#deps, service)
    if (container?.State.Running !== true) throw notRunning(service)
    const credential = {
      ...{ role: roleOf(link, revision), password: newPassword(), tenant: tenantOf(service, link.app) },
    }
    await runIn(this.#deps.engine, container.Id, recipe.grant(credential), `${service.name} does not let it in`)
    return { url: recipe.url(hostOf(service), credential), container }
  }

  async #change(id: string, of: string, next: (link: Link) => Partial<Link>): Promise<void> {
    await this.#deps.store.services.update(id, ({ links }) => ({
      links: links.map((link) => (link.id === of ? { ...link, ...next(link) } : link)),
    }))
  }

  async #running(id: string): Promise<Service> {
    const service = await this.#deps.store.services.find(id)
    if (service === null || service.wants === 'gone')
      throw new BerthError('missing', 'the service is not there any more', 'run `berth services` to see them all')
    if (service.wants !== 'running' || service.failure !== null) throw notRunning(service)
    return service
  }
}

const notRunning = ({ name }: Service): BerthError =>
  new BerthError('conflict', `${name} does not run`, `\`berth services:info ${name}\` says why`)

/** The link that an app has to a service. @throws BerthError `missing` */
export function linkOf({ name, links }: Service, app: Pick<App, 'id' | 'name'>): Link {
  const link = links.find((one) => one.app === app.id && !one.ends)
  if (link) return link
  throw new BerthError(
    'missing',
    `${app.name} is not linked to ${name}`,
    '`berth services:links` lists what it is linked to',
  )
}
