import type { Readable } from 'node:stream'
import type { ImageConfig } from '../records.js'
import { autoDecompress } from '../oci/compression.js'
import { architecture, type StoredImage } from '../oci/document.js'
import type { ImageStore } from './store.js'

/** How an imported root file system is described. */
export interface ImportAs {
  readonly names: readonly string[]
  readonly config: ImageConfig
  /** RFC 3339 */
  readonly created: string
  readonly createdBy: string
  readonly comment: string
  /** This machine's when absent. */
  readonly architecture?: string
  /** Directories whose content is left out. */
  readonly without?: readonly string[]
}

/** Makes an image of one layer from a root file system archive, compressed or not. @throws EngineError `invalid` */
export async function importImage(
  store: ImageStore,
  archive: Readable,
  as: ImportAs,
  signal?: AbortSignal,
): Promise<StoredImage> {
  await using stage = await store.layers.draft()
  const task = { upper: stage.upper, lowers: [], base: '/', as: 'layer' as const, without: as.without ?? [] }
  await store.pool.unpack(task, await autoDecompress(archive), signal)
  const { diffId } = await store.layers.commit(stage)
  try {
    return await store.create(
      {
        created: as.created,
        architecture: as.architecture ?? architecture,
        os: 'linux',
        config: as.config,
        rootfs: { type: 'layers', diff_ids: [diffId] },
        history: [{ created: as.created, created_by: as.createdBy, comment: as.comment }],
      },
      as.names,
    )
  } finally {
    store.layers.release(diffId)
  }
}
