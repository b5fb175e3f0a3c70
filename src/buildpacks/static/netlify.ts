import {
  isHeaderName,
  isHeaderValue,
  isTarget,
  unknown,
  type HeaderRule,
  type Pattern,
  type Redirect,
  type SettingsFile,
} from './settings.js'

const pattern = (text: string): Pattern => ({ text, dialect: 'netlify' })
const statuses = new Set([301, 302, 303, 307, 308])

/** Lines with something on them, without comments. */
const linesOf = (text: string): string[] =>
  text.split(/\r?\n/).filter((line) => line.trim() !== '' && !line.trimStart().startsWith('#'))

/** Netlify's `_redirects`: `<from> <to> [status][!]` a line. Conditions (country, role, query) are not for us. */
export function readRedirects(file: string, text: string): SettingsFile {
  const redirects: Redirect[] = []
  const routes: (readonly [Pattern, string])[] = []
  const lost: string[] = []
  let errorPage: string | undefined
  for (const line of linesOf(text)) {
    const [from = '', to = '', code = '301', ...more] = line
      .replace(/\s#.*$/, '')
      .trim()
      .split(/\s+/)
    const status = Number(code.replace(/!$/, ''))
    const fits = from.startsWith('/') && isTarget(to) && more.length === 0
    if (fits && statuses.has(status)) redirects.push({ from: pattern(from), to, status, forced: code.endsWith('!') })
    else if (fits && status === 200 && to.startsWith('/') && !/[:?#]/.test(to)) routes.push([pattern(from), to])
    else if (fits && status === 404 && from === '/*' && to.startsWith('/')) errorPage = to
    else lost.push(line.trim())
  }
  return {
    settings: { redirects, routes, ...(errorPage === undefined ? {} : { errorPage }) },
    notes: unknown(file, lost),
  }
}

/** Netlify's `_headers`: a path at the start of a line, below it `Name: value`, indented. */
export function readHeaders(file: string, text: string): SettingsFile {
  const rules: HeaderRule[] = []
  const lost: string[] = []
  let headers: Record<string, string> | null = null
  for (const line of linesOf(text)) {
    if (/^\S/.test(line)) {
      headers = null
      if (!line.startsWith('/')) {
        lost.push(line.trim())
        continue
      }
      headers = Object.create(null) as Record<string, string>
      rules.push({ for: pattern(line.trim()), headers })
      continue
    }
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).trim()
    const value = line.slice(colon + 1).trim()
    if (headers === null || colon === -1 || !isHeaderName(name) || !isHeaderValue(value)) lost.push(line.trim())
    else headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`
  }
  return { settings: { headers: rules }, notes: unknown(file, lost) }
}
