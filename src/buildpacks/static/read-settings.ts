import type { Tree } from '../tree.js'
import { readHeaders, readRedirects } from './netlify.js'
import { plainSettings, type SettingsFile, type SiteSettings } from './settings.js'
import { readStaticfile } from './staticfile.js'
import { readStaticJson } from './static-json.js'

/** Files at the top that say how a site is served, and with that, that there is one. */
const readers: readonly [string, (text: string) => SettingsFile][] = [
  ['static.json', readStaticJson],
  ['Staticfile', readStaticfile],
]
const users = ['Staticfile.auth', '.htpasswd']

/** What a tree's static.json or Staticfile says, and which of the two; null where there is neither. */
export function settingsFileOf(tree: Tree): (SettingsFile & { readonly file: string }) | null {
  for (const [file, reader] of readers) {
    const text = tree.read(file)
    if (text !== null) return { file, ...reader(text) }
  }
  return null
}

/**
 * How a site is served, as all the files of a tree say that have a say in it.
 * @param place where the site lies, or would: its `_redirects` and `_headers` count
 * @throws SourceError for a static.json that is not JSON
 */
export function siteSettings(tree: Tree, place: string): { settings: SiteSettings; notes: readonly string[] } {
  const parts: SettingsFile[] = []
  const main = settingsFileOf(tree)
  if (main !== null) parts.push(main)
  for (const [name, reader] of [
    ['_redirects', readRedirects],
    ['_headers', readHeaders],
  ] as const) {
    const path = [place === '.' ? name : `${place}/${name}`, name].find((one) => tree.hasFile(one))
    const text = path === undefined ? null : tree.read(path)
    if (path !== undefined && text !== null) parts.push(reader(path, text))
  }
  const settings = parts.reduce<SiteSettings>(
    (all, { settings: more }) => ({
      ...all,
      ...more,
      redirects: [...all.redirects, ...(more.redirects ?? [])],
      routes: [...all.routes, ...(more.routes ?? [])],
      headers: [...all.headers, ...(more.headers ?? [])],
      hidden: [...all.hidden, ...(more.hidden ?? [])],
    }),
    { ...plainSettings, users: users.find((file) => tree.hasFile(file)) ?? null },
  )
  return { settings, notes: parts.flatMap(({ notes }) => notes) }
}
