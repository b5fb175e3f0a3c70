import { closeSync, constants, openSync } from 'node:fs'
import { mount } from './libc.js'

/** mount(2) copies one page of options. */
const pageLimit = 4000

export interface Overlay {
  /** Bottom first. */
  readonly lowerDirs: readonly string[]
  /** Absent: read-only. */
  readonly upperDir?: string
  readonly workDir?: string
  readonly target: string
}

// overlayfs splits lowerdir at colons and commas split the options
const escape = (path: string): string => path.replace(/[\\:,]/g, '\\$&')

/**
 * Mounts layers as one tree in the engine's own mount namespace.
 * @throws SystemCallError
 */
export function mountOverlay({ lowerDirs, upperDir, workDir, target }: Overlay): void {
  // a read-only overlay needs two layers
  const lowers = lowerDirs.length === 1 && upperDir === undefined ? [...lowerDirs, ...lowerDirs] : [...lowerDirs]
  const options = (paths: readonly string[]) =>
    [
      `lowerdir=${[...paths].reverse().join(':')}`,
      ...(upperDir === undefined ? [] : [`upperdir=${escape(upperDir)}`, `workdir=${escape(workDir ?? '')}`]),
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
