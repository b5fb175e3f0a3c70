import type { PlaneCertificate, PlaneState } from '../plugins/kinds/router.js'
import { certificateFor, type Certificate } from '../store/certificates.js'
import type { Route } from '../store/routes.js'
import { wildcardOf } from './table.js'

/** What a plane is told of; a route that says anything else stays with the router, whatever that comes to be. */
const understood: ReadonlySet<string> = new Set<keyof Route>([
  ...(['app', 'name', 'hosts', 'paths', 'targets', 'version', 'https', 'redirects'] as const),
  ...(['ports', 'others'] as const), // the router's own whatever is in front of it
])

/** What a plane's state is made of. */
export interface PlaneSources {
  readonly routes: readonly Route[]
  /** Id of the app that has a hostname. */
  readonly ownerOf: (host: string) => string | null
  /** Berth's own hostname. */
  readonly api: string
  readonly certificates: readonly Certificate[]
}

/** A plane can lead requests to the processes of this app: there are some, and nothing is to be looked at before. */
const isPlain = (route: Route): boolean =>
  route.targets.length > 0 && Object.keys(route).every((key) => understood.has(key))

/**
 * What a data plane in front of the router can serve of all that there is.
 * @param shown chooses the certificates
 */
export function planeStateOf(
  { routes, ownerOf, api, certificates }: PlaneSources,
  shown = new CertificateChoice(),
): PlaneState {
  const shared = new Set(routes.flatMap(({ paths = [] }) => paths.map(({ host }) => host)))
  const plain = new Map<string, string | null>([[api, null]])
  const secure = new Map<string, string | null>([[api, null]])
  const owners = new Map<string, string | null>([[api, null]])
  for (const route of routes)
    for (const host of route.hosts) {
      if (ownerOf(host) !== route.app || host === api) continue
      owners.set(host, route.app)
      const app = isPlain(route) && !shared.has(host) && route.redirects?.[host] === undefined ? route.app : null
      secure.set(host, app)
      plain.set(host, route.https ? null : app)
    }
  const led = new Set([...plain.values(), ...secure.values()])
  const targets = new Map(routes.filter(({ app }) => led.has(app)).map(({ app, targets: all }) => [app, all]))
  return { plain, secure, targets, certificates: shown.of(certificates, owners) }
}

/** ms for which a choice holds: a certificate may come into force, or end. */
const chosenFor = 60_000

/** Which certificates are shown for what: chosen anew when they, or who has which hostname, have changed; the same list until then. */
export class CertificateChoice {
  #given: readonly Certificate[] = []
  #owners: ReadonlyMap<string, string | null> = new Map()
  #until = 0
  #chosen: readonly PlaneCertificate[] = []

  of(
    all: readonly Certificate[],
    owners: ReadonlyMap<string, string | null>,
    now = Date.now(),
  ): readonly PlaneCertificate[] {
    const isSame =
      now < this.#until &&
      all.length === this.#given.length &&
      owners.size === this.#owners.size &&
      all.every((one, at) => one === this.#given[at]) &&
      [...owners].every(([host, owner]) => this.#owners.get(host) === owner)
    if (isSame) return this.#chosen
    this.#given = all
    this.#owners = owners
    this.#until = now + chosenFor
    return (this.#chosen = shownCertificates(all, owners))
  }
}

/** Each certificate that is shown, for the hostnames that it is shown for. */
function shownCertificates(
  all: readonly Certificate[],
  owners: ReadonlyMap<string, string | null>,
): PlaneCertificate[] {
  const byName = new Map<string, Certificate[]>()
  // a plane may name files by them
  for (const one of all.filter(({ id }) => /^[\w.-]{1,100}$/.test(id)))
    for (const name of one.names) byName.set(name, [...(byName.get(name) ?? []), one])
  const hosts = new Map(owners)
  // what the platform has for names that no app has
  for (const one of all) if (one.app === null) for (const name of one.names) if (!hosts.has(name)) hosts.set(name, null)
  const shown = new Map<Certificate, string[]>()
  for (const [host, owner] of hosts) {
    const fit = [...(byName.get(host) ?? []), ...(host.startsWith('*.') ? [] : (byName.get(wildcardOf(host)) ?? []))]
    const one = certificateFor(fit, host, owner)
    if (one) shown.set(one, [...(shown.get(one) ?? []), host])
  }
  return Array.from(shown, ([{ id, chain, key }, names]) => ({ id, chain, key, hosts: names.sort() }))
}
