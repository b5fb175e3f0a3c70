import { closeSync, openSync } from 'node:fs'
import { enterNamespace } from './libc.js'

/**
 * Runs `use` in the namespace at `path`. setns(2) moves the calling thread alone, and nothing else runs on it before it
 * is moved back; a socket stays in the namespace it was made in.
 * @throws SystemCallError, ENOENT when there is no such namespace
 */
export function inNamespace<T>(path: string, kind: 'net' | 'ipc' | 'uts', use: () => T): T {
  const there = openSync(path, 'r')
  try {
    const here = openSync(`/proc/thread-self/ns/${kind}`, 'r')
    try {
      enterNamespace(there, 0)
      try {
        return use()
      } finally {
        goBack(here)
      }
    } finally {
      closeSync(here)
    }
  } finally {
    closeSync(there)
  }
}

function goBack(here: number): void {
  try {
    enterNamespace(here, 0)
  } catch {
    // an engine stuck in a container's namespace must not go on
    process.abort()
  }
}
