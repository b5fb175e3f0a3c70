import { join } from 'node:path'
import type { ClientSettings, Host } from './client.js'

/**
 * The mirrors and proxies of Maven's settings, which it takes from a file alone: they travel as they are written, for the
 * engine to lay into the steps of builds. The passwords of `<servers>` stay here.
 */
export function maven({ env, home, read }: Host): ClientSettings {
  const files = [
    join(home, '.m2/settings.xml'),
    ...(env.M2_HOME === undefined ? [] : [join(env.M2_HOME, 'conf/settings.xml')]),
  ]
  for (const file of [...files, '/etc/maven/settings.xml']) {
    const text = (read(file) ?? '').replace(/<!--[\s\S]*?-->/g, '')
    const parts = ['mirrors', 'proxies'].flatMap((name) => {
      const part = new RegExp(`<${name}>[\\s\\S]*?</${name}>`).exec(text)?.[0]
      return part !== undefined && /<(?:url|host)>/.test(part) ? [part] : []
    })
    // Maven's own default: it is everywhere where Maven is
    const own = parts
      .join('')
      .replace(/<mirror>(?:(?!<\/mirror>)[\s\S])*maven-default-http-blocker[\s\S]*?<\/mirror>/g, '')
    if (/<(?:url|host)>/.test(own))
      return { BERTH_MAVEN_SETTINGS: Buffer.from(`<settings>\n${parts.join('\n')}\n</settings>\n`).toString('base64') }
  }
  return {}
}
