import { closeSync, openSync } from 'node:fs'
import koffi from 'koffi'
import { SystemCallError } from '../runtime/libc.js'

const setns = koffi.load('libc.so.6').func('int setns(int fd, int type)')
const CLONE_NEWNET = 0x40000000

/** Where a process's network namespace is found. */
export const netnsOf = (pid: number): string => `/proc/${pid}/ns/net`

/**
 * Runs `use` in the network namespace at `path`. setns(2) moves the calling thread alone, and nothing else runs on it
 * before it is moved back; a socket stays in the namespace it was made in.
 * @throws SystemCallError, ENOENT when there is no such namespace
 */
export function inNetns<T>(path: string, use: () => T): T {
  const there = openSync(path, 'r')
  try {
    const here = openSync('/proc/thread-self/ns/net', 'r')
    try {
      if (setns(there, CLONE_NEWNET) !== 0) throw new SystemCallError(`enter ${path}`, koffi.errno())
      try {
        return use()
      } finally {
        // An engine stuck in a container's network must not go on.
        if (setns(here, CLONE_NEWNET) !== 0) process.abort()
      }
    } finally {
      closeSync(here)
    }
  } finally {
    closeSync(there)
  }
}
