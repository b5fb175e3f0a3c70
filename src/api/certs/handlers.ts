import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'
import { KeptCertificates } from './keeping.js'
import { renew, setAuto } from './ordering.js'
import { appOwner, platformOwner } from './owner.js'

/** Certificates of apps. */
export function certHandlers(platform: ControlApiDeps): HandlersOf<'certs'> {
  const kept = new KeptCertificates(platform.store)
  return {
    list: (_, { app }) => kept.list(appOwner(platform, app)),
    info: ({ cert }, { app }) => kept.info(appOwner(platform, app), cert),
    add: (given, { app }) => kept.add(appOwner(platform, app), given),
    remove: ({ cert }, { app }) => kept.remove(appOwner(platform, app), cert),
    auto: ({ auto }, { app }) => setAuto(platform, appOwner(platform, app), auto),
    renew: ({ host }, { app }) => renew(platform, appOwner(platform, app), host),
  }
}

/** Certificates of Berth's own hostname. */
export function platformCertHandlers(platform: ControlApiDeps): HandlersOf<'platformCerts'> {
  const kept = new KeptCertificates(platform.store)
  const owner = () => platformOwner(platform)
  return {
    list: async () => kept.list(await owner()),
    info: async ({ cert }) => kept.info(await owner(), cert),
    add: async (given) => kept.add(await owner(), given),
    remove: async ({ cert }) => kept.remove(await owner(), cert),
    auto: async ({ auto }) => setAuto(platform, await owner(), auto),
    renew: async ({ host }) => renew(platform, await owner(), host),
  }
}
