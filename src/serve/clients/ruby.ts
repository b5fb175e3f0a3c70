import { join } from 'node:path'
import type { ClientSettings, Host } from './client.js'

/**
 * The mirror that Bundler is set to, for all sources or for one: as one for all, since no shell passes on the names
 * of the others (`BUNDLE_MIRROR__HTTPS://RUBYGEMS__ORG/`).
 */
export function ruby({ env, home, read }: Host): ClientSettings {
  const file = read(env.BUNDLE_USER_CONFIG ?? join(env.BUNDLE_USER_HOME ?? join(home, '.bundle'), 'config')) ?? ''
  const written = [...file.matchAll(/^BUNDLE_MIRROR__(\S+):\s*["']?(https?:\/\/[^\s"']+)/gm)]
  const found = ['ALL', 'HTTPS://RUBYGEMS__ORG/', 'HTTPS://RUBYGEMS__ORG'].flatMap((name) => [
    env[`BUNDLE_MIRROR__${name}`] ?? '',
    written.find(([, key]) => key === name)?.[2] ?? '',
  ])
  const mirror = found.find((url) => url !== '')
  return mirror === undefined ? {} : { BUNDLE_MIRROR__ALL: mirror }
}
