import { BerthError } from '../errors.js'
import { readHostname } from '../lib/hostname.js'
import { ruleOf, type Canary } from './canaries.js'
import { shownClaim, type AppPort, type PathRoute, type Route } from './routes.js'

/** A hostname that an app has beside `<app>.<domain>`. */
export interface Domain {
  /** Lower case, IDN as punycode; a wildcard as `*.example.org`, which stands for one label. */
  readonly host: string
  /** RFC 3339 */
  readonly createdAt: string
  /** Clients are sent on to this hostname, which is the app's too. */
  readonly redirect?: string
  /** A client asked for it, and it was allowed (see OnDemand): a certificate is ordered for it whatever else is. */
  readonly onDemand?: true
}

/** A path of another app's hostname below which an app answers. */
export interface DomainPath extends PathRoute {
  /** RFC 3339 */
  readonly createdAt: string
}

/** How many an app may have, of domains that people add and of paths. */
export const mostDomains = 100

/** A hostname, a path of one, or a port is another app's. */
export class HostnameTaken extends BerthError {
  /** With the path; of a port `:5432/tcp`. */
  readonly host: string
  /** App id; '' where a path has no owner, and its hostname has changed hands. */
  readonly owner: string
  constructor(host: string, owner: string) {
    super('conflict', `${shownClaim(host)} is another app's`, 'take it from that one first')
    this.host = host
    this.owner = owner
  }
}

/**
 * Reads a hostname that somebody wants for an app. Those right below the domain of this Berth are the names of apps, whether there is
 * such an app or not.
 * @param domain apps answer at `<app>.<domain>`
 * @throws BerthError `invalid`, saying why it cannot be one
 */
export function checkDomain(text: string, domain: string): string {
  const read = readHostname(text)
  const shown = text.trim().slice(0, 80)
  if ('problem' in read) throw new BerthError('invalid', `"${shown}" ${read.problem}`, read.hint)
  const { host } = read
  if (host === `berth.${domain}`)
    throw new BerthError('invalid', `${host} is Berth's own hostname`, 'choose another; nobody can take it')
  if (host.endsWith(`.${domain}`) && !host.slice(0, -domain.length - 1).includes('.'))
    throw new BerthError(
      'invalid',
      `${host} is below ${domain}, where each app has its name for a hostname`,
      'to have it, create an app of that name, or rename one',
    )
  return host
}

/** Characters of a path. */
const longestPath = 200

/**
 * Reads a path below which somebody wants an app to answer. It has one spelling: nothing in it is ever encoded.
 * @throws BerthError `invalid`, saying why it cannot be one
 */
export function checkPath(text: string): string {
  const path = text.replace(/\/$/, '')
  const shown = text.slice(0, 80)
  const wrong = (why: string): BerthError =>
    new BerthError(
      'invalid',
      `"${shown}" ${why}`,
      'write it as /api or /docs/v2: segments of letters, digits and . _ ~ -',
    )
  if (path === '') throw wrong('is the whole hostname: add that without a path')
  if (path.length > longestPath) throw wrong(`is longer than ${longestPath} characters`)
  if (!/^(?:\/[A-Za-z0-9._~-]+)+$/.test(path)) throw wrong('is no path that a request can have in one spelling only')
  if (path.split('/').some((segment) => segment === '.' || segment === '..')) throw wrong('leads elsewhere by its dots')
  return path
}

/** What of a route follows from the app alone. */
export function namesOf(
  app: Pick<Route, 'rules'> & {
    readonly name: string
    readonly domains?: readonly Domain[]
    readonly paths?: readonly DomainPath[]
    readonly ports?: readonly AppPort[]
    readonly https?: boolean
    readonly canary?: Canary | undefined
  },
  hostOf: (name: string) => string,
): Pick<Route, 'name' | 'hosts' | 'paths' | 'ports' | 'rules' | 'canary' | 'redirects' | 'https'> {
  const { name, domains = [], paths = [], ports = [], rules, canary, https = false } = app
  const redirects = domains.flatMap(({ host, redirect }) => (redirect === undefined ? [] : [[host, redirect] as const]))
  return {
    ...{ name, hosts: [hostOf(name), ...domains.map(({ host }) => host)] },
    ...(paths.length > 0 && {
      paths: paths.map(({ host, path, root, strip }) => ({ host, path, root, ...(strip && { strip }) })),
    }),
    ...(ports.length > 0 && {
      ports: ports.map(({ port, protocol, to, type, introduced }) => ({
        ...{ port, protocol, to, type },
        ...(introduced && { introduced }),
      })),
    }),
    ...(rules && { rules }),
    ...(canary && { canary: ruleOf(canary) }),
    ...(https && { https }),
    ...(redirects.length > 0 && { redirects: Object.fromEntries(redirects) }),
  }
}
