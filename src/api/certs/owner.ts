import { demandedOf, hostsOf } from '../../certificates/wanted.js'
import type { App } from '../../store/apps.js'
import type { ControlApiDeps } from '../platform.js'

/** Whom certificates belong to: an app, or the platform. */
export interface CertOwner {
  /** App id; null is the platform's. */
  readonly id: string | null
  readonly name: string
  /** How a command names it: `-a blog`, `--platform`. */
  readonly option: string
  /** Hostnames of its own. */
  readonly hosts: readonly string[]
  /** All that its certificates may be shown for. */
  readonly served: readonly { readonly host: string; readonly app: string | null }[]
  readonly autoCerts: boolean
  /** Hostnames for which certificates are ordered even so. */
  readonly demanded: ReadonlySet<string>
  setAuto(on: boolean): Promise<unknown>
}

/** An app: its certificates serve its hostnames alone. */
export function appOwner({ config, store }: ControlApiDeps, app: App): CertOwner {
  const hosts = hostsOf(app, (name) => config.appHost(name))
  return {
    ...{ id: app.id, name: app.name, option: `-a ${app.name}`, hosts },
    served: hosts.map((host) => ({ host, app: app.id })),
    autoCerts: app.autoCerts === true,
    demanded: demandedOf(app),
    setAuto: (autoCerts) => store.apps.update(app.id, { autoCerts }),
  }
}

/** The platform: its certificates serve its own hostname, and those of apps that they cover and that have none of their own. */
export async function platformOwner(platform: ControlApiDeps): Promise<CertOwner> {
  const { config, store } = platform
  const [{ autoCerts }, apps] = await Promise.all([store.platform.choices(), store.apps.list()])
  const host = config.appHost('berth')
  return {
    ...{ id: null, name: 'Berth', option: '--platform', hosts: [host] },
    served: [{ host, app: null }, ...apps.flatMap((app) => appOwner(platform, app).served)],
    autoCerts,
    demanded: new Set(),
    setAuto: (on) => store.platform.choose({ autoCerts: on }),
  }
}
