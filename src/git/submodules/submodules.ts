import type { Config } from '../../config.js'
import { BerthError } from '../../errors.js'
import type { App } from '../../store/apps.js'
import type { Store } from '../../store/store.js'
import type { Disk } from '../disk.js'
import { readTree, type TreeFacts } from '../tree.js'
import { SubmoduleCache } from './cache.js'
import { fetchCommit, type Fetching } from './fetch.js'
import { accessOf } from '../remotes/access.js'
import { checkElsewhere, type Lookup } from '../remotes/hosts.js'
import { mergedBefore, mergeTrees, walkSubmodules, type PinnedCommit, type Source, type Walk } from './merge.js'
import { addressOf, parseUrl } from '../remotes/url.js'

/** Milliseconds that one fetch may take, and all of a push together. */
const patienceMs = 300_000
const patienceForAllMs = 900_000

/** What fetching the submodules of a push takes. */
export interface SubmoduleDeps {
  readonly config: Config
  readonly store: Pick<Store, 'gitKeys' | 'gitLogins'>
  readonly disk: Disk
  /** Replaces how long one fetch may take; for tests. */
  readonly patienceMs?: number
  /** Replaces DNS; for tests. */
  readonly lookup?: Lookup
}

/** A commit pins others that are not here yet. */
class SubmodulesWanted extends Error {
  readonly fetch: (say: Say, signal: AbortSignal) => Promise<void>
  constructor(fetch: SubmodulesWanted['fetch']) {
    super('submodules are to be fetched')
    this.fetch = fetch
  }
}

/** Takes text for the pusher. */
type Say = (text: string) => Promise<void>

/** What relative URLs count from. */
const originOf = ({ gitOrigin, gitSource }: App): URL | null => {
  const origin = gitOrigin ?? gitSource?.url
  return origin === undefined ? null : parseUrl(origin, 'origin').url
}

/**
 * A commit with the files of its submodules in their places, as one that can be exported; itself where it has none.
 * @throws BerthError when one of them cannot be had, or `withSubmodules` is to fetch them first
 */
export async function mergeSubmodules<T extends Source>(
  deps: SubmoduleDeps,
  app: App,
  source: T,
  facts: TreeFacts,
): Promise<{ readonly tree: T; readonly facts: TreeFacts }> {
  if (facts.links.length === 0) return { tree: source, facts }
  const { limits, cache } = walkOf(deps, app, source)
  const merged =
    (await mergedBefore(cache, facts.id, source.commit)) ??
    (await mergeTrees(cache, source, facts.id, await walkSubmodules(offline(deps, app, source, facts), source, facts)))
  const known = source.env.GIT_ALTERNATE_OBJECT_DIRECTORIES
  const alternates = [...(known === undefined ? [] : [known]), cache.objects]
  const env = { ...source.env, GIT_ALTERNATE_OBJECT_DIRECTORIES: alternates.join(':') }
  return { tree: { ...source, commit: merged, env }, facts: await readTree(source.repository, merged, env, limits) }
}

const walkOf = ({ config }: SubmoduleDeps, app: App, { repository }: Source) => ({
  cache: new SubmoduleCache(repository),
  limits: config.push,
  origin: originOf(app),
})

/** A walk that is over where something is to be fetched. */
function offline(deps: SubmoduleDeps, app: App, source: Source, facts: TreeFacts): Walk {
  const walk = walkOf(deps, app, source)
  const obtain = (wanted: readonly PinnedCommit[]): Promise<void> => {
    if (wanted.length === 0) return Promise.resolve()
    throw new SubmodulesWanted((say, signal) => fetchAll(deps, app, { source, facts, say, signal }))
  }
  return { ...walk, obtain }
}

interface Order {
  readonly source: Source
  readonly facts: TreeFacts
  readonly say: Say
  readonly signal: AbortSignal
}

async function fetchAll(deps: SubmoduleDeps, app: App, { source, facts, say, signal }: Order): Promise<void> {
  const walk = walkOf(deps, app, source)
  const { push, gitPrivateHosts } = deps.config
  await walk.cache.ensure(push.tree / 2)
  const until = Date.now() + patienceForAllMs
  const access = await accessOf(deps.store, app)
  const fetching = async (): Promise<Fetching> => ({
    ...{ cache: walk.cache, config: deps.config, disk: deps.disk, until },
    trusted: gitPrivateHosts,
    ...access,
    most: Math.max(0, Math.min(push.size, await deps.disk.room(), push.tree - (await walk.cache.bytes()))),
    patienceMs: Math.max(1, Math.min(deps.patienceMs ?? patienceMs, until - Date.now())),
    signal,
    ...(deps.lookup && { lookup: deps.lookup }),
  })
  const obtain = async (wanted: readonly PinnedCommit[]): Promise<void> => {
    for (const one of wanted) {
      checkElsewhere(deps.config.domain, one.origin.url, one.path)
      if ((await walk.cache.missing([one.commit])).size === 0) continue // the same as another
      await say(`-----> Fetching submodule ${one.path} from ${addressOf(one.origin.url)}\n`)
      await fetchCommit(await fetching(), one)
    }
  }
  await walkSubmodules({ ...walk, obtain }, source, facts)
}

/**
 * Runs a task that may find that submodules are to be fetched: then they are, and it runs once more. What holds others up while
 * it runs does not wait for servers elsewhere so.
 */
export async function withSubmodules<T>(task: (say: Say) => Promise<T>, say: Say, signal: AbortSignal): Promise<T> {
  const told = new Set<string>()
  const once: Say = async (text) => {
    if (told.has(text)) return
    told.add(text)
    await say(text)
  }
  try {
    return await task(once)
  } catch (error) {
    if (!(error instanceof SubmodulesWanted)) throw error
    await error.fetch(say, signal)
  }
  return task(once).catch((error: unknown) => {
    if (error instanceof SubmodulesWanted)
      throw new BerthError('conflict', 'submodules that were fetched are gone again', 'push again', error)
    throw error
  })
}
