import type { Digest, Image, ImageConfig } from '../records.js'

/** One line of an image's history, image-spec v1.1 config.md. */
export interface HistoryEntry {
  /** RFC 3339 */
  readonly created?: string
  readonly created_by?: string
  readonly comment?: string
  readonly author?: string
  readonly empty_layer?: boolean
}

/** An image configuration as image-spec v1.1 config.md has it; an image's id is the SHA-256 of its bytes. */
export interface ImageDocument {
  /** RFC 3339 */
  readonly created: string
  readonly author?: string
  readonly architecture: string
  readonly os: string
  readonly config: ImageConfig
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly Digest[] }
  readonly history: readonly HistoryEntry[]
}

/** An image with everything that is stored of it. */
export interface StoredImage extends Image {
  readonly document: ImageDocument
}

/** Node's word for the machine in Go's words, which images use. */
export const architecture: string =
  ({ x64: 'amd64', ia32: '386', arm: 'arm' } as Partial<Record<string, string>>)[process.arch] ?? process.arch

/** Bytes of each file of history, in order: `empty_layer` lines have none. */
export function historySizes(document: ImageDocument, sizeOf: (diffId: Digest) => number): number[] {
  let next = 0
  return document.history.map((entry) => {
    const diffId = entry.empty_layer ? undefined : document.rootfs.diff_ids[next++]
    return diffId === undefined ? 0 : sizeOf(diffId)
  })
}
