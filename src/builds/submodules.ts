import { join } from 'node:path'
import { readIfThere } from '../lib/missing.js'

/** Where an app's repository keeps what its commits pin of other repositories. */
export const submodulesOf = (repository: string): string => join(repository, 'berth', 'submodules.git')

/** The ref, in there, of the commit that a pushed commit is exported as: its files, and those of its submodules in their places. */
export const exportRef = (commit: string): string => `refs/commits/${commit}`

/** A commit to export, and where git finds its objects. */
export interface ExportedCommit {
  readonly commit: string
  readonly env: Readonly<Record<string, string>>
}

/** What a pushed commit is exported as; itself where it has no submodules. */
export async function exportedCommit(repository: string, commit: string): Promise<ExportedCommit> {
  const cache = submodulesOf(repository)
  const merged = await readIfThere(join(cache, exportRef(commit)))
  if (merged === null) return { commit, env: {} }
  return { commit: merged.trim(), env: { GIT_ALTERNATE_OBJECT_DIRECTORIES: join(cache, 'objects') } }
}
