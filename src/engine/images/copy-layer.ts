import { readdirSync, rmdirSync } from 'node:fs'
import { dirname } from 'node:path/posix'
import { copyTree } from './copy-tree.js'
import { missingPaths, scrub } from './mount-points.js'
import { isOpaque, lstatOr, LayerTree } from './tree.js'
import type { Written } from './changes.js'

/** Overlayfs's own bookkeeping stays behind, but for what hides a directory below. */
const knownBlobs = (name: string): boolean => overlays.has(name) || name.startsWith('user.')
const overlays = new Set([
  'security.capability',
  'trusted.overlay.opaque',
  // these are refused when the layer is packed
  'trusted.overlay.redirect',
  'trusted.overlay.metacopy',
])

/**
 * Copies a container's own layer into an empty directory, as it would arrive in an archive: without what overlayfs
 * keeps for itself and without what was made only to mount on it. Synchronous: for a worker thread.
 */
export function copyLayer({ upper, lowers, mountPoints, target }: Written & { readonly target: string }): void {
  copyTree({ from: upper, to: target, keeps: knownBlobs, asArchive: true })
  const tree = new LayerTree(lowers)
  const missing = missingPaths(tree, mountPoints)
  scrub(target, missing)
  // a directory that came up only because something was made in it
  for (const path of new Set(missing.map((point) => dirname(point)))) {
    const [own, below] = [lstatOr(target + path), tree.at(path)?.stat]
    if (path === '/' || !own?.isDirectory() || !below?.isDirectory() || isOpaque(target + path)) continue
    const same = own.mode === below.mode && own.uid === below.uid && own.gid === below.gid
    if (same && readdirSync(target + path).length === 0) rmdirSync(target + path)
  }
}
