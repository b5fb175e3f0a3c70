import { randomUUID } from 'node:crypto'
import { chmod, constants, copyFile, link, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { PushLimits } from '../../config.js'
import { BerthError } from '../../errors.js'
import { readStart } from '../../lib/read-start.js'
import { blocksOf } from '../disk.js'
import { inMebibytes } from '../explain.js'
import { records } from '../git.js'
import { maxPath, maxPointer, shorten, type TreeFacts } from '../tree.js'
import { hasObject, objectFile, type LfsObject } from './objects.js'
import { readPointer } from './pointer.js'

/** Bytes that are read of a `.gitattributes`. */
const maxAttributes = 1024 * 1024

/** A tree that git has written. */
export interface CheckedOut {
  readonly repository: string
  readonly directory: string
  readonly limits: Pick<PushLimits, 'tree'>
}

/** A file of a tree that stands for another. */
interface Pointer extends LfsObject {
  readonly path: string
  readonly executable: boolean
}

/**
 * Puts the files that Git LFS keeps in the places of their pointers. A file is one if it reads like one and git's attributes
 * say that the filter `lfs` is to replace it.
 * @param env names the repository's objects, the tree and its index
 * @throws BerthError `invalid` for those that were not pushed, `large` when they are more than a tree may hold
 */
export async function checkOutObjects(
  tree: CheckedOut,
  facts: TreeFacts,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const { repository, directory, limits } = tree
  if (!(await someFilter(directory, facts.attributes))) return
  const pointers = await findPointers(tree, facts, env)
  const there = await Promise.all(pointers.map((one) => hasObject(repository, one)))
  const absent = pointers.filter((_, index) => !there[index]).map(({ path }) => path)
  if (absent.length > 0)
    throw new BerthError(
      'invalid',
      `${shorten(absent)}: Git LFS keeps these files, and only pointers to them were pushed`,
      'in the repository: git lfs install --local && git lfs push --all berth, then push again (of a submodule, in the submodule, with the URL of this remote; a lfs.url in .lfsconfig sends them elsewhere)',
    )
  const bytes = pointers.reduce((sum, { size }) => sum + blocksOf(size), facts.needs.bytes)
  if (bytes > limits.tree)
    throw new BerthError(
      'large',
      `the pushed files take more than ${inMebibytes(limits.tree)} with those of Git LFS`,
      'keep large files elsewhere, or raise BERTH_PUSH_TREE on the server',
    )
  for (const one of pointers) await replace(objectFile(repository, one.oid), join(directory, one.path), one.executable)
}

async function findPointers(
  { repository, directory }: CheckedOut,
  { small }: TreeFacts,
  env: Readonly<Record<string, string>>,
): Promise<Pointer[]> {
  const found: Pointer[] = []
  const fields: string[] = []
  const args = ['-c', 'core.bare=false', 'check-attr', '-z', '--stdin', 'filter']
  const input = small.map((path) => `${path}\0`).join('')
  for await (const field of records(repository, args, env, 2 * maxPath, input)) {
    if (fields.push(field.toString()) < 3) continue
    const [path = '', , value] = fields.splice(0)
    if (value !== 'lfs') continue
    const { text, executable } = await readStart(join(directory, path), maxPointer)
    const object = readPointer(text)
    if (object) found.push({ path, ...object, executable })
  }
  return found
}

async function someFilter(directory: string, attributes: readonly string[]): Promise<boolean> {
  for (const path of attributes)
    if (/filter=lfs\b/.test((await readStart(join(directory, path), maxAttributes)).text)) return true
  return false
}

/** Nothing writes to a file of a tree but git, which makes a new one: so a link does, and takes no room. */
async function replace(object: string, path: string, executable: boolean): Promise<void> {
  const draft = `${path.slice(0, path.lastIndexOf('/'))}/${randomUUID()}`
  try {
    if (executable) {
      await copyFile(object, draft, constants.COPYFILE_FICLONE)
      await chmod(draft, 0o755)
    } else await link(object, draft)
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}
