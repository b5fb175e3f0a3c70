import { unknown, type SettingsFile, type SiteSettings } from './settings.js'

const file = 'Staticfile'
const silent = new Set(['root', 'enable_http2'])
const hsts = 'http_strict_transport_security'

/** Cloud Foundry's and Railpack's Staticfile: `key: value` a line. */
export function readStaticfile(text: string): SettingsFile {
  const values = new Map<string, string>()
  const lost: string[] = []
  for (const raw of text.split(/\r?\n/)) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#') || line === '---') continue
    const match = /^([\w-]+)\s*:\s*(.*?)\s*$/.exec(line)
    if (match?.[1] === undefined) lost.push(line)
    else values.set(match[1], (match[2] ?? '').replace(/^(["'])(.*)\1$/, '$2'))
  }
  const on = (key: string): boolean => /^(?:true|enabled|visible|yes|on|1)$/i.test(values.get(key) ?? '')
  const settings: { -readonly [Key in keyof SiteSettings]?: SiteSettings[Key] } = {
    hidden: ['/Staticfile', '/Staticfile.auth'],
  }
  for (const key of values.keys()) {
    if (key === 'host_dot_files') settings.dotFiles = on(key)
    else if (key === 'directory') settings.listings = on(key) || values.get(key) === 'visible'
    else if (key === 'modsecurity') settings.modsecurity = on(key)
    else if (key === 'ssi') settings.serverSideIncludes = on(key)
    else if (key === 'force_https') settings.httpsOnly = on(key)
    else if (key === 'pushstate' || key === 'index_fallback')
      settings.routes = on(key) ? [[{ text: '/**', dialect: 'heroku' }, '/index.html']] : []
    else if (!silent.has(key) && !key.startsWith(hsts)) lost.push(key)
  }
  if (on(hsts)) {
    const parts = ['max-age=31536000']
    if (on(`${hsts}_include_subdomains`)) parts.push('includeSubDomains')
    if (on(`${hsts}_preload`)) parts.push('preload')
    settings.headers = [
      { for: { text: '/**', dialect: 'heroku' }, headers: { 'Strict-Transport-Security': parts.join('; ') } },
    ]
  }
  return { settings, notes: unknown(file, lost), ...(values.has('root') ? { root: values.get('root') ?? '' } : {}) }
}
