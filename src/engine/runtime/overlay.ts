import { closeSync, constants, openSync } from 'node:fs'
import { mount } from '../kernel/libc.js'

/** mount(2) copies one page of options. */
const pageLimit = 4000

export interface Overlay {
  /** Bottom first; the same layer may come more than once, as those of steps that changed nothing do. */
  readonly lowerDirs: readonly string[]
  /** Absent: read-only, which takes two layers. */
  readonly upperDir?: string
  readonly workDir?: string
  /**
   * fsync(2) does nothing there: for files that a power cut may take anyway, as those of a build step until its layer is
   * settled (Documentation/filesystems/overlayfs.rst, "Volatile mount").
   */
  readonly volatile?: boolean
  readonly target: string
}

// overlayfs splits lowerdir at colons and commas split the options
const escape = (path: string): string => path.replace(/[\\:,]/g, '\\$&')

/** overlayfs refuses a directory that is there twice (ELOOP); all of its lower places is hidden by the topmost. */
const distinct = (paths: readonly string[]): string[] => [...new Set([...paths].reverse())].reverse()

/**
 * Mounts layers as one tree in the engine's own mount namespace.
 * @throws SystemCallError
 */
export function mountOverlay({ lowerDirs, upperDir, workDir, volatile = false, target }: Overlay): void {
  const lowers = distinct(lowerDirs)
  const options = (paths: readonly string[]) =>
    [
      `lowerdir=${[...paths].reverse().join(':')}`,
      ...(upperDir === undefined ? [] : [`upperdir=${escape(upperDir)}`, `workdir=${escape(workDir ?? '')}`]),
      ...(volatile ? ['volatile'] : []),
    ].join(',')
  const plain = options(lowers.map(escape))
  if (plain.length < pageLimit) {
    mount('overlay', target, 'overlay', 0, plain)
    return
  }
  const fds: number[] = []
  try {
    for (const path of lowers) fds.push(openSync(path, constants.O_RDONLY | constants.O_DIRECTORY))
    mount('overlay', target, 'overlay', 0, options(fds.map((fd) => `/proc/self/fd/${String(fd)}`)))
  } finally {
    for (const fd of fds) closeSync(fd)
  }
}
