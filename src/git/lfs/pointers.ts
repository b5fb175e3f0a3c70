import { join } from 'node:path'
import type { PushLimits } from '../../config.js'
import { BerthError } from '../../errors.js'
import { blocksOf } from '../disk.js'
import { inMebibytes } from '../explain.js'
import { git, must, records } from '../git.js'
import { maxPath, readTree } from '../tree.js'
import type { LfsObject } from './objects.js'
import { readPointer } from './pointer.js'

/** A file of a commit that stands for another. */
export interface CommittedPointer extends LfsObject {
  readonly path: string
}

/**
 * The files that a commit gives to Git LFS, without writing any of it.
 * @param repository one of its own, whose index nobody uses
 * @throws BerthError `large` for more than a push may bring
 */
export async function pointersOf(
  repository: string,
  commit: string,
  env: Readonly<Record<string, string>>,
  limits: Pick<PushLimits, 'files' | 'tree'>,
): Promise<CommittedPointer[]> {
  const facts = await readTree(repository, commit, env, limits)
  if (facts.attributes.length === 0) return []
  const anywhere = ['grep', '-q', '-e', 'filter=lfs', commit, '--', ':(glob)**/.gitattributes']
  if ((await git(repository, anywhere, env)).code !== 0) return []
  const around = { ...env, GIT_INDEX_FILE: join(repository, 'berth-lfs-index') }
  await must(repository, ['read-tree', commit], around)
  const paths = await filtered(repository, facts.small, around)
  const found = await contentsOf(repository, paths, around)
  const bytes = found.reduce((sum, { size }) => sum + blocksOf(size), facts.needs.bytes)
  if (bytes <= limits.tree) return found
  throw new BerthError(
    'large',
    `its files take more than ${inMebibytes(limits.tree)} with those of Git LFS`,
    'keep large files elsewhere, or raise BERTH_PUSH_TREE on the server',
  )
}

async function filtered(
  repository: string,
  small: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Set<string>> {
  const paths = new Set<string>()
  const fields: string[] = []
  const args = ['-c', 'core.bare=false', 'check-attr', '--cached', '-z', '--stdin', 'filter']
  for await (const field of records(repository, args, env, 2 * maxPath, small.map((path) => `${path}\0`).join(''))) {
    if (fields.push(field.toString()) < 3) continue
    const [path = '', , value] = fields.splice(0)
    if (value === 'lfs') paths.add(path)
  }
  return paths
}

async function contentsOf(
  repository: string,
  paths: ReadonlySet<string>,
  env: Readonly<Record<string, string>>,
): Promise<CommittedPointer[]> {
  const blobs: (readonly [path: string, blob: string])[] = []
  for await (const record of records(repository, ['ls-files', '--stage', '-z'], env, maxPath + 200)) {
    const [, blob = '', path = ''] = /^\d+ ([0-9a-f]+) \d\t([^]*)$/.exec(record.toString()) ?? []
    if (paths.has(path)) blobs.push([path, blob])
  }
  if (blobs.length === 0) return []
  const asked = blobs.map(([, blob]) => `${blob}\n`).join('')
  const { stdout } = await git(repository, ['cat-file', '--batch'], env, asked)
  const found: CommittedPointer[] = []
  let at = 0
  for (const [index, [path, blob]] of blobs.entries()) {
    // its length in bytes says nothing of a text that is not UTF-8: what is next says where it ends
    const begins = stdout.indexOf('\n', stdout.indexOf(`${blob} blob `, at)) + 1
    const [, next] = blobs[index + 1] ?? []
    const ends = next === undefined ? -1 : stdout.indexOf(`\n${next} blob `, begins)
    const object = readPointer(ends < 0 ? `${stdout.slice(begins)}\n` : stdout.slice(begins, ends))
    if (object) found.push({ path, ...object })
    at = ends < 0 ? stdout.length : ends + 1
  }
  return found
}
