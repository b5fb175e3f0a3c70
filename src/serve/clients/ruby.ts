import { join } from 'node:path'
import type { ClientSettings, Host } from './client.js'

const key = /^BUNDLE_MIRROR__(\S+)$/

/**
 * The mirror that Bundler is set to, for all sources before one of them: as one for all, since no shell passes on a name that has an
 * address in it, as those of the others have.
 */
export function ruby({ env, home, read }: Host): ClientSettings {
  const file = read(env.BUNDLE_USER_CONFIG ?? join(env.BUNDLE_USER_HOME ?? join(home, '.bundle'), 'config')) ?? ''
  const written = [...file.matchAll(/^(BUNDLE_MIRROR__\S+):\s*["']?(https?:\/\/[^\s"']+)/gm)]
  const mirrors = new Map([
    ...written.map(([, name = '', url = '']) => [name, url] as const),
    ...Object.entries(env).filter(([name, url]) => key.test(name) && url !== undefined && url !== ''),
  ])
  const mirror = mirrors.get('BUNDLE_MIRROR__ALL') ?? [...mirrors.values()][0]
  return mirror === undefined ? {} : { BUNDLE_MIRROR__ALL: mirror }
}
