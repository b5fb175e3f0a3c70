import { isBuild } from '../changes/index.js'
import type { Operation } from '../store/operations.js'
import { isZero, type RefCommand } from './commands.js'
import { git } from './git.js'
import { readRef } from './refs.js'

/** How a push stands to what others have pushed since its pusher last looked. */
export interface Staleness {
  /** True when it would undo what has landed since, without having been forced. */
  readonly stale: boolean
  /** Pending operations that would make it stale, were they to succeed. */
  readonly unless: readonly string[]
}

/**
 * Compares a push with its ref and with the pushes before it. A push that begins a branch, or does not build upon what it
 * replaces, is forced: its pusher means it. @param env where git finds the pushed objects
 */
export async function stalenessOf(
  repository: string,
  command: RefCommand,
  pending: readonly Operation[],
  env: Readonly<Record<string, string>>,
): Promise<Staleness> {
  const current = await readRef(repository, command.ref)
  const moved = current !== null && current !== command.old
  const ahead = pending.filter(isBuild)
  if (!moved && ahead.length === 0) return { stale: false, unless: [] }
  const contains = async (ancestor: string): Promise<boolean> =>
    (await git(repository, ['merge-base', '--is-ancestor', ancestor, command.new], env)).code === 0
  if (isZero(command.old) || !(await contains(command.old))) return { stale: false, unless: [] }
  const unless: string[] = []
  for (const { id, change } of ahead) if (!(await contains(change.commit))) unless.push(id)
  return { stale: moved && !(await contains(current)), unless }
}
