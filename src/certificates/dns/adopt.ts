import { isDeepStrictEqual } from 'node:util'
import type { DnsSettings } from '../../config.js'
import type { Store } from '../../store/store.js'

/** The plugin that speaks RFC 2136. */
const name = 'dns-rfc2136'

/**
 * Has the plugin dns-rfc2136 do what `BERTH_DNS_UPDATE` and `BERTH_DNS_KEY` say, as they did before there were plugins. One that is so
 * already is left as it is, also where somebody has disabled it.
 */
export async function adoptDnsSettings(
  { plugins }: Pick<Store, 'plugins'>,
  dns: DnsSettings | undefined,
): Promise<void> {
  if (dns === undefined) return
  const { server, key } = dns
  const settings = { server, key: `${key.algorithm}:${key.name}:${key.secret}` }
  const before = await plugins.get(name)
  if (isDeepStrictEqual(before?.settings, settings)) return
  if (before !== null) await plugins.update(name, () => ({ settings, enabled: true }))
  else
    await plugins.add({
      ...{ name, kind: 'dns', version: '1.0.0', requires: [], source: { type: 'berth' }, directory: null },
      ...{ enabled: true, settings, secrets: ['key'], revision: 1 },
    })
}
