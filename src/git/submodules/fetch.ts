import { join } from 'node:path'
import type { Config } from '../../config.js'
import { BerthError } from '../../errors.js'
import type { Disk } from '../disk.js'
import { git } from '../git.js'
import { fetchLfs } from '../lfs/elsewhere.js'
import { refusesCommit, type Advice } from '../remotes/failure.js'
import { checkGit, reach, type Reaching } from '../remotes/reach.js'
import { runFetch, type FetchOutcome } from '../remotes/run.js'
import { addressOf, type Origin } from '../remotes/url.js'
import type { SubmoduleCache } from './cache.js'

/** What fetching takes. */
export interface Fetching extends Reaching {
  readonly cache: SubmoduleCache
  readonly config: Pick<Config, 'domain' | 'push'>
  readonly disk: Disk
  /** Its files of Git LFS are to be here by then; ms since the epoch. */
  readonly until: number
}

/** A commit that is pinned. */
export interface Wanted {
  readonly path: string
  readonly commit: string
  readonly origin: Origin
}

const advice: Advice = {
  again: 'push again; if that fails too, look at the remote',
  correct: 'correct its URL in .gitmodules, commit and push',
  moved: 'put the URL where it ends in .gitmodules',
}

/**
 * Brings a commit into the cache, with all of its tree, and its files of Git LFS to those of the app. Nothing is left of a
 * commit that fails.
 * @throws BerthError that names the place, the URL and the way out
 */
export async function fetchCommit(at: Fetching, wanted: Wanted): Promise<void> {
  await checkGit(at.cache.repository, at.cache.env)
  await at.cache.inTemporary(async (directory) => {
    const repository = join(directory, 'fetched')
    await at.cache.init(repository)
    const origin = await fetchInto(repository, at, wanted)
    const { env } = at.cache
    const commit = { ...at, from: repository, env, commit: wanted.commit, origin }
    const { path } = wanted
    const hint = `in ${path}: \`git lfs push --all origin\`, or \`git lfs push --all\` with the URL of this remote; then push again`
    await fetchLfs(commit, { ...at, repository: at.cache.repository, path, hint })
    await at.cache.adopt(repository)
  })
}

/** @returns where the repository was found: it may have moved */
async function fetchInto(repository: string, at: Fetching, { path, commit, origin }: Wanted): Promise<Origin> {
  const short = commit.slice(0, 7)
  const sought = { path, origin, advice, what: `commit ${short}` }
  const { origin: found } = await reach(at, sought, async (connection, signal) => {
    const attempt = (...args: readonly string[]): Promise<FetchOutcome> =>
      runFetch(repository, ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', ...args], connection, {
        env: at.cache.env,
        most: at.most,
        signal,
      })
    const href = addressOf(connection.url)
    const outcome = await attempt('--depth=1', href, commit)
    // a server of before version 2 of the protocol gives what it advertises
    return refusesCommit(outcome) ? attempt(href, '+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*') : outcome
  })
  if ((await git(repository, ['cat-file', '-e', `${commit}^{commit}`], at.cache.env)).code !== 0)
    throw new BerthError(
      'missing',
      `${path}: commit ${short} is not at ${addressOf(found.url)}`,
      `push it there (in ${path}: git push), or pin one that is: git submodule update --remote ${path}`,
    )
  return found
}
