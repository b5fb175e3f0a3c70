import { join } from 'node:path'
import { BerthError } from '../../errors.js'
import type { Secret } from '../../lib/secret.js'
import { git } from '../git.js'
import type { SubmoduleCache } from './cache.js'
import { explainFetch, redirects, refusesCommit } from './failure.js'
import { findHost, type Lookup } from './hosts.js'
import { whereto } from './redirect.js'
import { runFetch, type Connection, type FetchOutcome } from './run.js'
import type { Origin } from './url.js'

/** How often a repository may have moved. */
const maxMoves = 3

/** A user of a host, and the password. */
export interface Login {
  readonly user: string
  readonly password: Secret
}

/** What fetching takes. */
export interface Fetching {
  readonly cache: SubmoduleCache
  /** Hosts that may have private addresses. */
  readonly trusted: readonly string[]
  /** What the app has for a host, `name` or `name:port`. */
  readonly loginFor: (host: string) => Login | null
  /** Bytes that one may send. */
  readonly most: number
  /** Milliseconds that one may take. */
  readonly patienceMs: number
  readonly signal: AbortSignal
  readonly lookup?: Lookup
}

/** A commit that is pinned. */
export interface Wanted {
  readonly path: string
  readonly commit: string
  readonly origin: Origin
}

/**
 * Brings a commit into the cache, with all of its tree. Nothing is left of what fails.
 * @throws BerthError that names the place, the URL and the way out
 */
export async function fetchCommit(at: Fetching, wanted: Wanted): Promise<void> {
  await checkGit(at.cache)
  await at.cache.inTemporary(async (directory) => {
    const repository = join(directory, 'fetched')
    await at.cache.init(repository)
    await fetchInto(repository, at, wanted)
    await at.cache.adopt(repository)
  })
}

async function fetchInto(repository: string, at: Fetching, wanted: Wanted): Promise<void> {
  const late = AbortSignal.timeout(at.patienceMs)
  const signal = AbortSignal.any([late, at.signal])
  const { path, commit } = wanted
  let { origin } = wanted
  for (let moves = 0; ; moves += 1) {
    const connection = await connect(at, origin, path)
    const attempt = (...args: readonly string[]): Promise<FetchOutcome> =>
      runFetch(repository, ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', ...args], connection, {
        env: at.cache.env,
        most: at.most,
        signal,
      })
    const { href } = connection.url
    let outcome = await attempt('--depth=1', href, commit)
    // a server of before version 2 of the protocol gives what it advertises
    if (refusesCommit(outcome)) outcome = await attempt(href, '+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*')
    if (redirects(outcome) && moves < maxMoves) {
      const url = await whereto(connection, signal)
      // a password that a URL had is for its host
      if (url) {
        origin = { url, login: url.origin === origin.url.origin ? origin.login : null }
        continue
      }
    }
    at.signal.throwIfAborted()
    if (outcome.code !== 0)
      throw explainFetch({
        ...wanted,
        connection,
        outcome,
        endedAfter: late.aborted ? at.patienceMs : null,
        most: at.most,
      })
    if ((await git(repository, ['cat-file', '-e', `${commit}^{commit}`], at.cache.env)).code !== 0)
      throw new BerthError(
        'missing',
        `${path}: commit ${commit.slice(0, 7)} is not at ${href}`,
        `push it there (in ${path}: git push), or pin one that is: git submodule update --remote ${path}`,
      )
    return
  }
}

/** Whether a git connects to the address that it is told (http.curloptResolve: 2.37), and not to what a name leads to by then. */
export function connectsWhereTold(version: string): boolean {
  const [, major = '0', minor = '0'] = /(\d+)\.(\d+)/.exec(version) ?? []
  return Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 37)
}

async function checkGit({ repository, env }: SubmoduleCache): Promise<void> {
  const { stdout } = await git(repository, ['version'], env)
  if (!connectsWhereTold(stdout))
    throw new BerthError(
      'unavailable',
      `submodules are fetched by git 2.37 or newer, and the server has ${stdout}`,
      'install a newer git on the server',
    )
}

async function connect(at: Fetching, { url, login }: Origin, path: string): Promise<Connection> {
  const { addresses, port, trusted } = await findHost(url, path, at.trusted, at.lookup)
  const known = at.loginFor(url.host)
  const password = known ?? login
  if (password && url.protocol === 'http:' && !trusted)
    throw new BerthError(
      'denied',
      `${path}: the password for ${url.host} would be sent to ${url.href} for all to read`,
      'use https:// in .gitmodules',
    )
  return { url, addresses, port, password }
}
