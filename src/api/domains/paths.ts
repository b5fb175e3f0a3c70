import { demand, may, type Caller } from '../../access/caller.js'
import { hostsOf } from '../../certificates/wanted.js'
import { BerthError } from '../../errors.js'
import { readHostname, toUnicode } from '../../lib/hostname.js'
import type { App } from '../../store/apps.js'
import { checkPath, mostDomains, type DomainPath } from '../../store/domains.js'
import type { ControlApiDeps } from '../platform.js'
import type { DomainView } from './contract.js'

/** Paths of hostnames that somebody wants for an app. */
export interface PathRequest {
  readonly app: App
  readonly hosts: readonly string[]
  readonly path: string
  readonly strip: boolean
  readonly caller: Caller
}

export const viewPath = ({ host, path, strip, createdAt }: DomainPath): DomainView => ({
  ...{ host, shown: toUnicode(host), own: false, createdAt, redirect: null },
  ...{ path, strip: strip === true, onDemand: false },
})

/**
 * Reads what paths somebody wants, and lets them have those of hostnames whose app they may manage: who has a hostname says who else
 * answers there.
 * @throws BerthError `invalid`, `missing` where no app has the hostname, `denied`, `conflict`
 */
export async function pathsFor({ config, store }: ControlApiDeps, request: PathRequest): Promise<DomainPath[]> {
  const { hosts, strip } = request
  const path = checkPath(request.path)
  const apps = await store.apps.list()
  const createdAt = new Date().toISOString()
  return [...new Set(hosts)].map((text) => {
    const read = readHostname(text)
    // the hostnames of apps by their names may be of one label
    const host = 'host' in read ? read.host : text.trim().toLowerCase()
    const owner = apps.find((one) => hostsOf(one, (name) => config.appHost(name)).includes(host))
    return { host, path, root: rootOf(host, owner, request).id, ...(strip && { strip: true as const }), createdAt }
  })
}

/** The app that has a hostname, where it may let this one in. */
function rootOf(host: string, root: App | undefined, { app, caller }: PathRequest): App {
  const shown = host.slice(0, 80)
  if (!root)
    throw new BerthError(
      'missing',
      `no app has the hostname ${shown}`,
      `a path is added to what is there: \`berth domains:add ${shown} -a APP\`, with the app that is to have the rest`,
    )
  if (!may(caller, 'view', root))
    throw new BerthError(
      'denied',
      `${shown} is a domain of another app`,
      'whoever manages that app can let this one in',
    )
  demand(caller, 'manage', root)
  const { name, domains = [] } = root
  if (root.id === app.id)
    throw new BerthError('invalid', `${name} has the whole of ${shown}`, 'a path of it is for another app')
  const redirect = domains.find((one) => one.host === host)?.redirect
  if (redirect !== undefined)
    throw new BerthError('conflict', `clients of ${shown} are sent on to ${redirect}`, 'add the path there')
  return root
}

const isSame = (one: DomainPath, { host, path, root }: DomainPath): boolean =>
  one.host === host && one.path === path && one.root === root

/** Those of an app with others, which take the place of what is there. @throws BerthError `conflict` when they are too many */
export function withPaths({ name, paths = [] }: App, added: readonly DomainPath[]): DomainPath[] {
  const after = [...paths.filter((one) => !added.some((other) => isSame(one, other))), ...added]
  if (after.length <= mostDomains) return after
  throw new BerthError('conflict', `an app has ${mostDomains} paths at most, and ${name} would have ${after.length}`)
}

/** Whose hostname it was is no matter: all that the app has of it there. @throws BerthError `missing` */
export function pathsAt({ name, paths = [] }: App, host: string, text: string): DomainPath[] {
  const path = text.replace(/\/$/, '')
  const gone = paths.filter((one) => one.host === host && one.path === path)
  if (gone.length > 0) return gone
  throw new BerthError(
    'missing',
    `${name} has no path ${text.slice(0, 80)} of ${host.slice(0, 80)}`,
    `see \`berth domains -a ${name}\``,
  )
}

/** Of a hostname of an app: the paths that it has let other apps have, and their names where the caller may know them. */
export const guestsOf = (
  host: string,
  { app, apps, caller }: { readonly app: App; readonly apps: readonly App[]; readonly caller: Caller },
): { readonly path: string; readonly app: string | null }[] =>
  apps.flatMap((one) =>
    (one.paths ?? [])
      .filter((path) => path.host === host && path.root === app.id)
      .map(({ path }) => ({ path, app: may(caller, 'view', one) ? one.name : null })),
  )
