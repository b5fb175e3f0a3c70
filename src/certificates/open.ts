import { readFile } from 'node:fs/promises'
import type { Config } from '../config.js'
import { messageOf } from '../errors.js'
import type { Logger } from '../log.js'
import type { Store } from '../store/store.js'
import { Certifier } from './certifier.js'
import { DnsUpdates } from './dns/updates.js'

/** Begins to look after certificates, as the settings say. Without a CA file that can be read, no certificate comes, and all else goes on. */
export async function openCertifier(config: Config, store: Store, log: Logger): Promise<Certifier> {
  const { caFile, ...authority } = config.acme
  const ca = caFile === undefined ? undefined : await readFile(caFile, 'utf8').catch(orUnread)
  const known = { ...authority, ca }
  const certifier = new Certifier({
    store,
    authority: known,
    dns: config.dns && new DnsUpdates(config.dns),
    appHost: (name) => config.appHost(name),
    log,
  })
  await certifier.start()
  return certifier

  function orUnread(error: unknown): undefined {
    log.error(`BERTH_ACME_CA cannot be read, the system's CAs are trusted alone: ${messageOf(error)}`)
    return undefined
  }
}
