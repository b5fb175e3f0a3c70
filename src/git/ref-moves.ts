import { rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BerthError, is, messageOf } from '../errors.js'
import type { Operation } from '../store/operations.js'
import type { RefCommand } from './commands.js'
import { checkCommit } from './export.js'
import { orMissing, readIfThere } from '../lib/missing.js'
import { adoptObjects, readMoves, writeMoves, type Push } from './pushes.js'
import { moveRef, readRef, tryRef } from './refs.js'

/** Room on the disk to move a ref in, when there is no other: given back when it is needed. Bytes. */
const spareBytes = 64 * 1024
const spareOf = (repository: string): string => join(repository, 'berth', 'spare')
const isFull = (error: unknown): boolean => /no space left|ENOSPC|couldn't write/i.test(messageOf(error))

/**
 * Makes sure that the ref of a push can be moved once it is deployed: what is live and what git says must not part.
 * @param env where git finds the pushed objects
 * @throws BerthError `conflict` when it cannot, `invalid` for what is not a commit
 */
export async function prepareMove(
  repository: string,
  { ref, new: commit }: RefCommand,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  try {
    const spare = await stat(spareOf(repository)).catch(orMissing(null))
    if (spare?.size !== spareBytes) await writeFile(spareOf(repository), Buffer.alloc(spareBytes, '.'))
    if (await tryRef(repository, ref, commit, env)) await checkCommit(repository, commit, env)
  } catch (error) {
    if (/non-commit object/.test(messageOf(error))) await checkCommit(repository, commit, env)
    if (is(error, 'invalid')) throw error
    throw new BerthError(
      'conflict',
      `${ref.replace('refs/heads/', '')} cannot be moved to the pushed commit: ${messageOf(error)}`,
      isFull(error) ? "the server's disk is full: free space on it, then push again" : 'push again in a moment',
      error,
    )
  }
}

/**
 * Moves a ref to the commit of a push whose operation succeeded, unless a later one has moved it on. Safe to repeat, and
 * the same whether receive-pack lives, has brought the objects in, or was killed. The caller serialises an app's.
 */
export async function moveToPush(repository: string, push: Push, operation: Operation): Promise<void> {
  try {
    await tryMove(repository, push, operation)
  } catch (error) {
    if (!isFull(error)) throw error
    await rm(spareOf(repository), { force: true })
    await tryMove(repository, push, operation)
  }
}

async function tryMove(repository: string, push: Push, operation: Operation): Promise<void> {
  const { ref, new: commit } = push.command
  const moves = await readMoves(repository)
  const { finishedAt: at, release: made, unchanged = 0 } = operation
  const release = made ?? unchanged
  const last = moves[ref]
  if (last && (last.release > release || (last.at ?? '') > (at ?? ''))) return
  if ((await readRef(repository, ref)) !== commit) {
    await adoptObjects(repository, push.id)
    await moveRef(repository, ref, commit)
    await pointHead(repository, ref)
  }
  if (last?.release !== release || last.commit !== commit)
    await writeMoves(repository, { ...moves, [ref]: { release, commit, ...(at && { at }) } })
}

/** A clone checks out what was deployed last. */
async function pointHead(repository: string, ref: string): Promise<void> {
  const head = `ref: ${ref}\n`
  const file = join(repository, 'HEAD')
  if ((await readIfThere(file)) === head) return
  await writeFile(`${file}.new`, head)
  await rename(`${file}.new`, file)
}
