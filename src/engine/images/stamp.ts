import { constants, fstatSync } from 'node:fs'
import { EngineError } from '../errors.js'
import type { FileStat } from '../kernel/at.js'
import { closeDescriptor } from '../kernel/libc.js'
import { open } from './files.js'

/**
 * Differs once a file is another or has changed, as far as its inode tells: by the same fields git's index goes
 * (gitformat-index(5)). A file that changed no longer ago than a file system's clock is coarse may have the same one.
 */
export const stampOf = ({ dev, ino, size, mtimeMs, ctimeMs }: FileStat): string =>
  [dev, ino, size, mtimeMs, ctimeMs].join(' ')

/** Flags of open(2) for a file that may have been swapped: a link is not followed, and a fifo does not hold us up. */
export const noFollow = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** @param path in words for the client */
export const changed = (path: string, cause?: unknown): EngineError =>
  new EngineError('conflict', `"${path}" changed while the image was built: build again`, cause)

/**
 * Works with a file that others may write to or swap, as it was when it was stamped; no link is followed.
 * @throws EngineError `conflict` when it is not that file before or after
 */
export function withUnchanged<T>(path: string, stamp: string, work: (fd: number) => T): T {
  let fd: number
  try {
    fd = open(path, noFollow)
  } catch (error) {
    throw changed(path, error)
  }
  try {
    if (stampOf(fstatSync(fd)) !== stamp) throw changed(path)
    const result = work(fd)
    if (stampOf(fstatSync(fd)) !== stamp) throw changed(path)
    return result
  } finally {
    closeDescriptor(fd)
  }
}
