import { readdirSync, rmdirSync } from 'node:fs'
import { dirname } from 'node:path/posix'
import { Canvas } from '../images/canvas.js'
import { missingPaths, scrub } from '../images/mount-points.js'
import { packLayer } from '../images/pack.js'
import { isOpaque, lstatOr, Tree } from '../images/tree.js'
import { Unpacker } from '../images/unpack.js'
import type { Written } from './changes.js'

/**
 * Copies a container's own layer into an empty directory, as it would arrive in an archive: without what overlayfs
 * keeps for itself and without what was made only to mount on it. Synchronous: for the porter's thread.
 * @throws EngineError `invalid` when it is mostly holes
 */
export function lift({ upper, lowers, mountPoints, target }: Written & { readonly target: string }): void {
  const canvas = new Canvas(target, [])
  const unpacker = new Unpacker(canvas, '/', 'layer')
  for (const chunk of packLayer(upper, true)) unpacker.push(chunk)
  unpacker.end()
  canvas.close()
  const tree = new Tree(lowers)
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
