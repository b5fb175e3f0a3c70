import { statfsSync } from 'node:fs'
import { EngineError } from '../errors.js'

/** Bytes kept free for what must always be written: records, exit files, the platform's store, what other containers do. */
const defaultReserve = 512 * 1024 * 1024
/** On a small disk, this part of it. */
const part = 0.1
/** A disk is filled at a gigabyte a second; this often is soon enough. The kernel tells nobody. */
export const lookMs = 50

/** What is free on the disk of a path, and how much of that nobody is to take; bytes. */
export interface DiskSpace {
  readonly free: number
  readonly reserve: number
}

/** @param wanted bytes to keep free, a tenth of the disk at most */
export function roomAt(path: string, wanted = defaultReserve): DiskSpace {
  const { bavail, blocks, bsize } = statfsSync(path)
  return { free: bavail * bsize, reserve: Math.min(wanted, blocks * bsize * part) }
}

/** Calls `onLow` once when only the reserve is left on the disk of `path`, until the signal aborts. */
export function watchSpace(path: string, wanted: number | undefined, signal: AbortSignal, onLow: () => void): void {
  const timer = setInterval(() => {
    const { free, reserve } = roomAt(path, wanted)
    if (free > reserve) return
    clearInterval(timer)
    onLow()
  }, lookMs)
  signal.addEventListener('abort', () => clearInterval(timer))
}

/** A disk, how much of it is kept free for what must always be written, and who else ends the work. */
export interface Reserve {
  /** On the disk. */
  readonly root: string
  /** Bytes; absent: a default, 0: none. */
  readonly diskReserve?: number | undefined
  readonly signal: AbortSignal
}

/**
 * Does work that writes what others send, for as long as more than the reserve is left on the disk.
 * @throws EngineError `full` when it would have taken that
 */
export async function withinReserve<T>(
  { root, diskReserve, signal }: Reserve,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const [low, over] = [new AbortController(), new AbortController()]
  watchSpace(root, diskReserve, over.signal, () => low.abort())
  try {
    return await work(AbortSignal.any([signal, low.signal]))
  } catch (error) {
    if (!low.signal.aborted || signal.aborted) throw error
    const words = 'no space left on device: it was ended before it took the last of the disk from all others'
    throw new EngineError('full', words, error)
  } finally {
    over.abort()
  }
}
