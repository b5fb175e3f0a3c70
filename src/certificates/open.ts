import { readFile } from 'node:fs/promises'
import type { AuthoritySettings, Config } from '../config.js'
import { messageOf } from '../errors.js'
import { reasonElsewhere } from '../lib/leads-here.js'
import type { Logger } from '../log.js'
import type { Store } from '../store/store.js'
import type { Notifiers } from '../plugins/notifiers.js'
import type { RunningPlugins } from '../plugins/running.js'
import type { Authority } from './acme/client.js'
import { Certifier } from './certifier.js'
import { adoptDnsSettings } from './dns/adopt.js'
import { DnsProviders } from './dns/providers.js'
import { DemandedNames } from './on-demand/names.js'

/** What it takes, beside the settings. */
export interface CertifierParts {
  readonly store: Store
  readonly plugins: RunningPlugins
  readonly notifiers?: Notifiers
  readonly log: Logger
}

/** Begins to look after certificates, as the settings say. Without a CA file that can be read, no certificate comes, and all else goes on. */
export async function openCertifier(
  config: Config,
  { store, plugins, notifiers, log }: CertifierParts,
): Promise<Certifier> {
  const { challenge: first, email, authorities } = config.acme
  const open = async ({ caFile, ...authority }: AuthoritySettings): Promise<Authority> => {
    const ca = caFile === undefined ? undefined : await readFile(caFile, 'utf8').catch(orUnread)
    return { ...authority, email, ca }
  }
  const [one, ...others] = authorities
  await adoptDnsSettings(store, config.dns)
  const certifier = new Certifier({
    store,
    authorities: [await open(one), ...(await Promise.all(others.map(open)))],
    dns: new DnsProviders({ plugins, store, resolvers: config.resolvers }),
    appHost: (name) => config.appHost(name),
    tlsPort: config.httpsPort,
    first,
    notifiers,
    log,
  })
  await certifier.start()
  return certifier

  function orUnread(error: unknown): undefined {
    log.error(`BERTH_ACME_CA cannot be read, the system's CAs are trusted alone: ${messageOf(error)}`)
    return undefined
  }
}

/** Begins to decide about hostnames that clients ask for and no app has. */
export async function openDemandedNames(
  config: Config,
  { store, log }: { readonly store: Store; readonly log: Logger },
): Promise<DemandedNames> {
  const names = new DemandedNames({
    ...{ store, log, domain: config.domain },
    appHost: (name) => config.appHost(name),
    elsewhere: (host) => reasonElsewhere(config, host),
  })
  await names.start()
  return names
}
