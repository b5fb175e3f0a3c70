import { BerthError } from '../../errors.js'
import { Secret } from '../../lib/secret.js'

/** Where a repository is fetched from. */
export interface Origin {
  /** http or https, without user and password. */
  readonly url: URL
  /** What the URL itself had of them. */
  readonly login: { readonly user: string; readonly password: Secret } | null
}

const refuse = (path: string, what: string, hint: string): BerthError =>
  new BerthError('invalid', `${path}: ${what}`, hint)

/** A URL for a message: no password, no control characters, and not too long. */
export const printable = (url: string): string =>
  url
    .replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, '$1')
    // eslint-disable-next-line no-control-regex
    .replace(/[\u0000-\u001f\u007f]/g, '?')
    .slice(0, 200)

/** `ssh://host/path`, or scp's `user@host:path`. */
const ssh = /^(?:(?:git\+)?ssh(?:\+git)?:\/\/(?:[^@/]*@)?([^:/]+)(?::\d+)?\/(.*)|(?:[^@/:]+@)?([^:/]+):(?!\/\/)(.*))$/i

/** The way out for those who have an address for SSH, which needs keys. */
function overHttps(url: string): string {
  const [, host = '', path = '', host2 = host, path2 = path] = ssh.exec(url) ?? []
  return `https://${host2}/${path2.replace(/^\/+/, '')}`
}

/**
 * Understands the URL of a repository. Nothing but http and https is spoken: not what names files of this machine or runs a
 * program here, nor SSH, which would need keys.
 * @param path what it is the URL of, for a message
 * @throws BerthError `invalid`
 */
export function parseUrl(text: string, path: string): Origin {
  const shown = `"${printable(text)}"`
  if (text.startsWith('-')) throw refuse(path, `the URL ${shown} begins with a dash`, 'correct .gitmodules')
  if (/^[a-z0-9]+::/i.test(text))
    throw refuse(path, `${shown} would run a program on the server`, 'use the https:// URL of the repository')
  if (/^file:/i.test(text) || /^[./~\\]/.test(text) || !text.includes(':'))
    throw refuse(path, `${shown} is a path on somebody's own machine`, 'use the https:// URL of the repository')
  if (/^https?:\/\//i.test(text)) return parseHttp(text, path)
  if (ssh.test(text))
    throw refuse(
      path,
      `${shown} is reached by SSH, and Berth has no keys for it`,
      `use ${overHttps(text)} in .gitmodules; if it wants a password: \`berth git:auth HOST USER\``,
    )
  throw refuse(path, `${shown} is not spoken here`, 'use the https:// URL of the repository')
}

function parseHttp(text: string, path: string): Origin {
  // what two readers understand in two ways is not read
  if (/[\s\\]|^https?:\/\/\//i.test(text) || !URL.canParse(text))
    throw refuse(path, `"${printable(text)}" is no URL`, 'correct .gitmodules')
  const url = new URL(text)
  const { username, password } = url
  ;[url.username, url.password, url.search, url.hash] = ['', '', '', '']
  return {
    url,
    login: username === '' ? null : { user: unescaped(username), password: new Secret(unescaped(password)) },
  }
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const isRelative = (text: string): boolean => /^\.\.?\//.test(text)

/**
 * Where a submodule is fetched from. A relative URL counts from where its parent comes from (git-submodule(1), "add").
 * @param parent null when it is the app itself, and has no origin
 * @throws BerthError `invalid`
 */
export function resolveUrl(text: string, parent: URL | null, path: string): Origin {
  if (!isRelative(text)) return parseUrl(text, path)
  if (parent === null)
    throw refuse(
      path,
      `its URL "${printable(text)}" is relative, and Berth does not know to what`,
      'say where this repository comes from: `berth git:set origin=https://…`, then push again',
    )
  const names = parent.pathname.split('/').filter((name) => name !== '')
  let rest = text
  for (let up = /^(\.\.?)\/+/.exec(rest); up; up = /^(\.\.?)\/+/.exec(rest)) {
    if (up[1] === '..' && names.pop() === undefined)
      throw refuse(path, `its URL "${printable(text)}" leads above ${parent.origin}`, 'correct .gitmodules')
    rest = rest.slice(up[0].length)
  }
  return parseUrl(`${parent.origin}/${[...names, rest].join('/')}`, path)
}
