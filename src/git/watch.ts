import type { Store } from '../store/store.js'
import type { App } from '../store/apps.js'
import { watchSetting } from '../changes/push.js'
import { globs } from '../lib/globs.js'
import { records } from './git.js'
import { maxPath, shorten } from './tree.js'

/** What is known of a push that changes nothing which its app is built of, as its owner says (`watch-paths`). */
export interface Unwatched {
  /** The commit that ran, and the setting. */
  readonly since: string
  readonly watch: string
  /** What it does change, in words. */
  readonly paths: string
}

/** More changes than this are a reason to build. */
const mostChanges = 20_000
/** So is a comparison that takes longer. Milliseconds. */
const patienceMs = 200

/** At the top of a repository these count whatever is watched. */
const always =
  /^(?:Procfile|app\.json|\.slugignore|\.gitattributes|\.gitmodules|package-lock\.json|npm-shrinkwrap\.json|pnpm-lock\.yaml|[^/]+\.lockb?|go\.(?:sum|work|work\.sum))$/

/**
 * Compares a pushed commit with the one that runs, not with the one pushed last: a build that failed in between is not lost.
 * @param env where git finds the pushed objects
 * @returns null where it is to be built
 */
export async function unwatchedBy(
  { releases }: Pick<Store, 'releases'>,
  app: App,
  { repository, commit, env }: Readonly<{ repository: string; commit: string; env: Readonly<Record<string, string>> }>,
): Promise<Unwatched | null> {
  const { config, commit: since } = await releases.current(app)
  const watch = config[watchSetting] ?? ''
  if (watch === '' || since === null) return null
  const watched = globs(watch)
  let spent = 0
  const [changed, args]: [string[], string[]] = [[], ['diff-tree', '-r', '-z', '--raw', '--no-renames', since, commit]]
  let isPath = true // after modes and objects
  try {
    for await (const record of records(repository, args, env, 2 * maxPath)) {
      const name = record.toString()
      isPath = !isPath
      if (!isPath) {
        // another commit of a submodule: what has changed in it may be watched
        if (/^:(160000|\d+ 160000) /.test(name)) return null
        continue
      }
      const began = performance.now()
      if (always.test(name) || watched(name) || changed.push(name) > mostChanges) return null
      spent += performance.now() - began
      if (spent > patienceMs) return null
    }
  } catch {
    return null // the commit that runs is not there: what has changed is not known
  }
  return changed.length === 0 ? null : { since, watch, paths: shorten(changed) }
}
