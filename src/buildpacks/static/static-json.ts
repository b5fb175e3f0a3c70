import { parseJson } from '../json.js'
import { SourceError } from '../source-error.js'
import {
  isHeaderName,
  isHeaderValue,
  isTarget,
  unknown,
  type HeaderRule,
  type Pattern,
  type Redirect,
  type SettingsFile,
  type SiteSettings,
} from './settings.js'

const file = 'static.json'
const pattern = (text: string): Pattern => ({ text: text.startsWith('/') ? text : `/${text}`, dialect: 'heroku' })
const mapOf = (value: unknown): [string, unknown][] =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : []
const pageOf = (value: unknown): string | null =>
  typeof value === 'string' && isTarget(`/${value.replace(/^\/+/, '')}`) && !/[?#]/.test(value)
    ? `/${value.replace(/^\/+/, '')}`
    : null
/** What the router does, what nginx does by itself here, and what is always so. */
const silent = new Set(['root', 'clean_urls', 'encoding', 'logging', 'worker_connections'])

/** Heroku's static.json. @throws SourceError when it is not JSON, or no object */
export function readStaticJson(text: string): SettingsFile {
  const read = parseJson(file, text)
  if (typeof read !== 'object' || read === null || Array.isArray(read))
    throw new SourceError({ file, line: 1, column: 1 }, 'not an object', 'write {"root": "public_html"}')
  const { root } = read as { root?: unknown }
  const lost: string[] = []
  const settings: { -readonly [Key in keyof SiteSettings]?: SiteSettings[Key] } = { hidden: ['/static.json'] }
  for (const [key, value] of Object.entries(read) as [string, unknown][]) {
    if (key === 'https_only') settings.httpsOnly = value === true
    else if (key === 'basic_auth') settings.protected = value === true
    else if (key === 'modsecurity') settings.modsecurity = value === true
    else if (key === 'canonical_host' && isHost(value)) settings.host = value
    else if (key === 'error_page' && pageOf(value) !== null) settings.errorPage = pageOf(value) ?? ''
    else if (key === 'routes') settings.routes = routesOf(value, lost)
    else if (key === 'redirects') settings.redirects = redirectsOf(value, lost)
    else if (key === 'headers') settings.headers = headersOf(value, lost)
    else if (!silent.has(key)) lost.push(key)
  }
  return {
    settings,
    root: typeof root === 'string' ? root : 'public_html',
    notes: unknown(file, lost),
  }
}

const isHost = (value: unknown): value is string => typeof value === 'string' && /^[a-z\d.-]+$/.test(value)

/** A route to a folder (`"/assets/*": "/assets/"`) keeps a later one from answering there. */
function routesOf(value: unknown, lost: string[]): (readonly [Pattern, string])[] {
  return mapOf(value).flatMap(([from, to]) => {
    const page = pageOf(to)
    if (page === null) lost.push(`routes ${from}`)
    return page === null ? [] : [[pattern(from), page.endsWith('/') ? '' : page] as const]
  })
}

function redirectsOf(value: unknown, lost: string[]): Redirect[] {
  return mapOf(value).flatMap(([from, rule]) => {
    const { url, status = 301 } = Object.fromEntries(mapOf(rule))
    const code = Number(status)
    if (typeof url === 'string' && isTarget(url) && !url.includes('${') && [301, 302, 303, 307, 308].includes(code))
      return [{ from: pattern(from), to: url, status: code, forced: false }]
    lost.push(`redirects ${from}`)
    return []
  })
}

function headersOf(value: unknown, lost: string[]): HeaderRule[] {
  return mapOf(value).map(([path, named]) => {
    const headers: Record<string, string> = Object.create(null) as Record<string, string>
    for (const [name, content] of mapOf(named)) {
      if (isHeaderName(name) && typeof content === 'string' && isHeaderValue(content)) headers[name] = content
      else lost.push(`headers ${path} ${name}`)
    }
    return { for: pattern(path), headers }
  })
}
