/** A path that leads elsewhere: at once (`forced`), or where the site has no file for it. */
export interface Redirect {
  readonly from: Pattern
  readonly to: string
  readonly status: number
  readonly forced: boolean
}

/** Headers that answers for some paths have besides nginx's own. */
export interface HeaderRule {
  readonly for: Pattern
  readonly headers: Readonly<Record<string, string>>
}

/** Paths as a file of settings writes them; what `*` stands for depends on whose file it is. */
export interface Pattern {
  readonly text: string
  /** Netlify: `*` at the end is anything, `:name` a segment. Heroku: `*` is within a segment, `**` anything. */
  readonly dialect: 'netlify' | 'heroku'
}

/** How a site is served, from whatever file says so. */
export interface SiteSettings {
  readonly redirects: readonly Redirect[]
  readonly headers: readonly HeaderRule[]
  /** Pages that answer for paths without a file, the first that fits: a pattern and the page. */
  readonly routes: readonly (readonly [Pattern, string])[]
  /** The page of a 404, `/404.html` usually. */
  readonly errorPage: string
  /** The only hostname; others are sent to it. */
  readonly host: string | null
  readonly httpsOnly: boolean
  /** Names and hashed passwords of those who may see it: a file of the tree. */
  readonly users: string | null
  /** Whether it must not be served without them. */
  readonly protected: boolean
  /** Folders without an index.html are listed. */
  readonly listings: boolean
  readonly serverSideIncludes: boolean
  readonly dotFiles: boolean
  /** Whether ModSecurity looks at requests. */
  readonly modsecurity: boolean
  /** Files of the site that say how it is served, and are not served. */
  readonly hidden: readonly string[]
}

/** A site of which no file says anything. */
export const plainSettings: SiteSettings = {
  redirects: [],
  headers: [],
  routes: [],
  errorPage: '/404.html',
  host: null,
  httpsOnly: false,
  users: null,
  protected: false,
  listings: false,
  serverSideIncludes: false,
  dotFiles: false,
  modsecurity: false,
  hidden: ['/_redirects', '/_headers'],
}

/** What a file of settings says: settings, the site's root where it names one, and what its author should know. */
export interface SettingsFile {
  readonly settings: Partial<SiteSettings>
  readonly root?: string
  readonly notes: readonly string[]
}

/** A name that a header can have (RFC 9110 §5.1), and that is not nginx's own to set. */
export const isHeaderName = (name: string): boolean =>
  /^[\w!#$%&'*+.^`|~-]{1,100}$/.test(name) &&
  !/^(?:connection|content-(?:encoding|length|type)|date|etag|keep-alive|last-modified|server|transfer-encoding|vary)$/i.test(
    name,
  )

/** Text that a header or a Location can hold. */
export const isHeaderValue = (value: string): boolean => !/[^\P{Cc}\t]/u.test(value)

/** Where a redirect can lead: a path of this site, or another site. */
export const isTarget = (to: string): boolean =>
  /^(?:\/(?!\/)|https?:\/\/[^/])/.test(to) && isHeaderValue(to) && !to.includes('\\')

/** Notes about parts of a file that have no meaning here, three of them by name. */
export function unknown(file: string, what: readonly string[]): string[] {
  if (what.length === 0) return []
  const shown = what.slice(0, 5).map((one) => (one.length > 60 ? `${one.slice(0, 60)}…` : one).replace(/\p{Cc}/gu, '?'))
  return [`${file}: not used: ${shown.join(', ')}${what.length > 5 ? ` and ${String(what.length - 5)} more` : ''}`]
}
