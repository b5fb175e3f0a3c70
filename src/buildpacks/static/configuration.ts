import { modsecurityDirectives } from './modsecurity.js'
import type { Pattern, Redirect, SiteSettings } from './settings.js'

/**
 * A value as nginx reads it: nothing of it ends the string, begins another directive or names a variable.
 * @throws RangeError for control characters, which no value of ours may have
 */
export const quote = (value: string): string => quoted(value).replaceAll('$', '${dollar}')

/** A key of a map, where a dollar is a dollar. */
function quoted(text: string): string {
  if (/\p{Cc}/u.test(text.replaceAll('\t', ' '))) throw new RangeError('a control character in a value for nginx')
  return `"${text.toWellFormed().replaceAll('\t', ' ').replace(/["\\]/g, '\\$&')}"`
}

/** As a browser would ask for it; what is encoded already stays so. */
const encode = (path: string): string =>
  encodeURI(path.toWellFormed())
    .replace(/%25(?=[0-9a-f]{2})/gi, '%')
    .replace(/[[\]]/g, encodeURIComponent)

const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** What `:name` and `*` of a pattern have stood for. */
type Captures = ReadonlyMap<string, string>

/** A pattern as a regular expression over encoded paths, and the variables it sets. */
function expression({ text, dialect }: Pattern): { readonly regex: string; readonly captures: Captures } {
  const captures = new Map<string, string>()
  let regex = ''
  for (const [part] of text.matchAll(/\*+|:[A-Za-z]\w*|[^*:]+|:/g)) {
    if (part.startsWith('*')) {
      if (dialect === 'heroku') regex += part.length > 1 ? '.*' : '[^/]*'
      // the slashes belong to what is before it: a target must not begin with two
      else if (captures.has('splat')) regex += '.*'
      else {
        captures.set('splat', 'splat')
        regex = regex.endsWith('/') ? `${regex.slice(0, -1)}(?:/+(?<splat>.*))?` : `${regex}/*(?<splat>.*)`
      }
    } else if (dialect === 'netlify' && part.length > 1 && part.startsWith(':') && captures.size < 9) {
      const variable = `part${String(captures.size)}`
      captures.set(part.slice(1), variable)
      regex += `(?<${variable}>[^/]+)`
    } else regex += literal(encode(part))
  }
  return { regex: `~^${regex}$`, captures }
}

/** Where a redirect leads, with the query of the request where it has none itself. */
function targetOf({ to }: Redirect, captures: Captures): string {
  const parts = encode(to)
    .split(/(:[A-Za-z]\w*)/)
    .map((part) => {
      const variable = part.startsWith(':') ? captures.get(part.slice(1)) : undefined
      return variable === undefined ? quote(part).slice(1, -1) : `\${${variable}}`
    })
  return `${parts.join('')}${/[?#]/.test(to) ? '' : '$is_args$args'}`
}

const map = (from: string, to: string, lines: readonly string[], fallback = '""'): string =>
  [`map ${from} $${to} {`, '  volatile;', ...lines.map((line) => `  ${line};`), `  default ${fallback};`, '}'].join(
    '\n',
  )

/** A map from paths to where they are sent, and its statuses. */
function moves(
  name: string,
  redirects: readonly Redirect[],
): { readonly text: string; readonly ifs: readonly string[] } {
  const lines = redirects.map((redirect) => {
    const { regex, captures } = expression(redirect.from)
    return `${quoted(regex)} "${String(redirect.status)} ${targetOf(redirect, captures)}"`
  })
  const statuses = [...new Set(redirects.map(({ status }) => String(status)))]
  const maps = statuses.map((status) =>
    map(`$${name}`, `${name}_${status}`, [`"~^${status} (?<${name}_to_${status}>.*)$" $${name}_to_${status}`]),
  )
  return {
    text: [map('$path', name, lines), ...maps].join('\n'),
    ifs: statuses.map((status) => `if ($${name}_${status}) { return ${status} $${name}_${status}; }`),
  }
}

/** The last rule that names a header decides it, as on Heroku: a later line is the nearer one. */
function headerMaps({ headers }: SiteSettings): { readonly text: string[]; readonly adds: string[] } {
  const names = new Map<string, string>()
  for (const rule of headers) for (const name of Object.keys(rule.headers)) names.set(name.toLowerCase(), name)
  const cache = (value: string): string => `"~^(200|206|304) (?<cache_value>.+)$" ${value}`
  const text: string[] = []
  const adds: string[] = []
  for (const [index, [key, name]] of [...names].entries()) {
    const rules = headers
      .flatMap((rule) => {
        const found = Object.entries(rule.headers).find(([one]) => one.toLowerCase() === key)
        return found ? [`${quoted(expression(rule.for).regex)} ${quote(found[1])}`] : []
      })
      .reverse()
    text.push(map('$path', `header_${String(index)}`, rules))
    if (key !== 'cache-control') adds.push(`add_header ${quoted(name)} $header_${String(index)} always;`)
    // what is not there must not be kept, whatever is said of its folder
    else text.push(map(`"$status $header_${String(index)}"`, 'cache_control', [cache('$cache_value')], '$cache'))
  }
  if (!names.has('cache-control')) text.push(map('$status', 'cache_control', [], '$cache'))
  return { text, adds: [...adds, 'add_header Cache-Control $cache_control always;'] }
}

/**
 * `/etc/nginx/site.conf`: what one site has besides what all have.
 * @param fallback whether the start page answers where no file does
 */
export function configurationOf(settings: SiteSettings, fallback: 'index' | 'none' = 'none'): string {
  const forced = moves(
    'forced',
    settings.redirects.filter((redirect) => redirect.forced),
  )
  const moved = moves(
    'moved',
    settings.redirects.filter((redirect) => !redirect.forced),
  )
  const headers = headerMaps(settings)
  const hides = [
    ...(settings.dotFiles ? [] : ['"~/[.](?!well-known(/|$))" yes']),
    ...settings.hidden.map((path) => `${quoted(`~^${literal(path)}$`)} yes`),
  ]
  const routes = settings.routes.map(
    ([from, to]) => `${quoted(`~^yes ${expression(from).regex.slice(2)}`)} ${quote(to)}`,
  )
  return [
    map('$uri', 'hidden', hides),
    forced.text,
    moved.text,
    map('"$navigates $path"', 'routed', routes),
    map('$navigates', 'shell', ['yes /200.html']),
    map('$navigates', 'start', fallback === 'index' ? ['yes /index.html'] : []),
    ...headers.text,
    'server {',
    '  include /etc/nginx/site-server.conf;',
    ...indented(serverDirectives(settings, forced.ifs, headers.adds)),
    // where it is not there, that is all
    `  location = ${quoted(settings.errorPage)} { recursive_error_pages off; }`,
    '  location @missing {',
    ...indented(indented(moved.ifs)),
    '    try_files $routed $shell $start =404;',
    '  }',
    '}',
    '',
  ].join('\n')
}

/** What a site's server does before it looks for a file. */
const serverDirectives = (settings: SiteSettings, forced: readonly string[], headers: readonly string[]): string[] => [
  ...(settings.host === null
    ? []
    : [`if ($host != ${quote(settings.host)}) { return 301 $outer_scheme://${settings.host}$request_uri; }`]),
  ...(settings.httpsOnly ? ['if ($http_x_forwarded_proto = http) { return 301 https://$http_host$request_uri; }'] : []),
  ...forced,
  ...headers,
  ...(settings.modsecurity ? modsecurityDirectives : []),
  ...(settings.listings ? ['autoindex on;'] : []),
  ...(settings.serverSideIncludes ? ['ssi on;'] : []),
  `error_page 404 ${quote(settings.errorPage)};`,
]

const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`)
