import { createHash } from 'node:crypto'
import { type ContextTask, prepareContext } from './prepare-context.js'
import { type FileChange, changesOf, type Written } from './changes.js'
import { copyLayer } from './copy-layer.js'
import { lookUpOwner } from './account.js'
import { LayerWriter } from './layer-writer.js'
import { type Archive, copyFiles, type CopyTask, digestSources } from './copy-files.js'
import { copyOver, type CopyOverTask } from './copy-over.js'
import { copyTree } from './copy-tree.js'
import { type IndexEntry, writeIndexFile } from './index-file.js'
import { type LayerSum, sumLayer } from './pack.js'
import { layerLength, type LayerSource, compressLayer, type CompressTask, type CompressedLayer } from './compress.js'
import { missingPaths, scrub } from './mount-points.js'
import { Recorder } from './tar-recipe.js'
import { type FileSelection, treeOf } from './selection.js'
import { scan } from './scan.js'
import { type Verify, verifyLayer } from './verify.js'
import { componentsOf, LayerTree } from './tree.js'
import { removeIfPossible } from '../system/remove.js'
import { diskUsageOf, type DiskUsage } from './disk-usage.js'
import { type UnpackAs, Unpacker } from './unpack.js'

/** Where an archive that is streamed to a worker thread goes. */
export interface Unpack {
  readonly upper: string
  readonly lowers: readonly string[]
  readonly base: string
  readonly as: UnpackAs
  /** Directories (`/usr/share/doc`) of the archive to leave out. */
  readonly without?: readonly string[]
  /** Where to write how the archive can be made again, for a layer whose diff id must stay what it is. */
  readonly recipe?: string
  /** Where to write what a context holds; see `writeInventory`. */
  readonly indexFile?: string
}

/** What a worker thread does in one go: long, synchronous, off the main thread. */
export const jobs = {
  sum: (directory: string): LayerSum => sumLayer(directory),
  compress: (task: CompressTask): Promise<CompressedLayer> => compressLayer(task),
  verify: (task: Verify): string[] => verifyLayer(task),
  length: (source: LayerSource): number => layerLength(source),
  digest: (sources: FileSelection): string => digestSources(sources),
  copyFiles: (task: CopyTask): readonly Archive[] => copyFiles(task),
  copyOver: (task: CopyOverTask): boolean => copyOver(task),
  /** Canonical path and kind of what is at a path of a stack. */
  look: (task: {
    layers: readonly string[]
    known?: string
    path: string
  }): { path: string; kind: 'directory' | 'other' | 'nothing' } => {
    const { path, entry } = treeOf(task).resolve(task.path)
    return { path, kind: entry ? (entry.stat.isDirectory() ? 'directory' : 'other') : 'nothing' }
  },
  /** What a directory holds, as if it had come as a context. */
  scan: (directory: string): readonly IndexEntry[] => [...scan(directory).values()],
  /** Makes a directory a build context, and answers with its Dockerfile. */
  context: (task: ContextTask): ReturnType<typeof prepareContext> => prepareContext(task),
  /** Kind, owner and mode of every directory that leads to a path, as they are in the stack, no link followed. */
  ancestry: (task: { layers: readonly string[]; path: string }): readonly string[] => {
    const tree = task.layers.length > 0 ? new LayerTree(task.layers) : undefined
    return componentsOf(task.path).map((_, index, names) => {
      const stat = tree?.at(`/${names.slice(0, index + 1).join('/')}`)?.stat
      return stat?.isDirectory() ? `${String(stat.mode)} ${String(stat.uid)} ${String(stat.gid)}` : 'none'
    })
  },
  /** Canonical paths, parents first, that mounting at `paths` would have to make in a stack of layers. */
  missing: (task: { layers: readonly string[]; paths: readonly string[] }): readonly string[] =>
    missingPaths(new LayerTree(task.layers), task.paths),
  /** Removes what a runtime made only to mount something on it: empty files and directories. */
  scrub: (task: { upper: string; paths: readonly string[] }): void => scrub(task.upper, task.paths),
  /** Removes a tree that nobody needs any more. */
  remove: (path: string): Promise<void> => removeIfPossible(path, 'a layer that is gone'),
  diskUsage: (directory: string): DiskUsage => diskUsageOf(directory),
  /** What a container's own layer changes. */
  changes: (written: Written): readonly FileChange[] => changesOf(written),
  /** Copies a directory with all that is in it. */
  copyTree: (task: { readonly from: string; readonly to: string }): void => copyTree(task),
  /** Copies a container's own layer. */
  copyLayer: (task: Written & { readonly target: string }): void => copyLayer(task),
  /** Makes a directory over a stack, as WORKDIR does: it is the user's, and of today. */
  mkdir: (task: { lowers: readonly string[]; upper: string; path: string; user: string }): void => {
    const layerWriter = new LayerWriter(task.upper, task.lowers)
    const tree = task.lowers.length > 0 ? new LayerTree(task.lowers) : undefined
    const owner = task.user === '' ? { uid: 0, gid: 0 } : lookUpOwner(tree, task.user)
    layerWriter.directory(task.path, { mode: 0o755, ...owner, mtime: Math.floor(Date.now() / 1000) })
    layerWriter.close()
  },
}

export type Jobs = typeof jobs

/** Begins to unpack a streamed archive. */
export function beginUnpack(task: Unpack): { push(chunk: Buffer): void; end(): LayerSum | undefined; abort(): void } {
  const layerWriter = new LayerWriter(task.upper, task.lowers)
  const without = task.without ?? []
  const skip = (path: string) => without.some((left) => path.startsWith(`${left}/`))
  const recorder = task.recipe === undefined ? undefined : new Recorder()
  const hash = recorder && createHash('sha256')
  const unpacker = new Unpacker(layerWriter, task.base, task.as, skip, recorder)
  return {
    push: (chunk) => {
      hash?.update(chunk)
      unpacker.push(chunk)
    },
    end: () => {
      unpacker.end()
      layerWriter.close()
      if (task.recipe !== undefined) recorder?.save(task.upper, task.recipe)
      if (task.indexFile !== undefined) writeIndexFile(task.indexFile, unpacker.fileIndex)
      return (
        hash && {
          diffId: `sha256:${hash.digest('hex')}`,
          size: recorder.size,
          hasPrivilegedFiles: unpacker.hasPrivilegedFiles,
        }
      )
    },
    abort: () => unpacker.abort(),
  }
}
