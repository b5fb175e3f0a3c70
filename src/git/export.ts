import { mkdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { BerthError, messageOf } from '../errors.js'
import { git, must } from './git.js'

/** Where git finds the objects of a push that it has not accepted yet. */
export const quarantineEnv = (repository: string, quarantine: string): Record<string, string> => ({
  GIT_OBJECT_DIRECTORY: quarantine,
  GIT_ALTERNATE_OBJECT_DIRECTORIES: `${repository}/objects`,
})

/**
 * Writes a commit's tree to a directory, as a checkout would: links are links, wherever they lead; submodules are empty
 * directories. Nothing is left when it fails.
 * @throws BerthError `invalid` when it is not a commit, `broken` when it cannot be written
 */
export async function exportTree(
  repository: string,
  commit: string,
  directory: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const index = `${directory}.index`
  await mkdir(dirname(directory), { recursive: true, mode: 0o750 })
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { mode: 0o750 })
  try {
    const [type] = await Promise.all([
      git(repository, ['cat-file', '-t', commit], env),
      must(repository, ['-c', 'core.bare=false', 'read-tree', '--reset', '-u', commit], {
        ...env,
        GIT_WORK_TREE: directory,
        GIT_INDEX_FILE: index,
      }),
    ])
    if (type.stdout !== 'commit')
      throw new BerthError(
        'invalid',
        `a branch can only be at a commit, and this is a ${type.stdout}`,
        'push <name>^{}:main',
      )
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    if (error instanceof BerthError) throw error
    throw new BerthError(
      'broken',
      `the pushed tree could not be written: ${messageOf(error)}`,
      'is the disk full?',
      error,
    )
  } finally {
    await rm(index, { force: true })
  }
}
