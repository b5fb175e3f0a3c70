import { BerthError } from '../../errors.js'
import { checkPlatform } from '../domains/check.js'
import { certState } from '../domains/state.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'

/** Berth's own hostname. */
export function platformHandlers({ config, store }: ControlApiDeps): HandlersOf<'platform'> {
  const { httpsUrl = null } = config
  return {
    info: async (_, { url }) => {
      const host = config.appHost('berth')
      const [{ https, autoCerts }, certificates, jobs] = await Promise.all([
        store.platform.choices(),
        store.certificates.list(),
        store.acme.jobsOf(null),
      ])
      const by = { id: null, autoCerts, certificates, jobs, dns: await store.plugins.hasEnabled('dns') }
      return { host, url, httpsUrl, https, ...certState(host, by) }
    },

    check: () => checkPlatform(config),

    https: async ({ https }, { url }) => {
      if (https && httpsUrl === null)
        throw new BerthError('conflict', 'this Berth is not served by HTTPS', 'set BERTH_HTTPS_PORT')
      // who came so has shown that it works, and is not locked out by it
      if (https && !url.startsWith('https:'))
        throw new BerthError(
          'conflict',
          'this was asked for by plain HTTP, which would be refused from then on',
          `\`berth login ${httpsUrl ?? ''}\` first: if that works, this does`,
        )
      return { https: (await store.platform.choose({ https })).https }
    },
  }
}
