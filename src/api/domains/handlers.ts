import { may, type Caller } from '../../access/caller.js'
import { BerthError } from '../../errors.js'
import { readHostname, toUnicode } from '../../lib/hostname.js'
import { hostsOf } from '../../certificates/wanted.js'
import type { App } from '../../store/apps.js'
import { checkDomain, HostnameTaken, mostDomains, type Domain } from '../../store/domains.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'
import { checkDomains } from './check.js'
import type { DomainView } from './contract.js'
import { httpsHandler } from './https.js'
import { guestsOf, pathsAt, pathsFor, viewPath, withPaths } from './paths.js'
import { certState } from './state.js'
import { thenRouted } from '../routed.js'

const viewDomain = ({ host, createdAt, redirect, onDemand }: Domain, own = false): DomainView => ({
  ...{
    host,
    shown: toUnicode(host),
    own,
    createdAt,
    redirect: redirect ?? null,
    path: null,
    strip: false,
    onDemand: onDemand === true,
  },
})

const noDomain = (host: string, { name }: App): BerthError =>
  new BerthError('missing', `${name} has no domain ${host.slice(0, 80)}`, `see \`berth domains -a ${name}\``)

export const domainHandlers = (platform: ControlApiDeps): HandlersOf<'domains'> => ({
  list: listHandler(platform),
  add: thenRouted(platform, addHandler(platform)),
  remove: thenRouted(platform, removeHandler(platform)),
  redirect: thenRouted(platform, redirectHandler(platform)),
  https: thenRouted(platform, httpsHandler(platform)),
  check: (_, { app }) => checkDomains(platform.config, app),
  clear: thenRouted(platform, clearHandler(platform)),
})

const listHandler =
  ({ config, store }: ControlApiDeps): HandlersOf<'domains'>['list'] =>
  async (_, { app, caller }) => {
    const all = [...(app.domains ?? [])].sort((a, b) => a.host.localeCompare(b.host))
    const own = { host: config.appHost(app.name), createdAt: app.createdAt }
    const views = [viewDomain(own, true), ...all.map((one) => viewDomain(one))]
    const [certificates, jobs, apps] = await Promise.all([
      store.certificates.list(),
      store.acme.jobsOf(app.id),
      store.apps.list(),
    ])
    const by = {
      id: app.id,
      autoCerts: app.autoCerts === true,
      certificates,
      jobs,
      dns: await store.plugins.hasEnabled('dns'),
    }
    const whole = views.map((view) => ({
      ...{ ...view, of: null, guests: guestsOf(view.host, { app, apps, caller }) },
      ...certState(view.host, by),
    }))
    const parts = (app.paths ?? []).map((one) => {
      const root = apps.find(({ id }) => id === one.root)
      const of = root && hostsOf(root, (name) => config.appHost(name)).includes(one.host) ? root : null
      // who has the hostname sees to its certificate
      const certificate = of && certState(one.host, { ...by, id: of.id }).certificate
      return { ...viewPath(one), certificate, order: null, unordered: null, guests: [], of: of && of.name }
    })
    return [...whole, ...parts]
  }

const addHandler =
  (platform: ControlApiDeps): HandlersOf<'domains'>['add'] =>
  async ({ hosts, path, strip = false }, { app, caller }) => {
    const { config, store } = platform
    const refuse = (error: unknown): Promise<never> => sayWhose(platform, error, caller)
    if (path !== undefined) {
      const added = await pathsFor(platform, { app, hosts, path, strip, caller })
      await store.apps.update(app.id, (now) => ({ paths: withPaths(now, added) })).catch(refuse)
      return added.map(viewPath)
    }
    const asked = [...new Set(hosts.map((text) => readDomain(text, app, config.appHost(app.name), config.domain)))]
    const after = await store.apps.update(app.id, (now) => ({ domains: withDomains(now, asked) })).catch(refuse)
    return (after.domains ?? []).filter(({ host }) => asked.includes(host)).map((one) => viewDomain(one))
  }

const removeHandler =
  ({ config, store }: ControlApiDeps): HandlersOf<'domains'>['remove'] =>
  async ({ host: text, path }, { app }) => {
    const host = hostOf(text)
    const own = config.appHost(app.name)
    if (path === undefined && host === own) readDomain(text, app, own, config.domain)
    let gone: DomainView | undefined
    await store.apps.update(app.id, (now) => {
      if (path === undefined) {
        const domain = now.domains?.find((one) => one.host === host)
        gone = domain && viewDomain(domain)
        return { domains: without(now, host) }
      }
      const taken = pathsAt(now, host, path)
      gone = taken.map(viewPath)[0]
      return { paths: now.paths?.filter((one) => !taken.includes(one)) ?? [] }
    })
    if (gone === undefined) throw noDomain(host, app)
    return gone
  }

const clearHandler =
  ({ store }: ControlApiDeps): HandlersOf<'domains'>['clear'] =>
  async (_, { app }) => {
    let gone: DomainView[] = []
    await store.apps.update(app.id, ({ domains = [], paths = [] }) => {
      gone = [...domains.map((one) => viewDomain(one)), ...paths.map(viewPath)]
      return { domains: [], paths: [] }
    })
    return gone
  }

const redirectHandler =
  ({ store }: ControlApiDeps): HandlersOf<'domains'>['redirect'] =>
  async ({ host: text, to }, { app }) => {
    const host = hostOf(text)
    const target = to === null ? null : hostOf(to)
    const { domains = [] } = await store.apps.update(app.id, (now) => ({ domains: redirected(now, host, target) }))
    const after = domains.find((one) => one.host === host)
    if (after === undefined) throw noDomain(host, app)
    return viewDomain(after)
  }

/** @throws BerthError `invalid`, also for the hostname that an app has by its name */
function readDomain(text: string, { name }: App, own: string, domain: string): string {
  if (text.trim().toLowerCase() === own)
    throw new BerthError('invalid', `${own} is ${name}'s by its name`, '`berth apps:rename` gives it another')
  return checkDomain(text, domain)
}

/** What is no domain by today's rules may be one of yesterday. */
function hostOf(text: string): string {
  const read = readHostname(text)
  return 'host' in read ? read.host : text
}

/** @throws BerthError `missing`, `conflict` when another is sent on to it */
function without(app: App, host: string): Domain[] {
  const { domains = [] } = app
  if (!domains.some((one) => one.host === host)) throw noDomain(host, app)
  const from = domains.find((one) => one.redirect === host)
  if (from)
    throw new BerthError(
      'conflict',
      `clients of ${from.host} are sent on to ${host}`,
      `\`berth domains:redirect ${from.host} --off -a ${app.name}\` ends that`,
    )
  return domains.filter((one) => one.host !== host)
}

/** @throws BerthError `missing`, `invalid`, `conflict` where clients would be sent on for ever, or to nobody */
function redirected(app: App, host: string, to: string | null): Domain[] {
  const { name, domains = [] } = app
  const domain = domains.find((one) => one.host === host)
  if (!domain) throw noDomain(host, app)
  const plain: Domain = { host, createdAt: domain.createdAt, ...(domain.onDemand && { onDemand: true }) }
  const target = domains.find((one) => one.host === to)
  if (to !== null) {
    if (to.startsWith('*.'))
      throw new BerthError('invalid', 'clients cannot be sent on to a wildcard', 'name one host of it')
    if (!target) throw noDomain(to, app)
    if (to === host || target.redirect !== undefined)
      throw new BerthError(
        'conflict',
        to === host
          ? `${host} cannot be sent on to itself`
          : `clients of ${to} are sent on to ${target.redirect ?? ''} themselves`,
        `send ${host} on to one that ${name} answers at`,
      )
  }
  const from = to === null ? undefined : domains.find((one) => one.redirect === host)
  if (from) throw new BerthError('conflict', `clients of ${from.host} are sent on to ${host}`, 'end that first')
  return domains.map((one) => (one.host === host ? (to === null ? plain : { ...plain, redirect: to }) : one))
}

/** What somebody adds was given on demand no more. @throws BerthError `conflict` when they are too many */
function withDomains({ name, domains = [] }: App, hosts: readonly string[]): Domain[] {
  const createdAt = new Date().toISOString()
  const fresh = hosts.filter((host) => !domains.some((one) => one.host === host))
  const kept = domains.map(({ onDemand, ...one }) =>
    onDemand && !hosts.includes(one.host) ? { ...one, onDemand } : one,
  )
  const after: Domain[] = [...kept, ...fresh.map((host) => ({ host, createdAt }))]
  const count = after.filter(({ onDemand }) => !onDemand).length
  if (count <= mostDomains) return after
  throw new BerthError(
    'conflict',
    `an app has ${mostDomains} domains at most, and ${name} would have ${count}`,
    'a wildcard as *.example.org stands for all names right below it',
  )
}

/** Says who has a hostname to those who may see that app. */
async function sayWhose({ store }: ControlApiDeps, error: unknown, caller: Caller): Promise<never> {
  if (!(error instanceof HostnameTaken)) throw error
  if (error.owner === '')
    throw new BerthError('conflict', `the hostname of ${error.host} has changed hands meanwhile`, 'try again', error)
  const owner = await store.apps.find(error.owner)
  const at = error.host.replace('/', ' --path /')
  const [whose, hint] =
    owner !== null && may(caller, 'view', owner)
      ? [owner.name, `\`berth domains:remove ${at} -a ${owner.name}\` takes it from there`]
      : ['another app', 'whoever has that app can remove it there']
  throw new BerthError(
    'conflict',
    `${error.host} is ${error.host.includes('/') ? 'led to' : 'a domain of'} ${whose}; nothing was added`,
    hint,
    error,
  )
}
