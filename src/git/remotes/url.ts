import { BerthError } from '../../errors.js'
import { Secret } from '../../lib/secret.js'

/** Where a repository is fetched from. */
export interface Origin {
  /** http or https, without user and password; or ssh, or scp (`addressOf`), with its user. */
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

/** `ssh://user@host:22/path`, or `user@host:path` as scp has it: that path begins at the user's home. */
const sshUrl = /^(?:git\+)?ssh(?:\+git)?:\/\/(?:([^@/]*)@)?([^@/]*?)(?::(\d{1,5}))?\/(.*)$/is
const scpUrl = /^(?:([^@/:[]*)@)?(\[[^\]@/]*\]|[^@/:[]+):(?!\/\/)(.*)$/s

const sshUser = /^\w[\w.-]{0,63}$/
const sshHost = /^(?:[a-z\d](?:[a-z\d.-]{0,253}[a-z\d])?|\[[\da-f:.]{2,45}\])$/i
/** Nothing that a shell at the other end, or git, might read in another way. */
const sshPath = /^(?!-|.*(?:^|\/)\.\.?(?:\/|$))[\w.,~+@%:=/-]{1,1000}$/

/**
 * Understands the URL of a repository. Nothing but http, https and SSH is spoken: not what names files of this machine or runs a
 * program here.
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
  const [kind, found] = sshUrl.test(text)
    ? (['ssh', sshUrl.exec(text)] as const)
    : (['scp', scpUrl.exec(text)] as const)
  if (found && (kind === 'ssh' || !/^[a-z][a-z0-9+.-]*:\/\//i.test(text))) return parseSsh(kind, found, path)
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

function parseSsh(kind: 'ssh' | 'scp', found: RegExpExecArray, path: string): Origin {
  const [, user = 'git', host = '', port, place] =
    kind === 'ssh' ? found : [found[0], found[1], found[2], undefined, found[3]]
  const where = `${kind}://${user}@${host.toLowerCase()}${port === undefined ? '' : `:${port}`}/${place ?? ''}`
  const good = sshUser.test(user) && sshHost.test(host) && sshPath.test(place ?? '') && URL.canParse(where)
  if (good) return { url: new URL(where), login: null }
  // a password in it is not shown
  const hint = 'write it as ssh://git@HOST/PATH, or git@HOST:PATH, without a password'
  throw refuse(
    path,
    `"${printable(user.includes(':') ? `${kind}://…@${host}` : found[0])}" is no address for SSH`,
    hint,
  )
}

export const isSsh = ({ protocol }: URL): boolean => protocol === 'ssh:' || protocol === 'scp:'

/** A URL as people write it, and git understands it. */
export const addressOf = (url: URL): string =>
  url.protocol === 'scp:' ? `${url.username}@${url.host}:${url.pathname.slice(1)}` : url.href

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
      throw refuse(path, `its URL "${printable(text)}" leads above ${rootOf(parent)}`, 'correct .gitmodules')
    rest = rest.slice(up[0].length)
  }
  return parseUrl(`${rootOf(parent)}${[...names, rest].join('/')}`, path)
}

/** What the paths of a host begin with. */
const rootOf = (url: URL): string => {
  if (url.protocol === 'scp:') return `${url.username}@${url.host}:`
  return isSsh(url) ? `ssh://${url.username}@${url.host}/` : `${url.origin}/`
}
