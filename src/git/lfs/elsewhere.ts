import type { Config } from '../../config.js'
import { BerthError } from '../../errors.js'
import type { Disk } from '../disk.js'
import { git } from '../git.js'
import { checkElsewhere } from '../remotes/hosts.js'
import type { Reaching } from '../remotes/reach.js'
import { isSsh, parseUrl, type Origin } from '../remotes/url.js'
import { fetchObjects } from './fetch.js'
import { hasObject } from './objects.js'
import { pointersOf } from './pointers.js'

/** A commit that was fetched, and where it is. */
export interface FetchedCommit extends Pick<Reaching, 'trusted' | 'loginFor' | 'signal' | 'lookup'> {
  readonly commit: string
  /** Where the commit comes from. */
  readonly origin: Origin
  /** A bare repository of its own, whose index nobody uses. */
  readonly from: string
  readonly env: Readonly<Record<string, string>>
  /** They are to be here by then; ms since the epoch. */
  readonly until: number
}

/** Where its files of Git LFS belong. */
export interface LfsOrder {
  /** The app's repository. */
  readonly repository: string
  readonly config: Pick<Config, 'domain' | 'push'>
  readonly disk: Disk
  /** What a message begins with. */
  readonly path: string
  /** How somebody sends what is not there. */
  readonly hint: string
}

/**
 * Fetches the files that Git LFS keeps for a commit of another repository, from where git-lfs would, unless the app has them all.
 * @returns how many were fetched
 * @throws BerthError that names the files, the server and the way out
 */
export async function fetchLfs(at: FetchedCommit, order: LfsOrder): Promise<number> {
  const { repository, config, disk, path, hint } = order
  const pointers = await pointersOf(at.from, at.commit, at.env, config.push)
  const there = await Promise.all(pointers.map((one) => hasObject(repository, one)))
  if (there.every(Boolean)) return 0
  const { url, login } = await lfsServerOf(at, path)
  checkElsewhere(config.domain, url, path)
  const known = at.loginFor(url.host) ?? login
  const isTrusted = at.trusted.some((one) => one === url.host || one === url.hostname)
  if (known && url.protocol === 'http:' && !isTrusted)
    throw new BerthError(
      'denied',
      `${path}: the password for ${url.host} would be sent to ${url.href} for all to read`,
      'use its https:// URL',
    )
  const signal = AbortSignal.any([at.signal, AbortSignal.timeout(Math.max(1, at.until - Date.now()))])
  const walls = { trusted: at.trusted, ...(at.lookup && { lookup: at.lookup }) }
  const whither = { repository, disk, domain: config.domain }
  return fetchObjects({ ...walls, ...whither, path, hint, url, login: known, signal }, pointers)
}

/**
 * The LFS server of a repository: the one that its .lfsconfig names, or its own (git-lfs, "Server Discovery").
 * @param path what a message begins with
 * @throws BerthError `invalid` for a URL that is not looked at
 */
export async function lfsServerOf(
  { from, env, commit, origin }: Pick<FetchedCommit, 'from' | 'env' | 'commit' | 'origin'>,
  path: string,
): Promise<Origin> {
  const args = ['config', '--no-includes', '--blob', `${commit}:.lfsconfig`, '--get', 'lfs.url']
  const { code, stdout } = await git(from, args, env)
  const file = `${path}: .lfsconfig`
  const named = code === 0 && stdout !== '' ? parseUrl(stdout, file) : null
  if (named && isSsh(named.url))
    throw new BerthError('invalid', `${file}: files of Git LFS are fetched over https alone`, 'name that URL of it')
  if (named) return { url: new URL(named.url.href.replace(/\/+$/, '')), login: named.login }
  const { hostname, pathname } = origin.url
  // of one that is reached over SSH, where git-lfs looks when its host says nothing else
  const base = isSsh(origin.url) ? `https://${hostname}/${pathname.replace(/^\/+(~\/)?/, '')}` : origin.url.href
  const url = new URL(`${base.replace(/\/+$/, '').replace(/(\.git)?$/, '.git')}/info/lfs`)
  return { url, login: isSsh(origin.url) ? null : origin.login }
}
