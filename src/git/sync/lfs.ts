import type { Config } from '../../config.js'
import { BerthError } from '../../errors.js'
import type { Disk } from '../disk.js'
import { git } from '../git.js'
import { fetchObjects } from '../lfs/fetch.js'
import { pointersOf } from '../lfs/pointers.js'
import { checkElsewhere } from '../remotes/hosts.js'
import { isSsh, parseUrl, type Origin } from '../remotes/url.js'
import { sourceName } from './source.js'
import type { Upstream } from './upstream.js'

/** Milliseconds that all files of a commit may take. */
const patienceForAllMs = 900_000

/** A commit that was fetched, and where its files of Git LFS belong. */
export interface LfsOrder {
  readonly commit: string
  /** Where the commit comes from. */
  readonly origin: Origin
  /** The app's repository. */
  readonly repository: string
  readonly config: Config
  readonly disk: Disk
}

/**
 * Fetches the files that Git LFS keeps for a commit of the repository that an app is kept from, from where git-lfs would.
 * @returns how many were fetched
 * @throws BerthError that names the files, the server and the way out
 */
export async function fetchLfs(at: Upstream, order: LfsOrder): Promise<number> {
  const { commit, repository, config, disk } = order
  const pointers = await pointersOf(at.repository, commit, at.env, config.push)
  if (pointers.length === 0) return 0
  const { url, login } = await lfsServerOf(at, order)
  checkElsewhere(config.domain, url, sourceName)
  const known = at.loginFor(url.host) ?? login
  const isTrusted = at.trusted.some((one) => one === url.host || one === url.hostname)
  if (known && url.protocol === 'http:' && !isTrusted)
    throw new BerthError(
      'denied',
      `${sourceName}: the password for ${url.host} would be sent to ${url.href} for all to read`,
      'use its https:// URL',
    )
  const signal = AbortSignal.any([at.signal, AbortSignal.timeout(patienceForAllMs)])
  const walls = { trusted: at.trusted, ...(at.lookup && { lookup: at.lookup }) }
  const whither = { repository, disk, domain: config.domain }
  return fetchObjects({ ...walls, ...whither, path: sourceName, url, login: known, signal }, pointers)
}

/**
 * The LFS server of a repository: the one that its .lfsconfig names, or its own (git-lfs, "Server Discovery").
 * @throws BerthError `invalid` for a URL that is not looked at
 */
export async function lfsServerOf(
  { repository, env }: Pick<Upstream, 'repository' | 'env'>,
  { commit, origin }: Pick<LfsOrder, 'commit' | 'origin'>,
): Promise<Origin> {
  const args = ['config', '--no-includes', '--blob', `${commit}:.lfsconfig`, '--get', 'lfs.url']
  const { code, stdout } = await git(repository, args, env)
  const named = code === 0 && stdout !== '' ? parseUrl(stdout, '.lfsconfig') : null
  if (named && isSsh(named.url))
    throw new BerthError('invalid', '.lfsconfig: files of Git LFS are fetched over https alone', 'name that URL of it')
  if (named) return { url: new URL(named.url.href.replace(/\/+$/, '')), login: named.login }
  const { hostname, pathname } = origin.url
  // of one that is reached over SSH, where git-lfs looks when its host says nothing else
  const base = isSsh(origin.url) ? `https://${hostname}/${pathname.replace(/^\/+(~\/)?/, '')}` : origin.url.href
  const url = new URL(`${base.replace(/\/+$/, '').replace(/(\.git)?$/, '.git')}/info/lfs`)
  return { url, login: isSsh(origin.url) ? null : origin.login }
}
