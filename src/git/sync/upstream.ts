import { BerthError } from '../../errors.js'
import type { GitSource } from '../../store/apps.js'
import { git } from '../git.js'
import { refusesCommit, type Advice } from '../remotes/failure.js'
import { reach, type Reaching } from '../remotes/reach.js'
import { runFetch, type Connection, type FetchOutcome } from '../remotes/run.js'
import { addressOf, parseUrl, type Origin } from '../remotes/url.js'
import { isCommit, sourceName, writeSource } from './source.js'

/** Where a fetched commit is kept until it has been pushed. */
const fetched = 'refs/berth/fetched'
/** Milliseconds that the question for what is there may take. */
const questionMs = 60_000

const advice: Advice = {
  again: '`berth git:sync` tries again; if that fails too, look at the remote',
  correct: 'correct it: `berth git:set source=URL#BRANCH`',
  moved: 'keep the URL where it ends: `berth git:set source=URL#BRANCH`',
}

/** Where git runs, and what a connection may cost. */
export interface Upstream extends Reaching {
  /** A bare repository of its own. */
  readonly repository: string
  readonly env: Readonly<Record<string, string>>
}

/** What a branch or a tag is at. */
export interface Tip {
  readonly commit: string
  /** The whole name of the ref; a commit id where that is what was wanted. */
  readonly ref: string
  /** The branch or tag as people name it. */
  readonly name: string
  readonly origin: Origin
}

const run = ({ repository, env, most }: Upstream, args: readonly string[], to: Connection, signal: AbortSignal) =>
  runFetch(repository, args, to, { env, most, signal })

/**
 * Asks a repository what its branch or tag is at; a branch goes before a tag of its name.
 * @throws BerthError `missing` when there is neither, and whatever keeps it from being asked
 */
export async function findTip(at: Upstream, source: GitSource): Promise<Tip> {
  const named = parseUrl(source.url, sourceName)
  const { ref } = source
  if (ref !== null && isCommit(ref)) return { commit: ref, ref, name: ref.slice(0, 7), origin: named }
  const wanted = ref === null ? ['HEAD'] : ref.startsWith('refs/') ? [ref] : [`refs/heads/${ref}`, `refs/tags/${ref}`]
  const peeled = wanted.filter((one) => !one.startsWith('refs/heads/') && one !== 'HEAD').map((one) => `${one}^{}`)
  const sought = { path: sourceName, what: ref ?? 'its default branch', origin: named, advice }
  const patienceMs = Math.min(at.patienceMs, questionMs)
  const { origin, outcome } = await reach({ ...at, patienceMs }, sought, (to, signal) =>
    run(at, ['ls-remote', '--symref', '--quiet', addressOf(to.url), ...wanted, ...peeled], to, signal),
  )
  const refs = new Map(
    outcome.answer.split('\n').map((line): [string, string] => {
      const [object = '', name = ''] = line.split('\t')
      return [name, object]
    }),
  )
  const found = wanted.find((one) => /^[0-9a-f]{40,64}$/.test(refs.get(one) ?? ''))
  if (found === undefined)
    throw new BerthError(
      'missing',
      ref === null
        ? `${sourceName}: ${source.url} has no default branch: is it empty?`
        : `${sourceName}: ${source.url} has no branch and no tag "${ref}"; what was deployed before goes on`,
      '`berth git:set source=URL#BRANCH` names another',
    )
  const commit = refs.get(`${found}^{}`) ?? refs.get(found) ?? ''
  const branch = found === 'HEAD' ? /^ref: refs\/heads\/([^\t\n]+)\tHEAD$/m.exec(outcome.answer)?.[1] : undefined
  return { commit, ref: found, name: branch ?? ref ?? 'HEAD', origin }
}

/**
 * Brings a tip, with all of its history that is not here, into the repository.
 * @returns the commit: another than the tip's where it has moved on meanwhile
 */
export async function fetchTip(at: Upstream, source: GitSource, { ref, name, origin }: Tip): Promise<string> {
  const byId = isCommit(ref)
  const sought = { path: sourceName, what: name, origin, advice }
  await reach(at, sought, async (to, signal) => {
    const fetch = (...refs: readonly string[]): Promise<FetchOutcome> =>
      run(at, ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', addressOf(to.url), ...refs], to, signal)
    const outcome = await fetch(`+${ref}:${fetched}`)
    // a server of before version 2 of the protocol gives what it advertises
    if (!byId || !refusesCommit(outcome)) return outcome
    return fetch('+refs/heads/*:refs/berth/heads/*', '+refs/tags/*:refs/berth/tags/*')
  })
  const { stdout } = await git(
    at.repository,
    ['rev-parse', '--verify', '--quiet', `${byId ? ref : fetched}^{commit}`],
    at.env,
  )
  if (isCommit(stdout)) return stdout
  throw new BerthError(
    'missing',
    `${sourceName}: ${writeSource(source)} is no commit`,
    '`berth git:set source=URL#BRANCH` names a branch, a tag or a commit',
  )
}
