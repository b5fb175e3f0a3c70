import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { PushLimits } from '../config.js'
import { BerthError, messageOf } from '../errors.js'
import { indexOf, moveTree, removeSourceTree, treeIdOf } from '../builds/files.js'
import { bootId } from '../lib/boot.js'
import { readIfThere } from '../lib/missing.js'
import type { Disk } from './disk.js'
import { git, must } from './git.js'
import { checkOutObjects } from './lfs/checkout.js'
import { readTree, type TreeFacts } from './tree.js'

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
  readonly limits: PushLimits
  readonly disk: Disk
}

/**
 * Looks at what is to be exported, before any of it is written.
 * @throws BerthError `invalid` when it is not a commit, `large` past a limit
 */
export async function readCommit({ repository, commit, env, limits }: Export): Promise<TreeFacts> {
  try {
    return await readTree(repository, commit, env, limits)
  } catch (error) {
    await checkCommit(repository, commit, env)
    throw error instanceof BerthError ? error : broken(error)
  }
}

/**
 * @throws BerthError `invalid` for what is not a commit. git does not say so before it moves a branch (tags have trees, too), but
 * then it refuses: who is refused is told the reason by this.
 */
export async function checkCommit(
  repository: string,
  commit: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const { stdout } = await git(repository, ['cat-file', '-t', commit], env)
  if (stdout === 'commit') return
  throw new BerthError(
    'invalid',
    `a branch can only be at a commit, and this is ${stdout === '' ? 'not in the push' : `a ${stdout}`}`,
    'push <name>^{}:main',
  )
}

/**
 * Writes a commit's tree to a directory: every file byte for byte as it was committed, links as links, wherever they lead.
 * Nothing is left when it fails.
 * @throws BerthError `invalid` when it holds what was not pushed (Git LFS), `large` when there is no room, `broken` when it cannot
 * be written
 */
export async function exportTree(tree: Export, facts: TreeFacts): Promise<void> {
  const { directory, disk } = tree
  try {
    await mkdir(dirname(directory), { recursive: true, mode: 0o750 })
    await removeSourceTree(directory)
    await disk.withRoom(facts.needs, () => write(tree, facts))
    await checkOutObjects(tree, facts, around(tree))
  } catch (error) {
    await removeSourceTree(directory)
    throw error instanceof BerthError ? error : broken(error)
  }
}

const broken = (error: unknown): BerthError =>
  new BerthError(
    'broken',
    `the pushed tree could not be written: ${messageOf(error)}`,
    /no space left|ENOSPC/i.test(messageOf(error))
      ? "the server's disk is full: free space on it, then push again"
      : 'push again; if that fails too, `git fsck` in your repository may say why',
    error,
  )

const around = ({ directory, env }: Export): Record<string, string> => ({
  ...env,
  GIT_WORK_TREE: directory,
  GIT_INDEX_FILE: indexOf(directory),
})

async function write(tree: Export, { id, needs }: TreeFacts): Promise<void> {
  const { repository, commit, directory, last } = tree
  const inTree = (...args: string[]): Promise<string> =>
    must(repository, ['-c', 'core.bare=false', ...args], around(tree))
  const checkOut = (): Promise<string> => inTree('read-tree', '--reset', '-u', commit)
  // what a power cut leaves of files is not all that was written to them
  const mark = `${id} ${bootId()}\n`
  /** Holds nothing more, if it holds all of the tree. */
  const isClean = async (): Promise<boolean> => (await entriesOf(directory, needs.files)) === needs.files
  try {
    await moveTree(last, directory)
    if ((await readIfThere(treeIdOf(directory))) === mark && (await isClean())) return
    await rm(treeIdOf(directory), { force: true })
    await checkOut()
    // the operation before wrote files of its own there, and was ended before it took them away
    if (!(await isClean())) await inTree('clean', '-ffdxq')
  } catch {
    await removeSourceTree(directory) // there is no tree before, or it is damaged
    await mkdir(directory, { mode: 0o750 })
    await checkOut()
  }
  await writeFile(treeIdOf(directory), mark)
}

/** How many files and directories there are below a directory; more than `most` are not counted. */
async function entriesOf(directory: string, most: number): Promise<number> {
  const left = [directory]
  let count = 0
  for (let next = left.pop(); next !== undefined && count <= most; next = left.pop()) {
    const entries = await readdir(next, { withFileTypes: true })
    count += entries.length
    for (const entry of entries) if (entry.isDirectory()) left.push(join(next, entry.name))
  }
  return count
}
