import { BerthError } from '../errors.js'
import { readHostname } from '../lib/hostname.js'
import type { Route } from './routes.js'

/** A hostname that an app has beside `<app>.<domain>`. */
export interface Domain {
  /** Lower case, IDN as punycode; a wildcard as `*.example.org`, which stands for one label. */
  readonly host: string
  /** RFC 3339 */
  readonly createdAt: string
  /** Clients are sent on to this hostname, which is the app's too. */
  readonly redirect?: string
}

/** How many an app may have. */
export const mostDomains = 100

/** A hostname is another app's. */
export class HostnameTaken extends BerthError {
  readonly host: string
  /** App id. */
  readonly owner: string
  constructor(host: string, owner: string) {
    super('conflict', `the hostname ${host} is another app's`, 'take it from that one first')
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

/** What of a route follows from the app alone. */
export function namesOf(
  app: Pick<Route, 'rules'> & {
    readonly name: string
    readonly domains?: readonly Domain[]
    readonly https?: boolean
  },
  hostOf: (name: string) => string,
): Pick<Route, 'name' | 'hosts' | 'rules' | 'redirects' | 'https'> {
  const { name, domains = [], rules, https = false } = app
  const redirects = domains.flatMap(({ host, redirect }) => (redirect === undefined ? [] : [[host, redirect] as const]))
  return {
    ...{ name, hosts: [hostOf(name), ...domains.map(({ host }) => host)] },
    ...(rules && { rules }),
    ...(https && { https }),
    ...(redirects.length > 0 && { redirects: Object.fromEntries(redirects) }),
  }
}
