import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { tryFlock } from '../kernel/file-calls.js'
import { codeOf, EngineError } from '../errors.js'

const pathOf = (root: string): string => join(root, 'engine.lock')

/** A daemon that was just killed holds its files until its last thread has left the kernel. */
const patienceMs = 5_000

/**
 * Makes this process the only engine of a root directory, until it ends, however it ends: a second one would sweep away
 * what the first is making, and take its containers for orphans.
 * @throws EngineError `conflict` when another has it
 */
export async function lockRoot(root: string): Promise<void> {
  const fd = openSync(pathOf(root), 'a', 0o600)
  for (const deadline = Date.now() + patienceMs; !tryFlock(fd, 'exclusive');) {
    if (Date.now() > deadline) {
      closeSync(fd)
      throw new EngineError('conflict', `another engine runs with ${root}: stop it, or give this one another --root`)
    }
    await sleep(20)
  }
}

/** Whether an engine runs with a root directory. Keeps none from starting. */
export function isLocked(root: string): boolean {
  let fd: number
  try {
    fd = openSync(pathOf(root), 'r')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
  try {
    return !tryFlock(fd, 'shared')
  } finally {
    closeSync(fd)
  }
}
