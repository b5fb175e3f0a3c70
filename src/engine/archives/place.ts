import { closeSync, constants, mkdirSync, openSync, statSync } from 'node:fs'
import { basename, dirname } from 'node:path/posix'
import {
  changeRoot,
  changeRootToBareCopy,
  closeDescriptor,
  CLONE_FS,
  CLONE_NEWNS,
  createFilesAs,
  enterNamespace,
  mount,
  MS,
  openInRoot,
  unshare,
} from '../kernel/libc.js'
import type { IdRange } from '../system/id-map.js'
import { mountOverlay, type Overlay } from '../runtime/overlay.js'
import { openDirectory } from '../runtime/rootfs.js'

/** Something of the host that is seen at a path of a container. */
export interface Fixture {
  readonly source: string
  readonly target: string
  readonly writable: boolean
}

/** Where a container's files are found. */
export type ArchivePlace =
  /**
   * In the mount namespace `namespace` is a descriptor of; `bare`: without what is mounted on its root. `range` has the ids
   * of its user namespace, absent: the host's.
   */
  | { readonly kind: 'running'; readonly namespace: number; readonly bare: boolean; readonly range?: IdRange }
  /** An overlay without an upper directory is given one that is thrown away: the container may start meanwhile. */
  | { readonly kind: 'resting'; readonly overlay: Overlay; readonly fixtures: readonly Fixture[] }

/**
 * Makes a container's root this thread's own root, in a mount namespace that ends with the thread. From here on every
 * path and every link is what a process in the container would find: nothing leads out of it. The thread must use
 * synchronous calls only, for the others are made on threads that stay outside.
 */
export function enter(place: ArchivePlace): void {
  if (place.kind === 'running') {
    unshare(CLONE_FS)
    enterNamespace(place.namespace, CLONE_NEWNS)
    if (place.bare) changeRootToBareCopy('/')
    // a file system of the container's own takes files from nobody else
    if (place.range) createFilesAs(place.range.first)
    return
  }
  unshare(CLONE_NEWNS)
  mount('', '/', '', MS.rec | MS.private, '')
  const root = place.overlay.target
  mountOverlay(place.overlay.upperDir === undefined ? overScratch(place.overlay) : place.overlay)
  for (const fixture of place.fixtures) install(root, fixture)
  changeRoot(root)
}

/** On a tmpfs that the overlay itself covers. */
function overScratch(overlay: Overlay): Overlay {
  const [upperDir, workDir] = [`${overlay.target}/upper`, `${overlay.target}/work`]
  mount('tmpfs', overlay.target, 'tmpfs', 0, 'mode=700')
  mkdirSync(upperDir, { mode: 0o755 })
  mkdirSync(workDir, { mode: 0o700 })
  return { ...overlay, upperDir, workDir }
}

function install(root: string, { source, target, writable }: Fixture): void {
  const isDirectory = statSync(source).isDirectory()
  const over = (use: (path: string) => void): void => {
    const fd = isDirectory ? openDirectory(root, target) : openFile(root, target)
    try {
      use(`/proc/self/fd/${String(fd)}`)
    } finally {
      closeDescriptor(fd)
    }
  }
  over((path) => mount(source, path, '', MS.bind | MS.rec, ''))
  if (!writable) over((path) => mount('', path, '', MS.bind | MS.remount | MS.rdonly, ''))
}

/** Opens a file of a root file system, making it when it is missing. No symlink leads out. The caller closes it. */
function openFile(root: string, path: string): number {
  const parent = openDirectory(root, dirname(path))
  const top = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    try {
      closeSync(openSync(`/proc/self/fd/${String(parent)}/${basename(path)}`, 'wx', 0o644))
    } catch {
      // it is there
    }
    return openInRoot(top, path, constants.O_RDONLY | constants.O_NONBLOCK)
  } finally {
    closeDescriptor(parent)
    closeSync(top)
  }
}
