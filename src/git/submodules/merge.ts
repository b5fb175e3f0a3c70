import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { exportRef } from '../../builds/submodules.js'
import type { PushLimits } from '../../config.js'
import { BerthError } from '../../errors.js'
import { git, must } from '../git.js'
import { readRef } from '../refs.js'
import { readTree, tooMany, maxLinks, type Link, type TreeFacts } from '../tree.js'
import type { SubmoduleCache } from './cache.js'
import { readModules } from './modules.js'
import { resolveUrl, type Origin } from '../remotes/url.js'

/** Submodules within submodules. */
const maxDepth = 5

/** A commit, where git finds it, and what its tree holds. */
export interface Source {
  readonly repository: string
  readonly commit: string
  readonly env: Readonly<Record<string, string>>
}

/** A submodule that is to be had. */
export interface PinnedCommit extends Link {
  readonly origin: Origin
}

/** What a walk through the submodules of a commit takes. */
export interface Walk {
  readonly cache: Pick<SubmoduleCache, 'path' | 'env' | 'missing'>
  readonly limits: PushLimits
  /** Where the app itself comes from. */
  readonly origin: URL | null
  /** Brings commits into the cache that are not there. */
  readonly obtain: (wanted: readonly PinnedCommit[]) => Promise<void>
}

interface Level extends Source {
  readonly facts: TreeFacts
  /** Path in the whole tree, with a slash at its end. */
  readonly prefix: string
  readonly depth: number
  readonly origin: URL | null
}

/**
 * Every submodule of a commit, and those of its submodules, in their places; all are in the cache then.
 * @throws BerthError `large` past a limit, or what `readModules`, `resolveUrl` and `obtain` throw
 */
export async function walkSubmodules(walk: Walk, source: Source, facts: TreeFacts): Promise<Link[]> {
  const found: Link[] = []
  const left: Level[] = [{ ...source, facts, prefix: '', depth: 1, origin: walk.origin }]
  for (let level = left.shift(); level; level = left.shift()) {
    const { prefix, depth, origin } = level
    if (level.facts.links.length === 0) continue
    if (depth > maxDepth)
      throw new BerthError(
        'large',
        `${prefix}${level.facts.links[0]?.path ?? ''}: submodules lie more than ${String(maxDepth)} deep in each other`,
        'take the innermost out, or pin a commit that has none',
      )
    if (found.length + level.facts.links.length > maxLinks) throw tooMany()
    const modules = await readModules(level.repository, level.commit, level.env, level.facts).catch(
      (error: unknown) => {
        throw prefix !== '' && error instanceof BerthError
          ? new BerthError(error.fault, `in ${prefix.slice(0, -1)}: ${error.message}`, error.hint, error)
          : error
      },
    )
    const wanted = modules.map(({ path, commit, url }) => ({
      path: prefix + path,
      commit,
      origin: resolveUrl(url, origin, prefix + path),
    }))
    const missing = await walk.cache.missing(wanted.map(({ commit }) => commit))
    await walk.obtain(wanted.filter(({ commit }) => missing.has(commit)))
    for (const { path, commit, origin } of wanted) {
      found.push({ path, commit })
      const inside = { repository: walk.cache.path, commit, env: walk.cache.env }
      const facts = await readTree(inside.repository, commit, inside.env, walk.limits)
      left.push({ ...inside, facts, prefix: `${path}/`, depth: depth + 1, origin: origin.url })
    }
  }
  return found
}

/** How fast-import(1) reads a path. */
const quoted = (path: string): string => `"${path.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`

/**
 * Makes a commit of a commit's tree with the trees of its submodules in their places, in the cache: it is exported as any other
 * is. The same tree gives the same one.
 */
export async function mergeTrees(
  cache: SubmoduleCache,
  { repository, commit, env }: Source,
  id: string,
  links: readonly Link[],
): Promise<string> {
  const alternates = [env.GIT_OBJECT_DIRECTORY, join(repository, 'objects')].filter((path) => path !== undefined)
  const around = { ...cache.env, GIT_ALTERNATE_OBJECT_DIRECTORIES: alternates.join(':') }
  const asked = [commit, ...links.map((link) => link.commit)].map((one) => `${one}^{tree}\n`).join('')
  const { stdout } = await git(cache.path, ['cat-file', '--batch-check=%(objectname)'], around, asked)
  const trees = stdout.split('\n')
  const places = ['', ...links.map(({ path }) => path)]
  const lines = [
    `commit ${treeRef(id)}`,
    'mark :1',
    'committer Berth <berth@localhost> 0 +0000',
    'data 0',
    ...places.map((path, at) => `M 040000 ${trees[at] ?? ''} ${quoted(path)}`),
    '',
    `reset ${exportRef(commit)}`,
    'from :1',
    '',
    'get-mark :1',
    'done',
  ]
  return must(cache.path, ['fast-import', '--quiet', '--force', '--done'], around, `${lines.join('\n')}\n`)
}

const treeRef = (id: string): string => `refs/trees/${id}`

/** The commit that was made of the same tree before, now of another commit too; null when none was. */
export async function mergedBefore(cache: SubmoduleCache, id: string, commit: string): Promise<string | null> {
  const merged = await readRef(cache.path, treeRef(id))
  if (merged === null || (await readRef(cache.path, exportRef(commit))) === merged) return merged
  const file = join(cache.path, exportRef(commit))
  await mkdir(dirname(file), { recursive: true })
  await writeFile(`${file}.lock`, `${merged}\n`)
  await rename(`${file}.lock`, file)
  return merged
}
