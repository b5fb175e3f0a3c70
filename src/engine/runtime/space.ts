import { statfsSync } from 'node:fs'

/** Bytes kept free for what must always be written: records, exit files, the platform's store. */
const reserve = 512 * 1024 * 1024
/** On a small disk, this part of it. */
const part = 0.1
/** A disk is filled at a gigabyte a second; this often is soon enough. The kernel tells nobody. */
const intervalMs = 50

/** Calls `onLow` once when the disk of `path` runs low, until the signal aborts. */
export function watchSpace(path: string, signal: AbortSignal, onLow: () => void): void {
  const timer = setInterval(() => {
    const { bavail, blocks, bsize } = statfsSync(path)
    if (bavail * bsize > Math.min(reserve, blocks * bsize * part)) return
    clearInterval(timer)
    onLow()
  }, intervalMs)
  signal.addEventListener('abort', () => clearInterval(timer))
}
