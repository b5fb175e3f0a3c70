import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { BerthError, messageOf } from '../errors.js'
import { indexOf, moveTree, removeTree } from '../queue/files.js'
import { git, must } from './git.js'

/** Where git finds the objects of a push that it has not accepted yet. */
export const quarantineEnv = (repository: string, quarantine: string): Record<string, string> => ({
  GIT_OBJECT_DIRECTORY: quarantine,
  GIT_ALTERNATE_OBJECT_DIRECTORIES: `${repository}/objects`,
})

/** A commit's tree, and where it goes. */
export interface Export {
  readonly repository: string
  readonly commit: string
  readonly directory: string
  readonly env: Readonly<Record<string, string>>
  /** Where the tree of an earlier commit may be: it is made into this one, by writing what differs. */
  readonly last: string
}

/**
 * Writes a commit's tree to a directory, as a checkout would: links are links, wherever they lead; submodules are empty
 * directories. Nothing is left when it fails.
 * @throws BerthError `invalid` when it is not a commit, `broken` when it cannot be written
 */
export async function exportTree(tree: Export): Promise<void> {
  const { repository, commit, directory, env } = tree
  await mkdir(dirname(directory), { recursive: true, mode: 0o750 })
  await removeTree(directory)
  try {
    const [type] = await Promise.all([git(repository, ['cat-file', '-t', commit], env), write(tree)])
    if (type.stdout !== 'commit')
      throw new BerthError(
        'invalid',
        `a branch can only be at a commit, and this is a ${type.stdout}`,
        'push <name>^{}:main',
      )
  } catch (error) {
    await removeTree(directory)
    if (error instanceof BerthError) throw error
    throw new BerthError(
      'broken',
      `the pushed tree could not be written: ${messageOf(error)}`,
      'is the disk full?',
      error,
    )
  }
}

async function write({ repository, commit, directory, env, last }: Export): Promise<void> {
  const around = { ...env, GIT_WORK_TREE: directory, GIT_INDEX_FILE: indexOf(directory) }
  const inTree = (...args: string[]): Promise<string> => must(repository, ['-c', 'core.bare=false', ...args], around)
  const checkOut = (): Promise<string> => inTree('read-tree', '--reset', '-u', commit)
  try {
    await moveTree(last, directory)
    await checkOut()
    // the deploy before wrote files of its own there
    await inTree('clean', '-ffdxq')
  } catch {
    await removeTree(directory) // there is no tree before, or it is damaged
    await mkdir(directory, { mode: 0o750 })
    await checkOut()
  }
}
