import type { App } from '../../store/apps.js'
import type { Store } from '../../store/store.js'
import type { Reaching } from './reach.js'

/** What an app has to be let in with elsewhere. */
export async function accessOf(
  store: Pick<Store, 'gitKeys' | 'gitLogins'>,
  { id }: App,
): Promise<Pick<Reaching, 'loginFor' | 'ssh'>> {
  const [logins, { key, hosts }] = await Promise.all([store.gitLogins(id).all(), store.gitKeys(id).all()])
  return {
    loginFor: (host) => logins.get(host) ?? null,
    ssh: { key: key?.privateKey ?? null, hostKeys: (host) => hosts.get(host) ?? [] },
  }
}
