import { EngineError } from '../errors.js'
import { isTooDeep, wrongInHistory, wrongSetting } from './settings.js'
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
  /** Of the architecture: `v8`. */
  readonly variant?: string
  readonly os: string
  readonly config: ImageConfig
  /** Docker's, of a committed image: the container, its configuration, and the image it was made from. */
  readonly container?: string
  readonly container_config?: object
  readonly parent?: Digest
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

/** What Docker says of an image that has no date. */
const undated = '0001-01-01T00:00:00Z'

/** More layers than overlayfs can stack, as Docker counts them. */
const mostLayers = 125

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Reads an image configuration from elsewhere; what it may leave out is filled in.
 * @throws EngineError `invalid` when it is no image configuration
 */
export function readDocument(bytes: Buffer): ImageDocument {
  const bad = (why: string) => new EngineError('invalid', `invalid image configuration: ${why}`)
  let value: unknown
  try {
    value = JSON.parse(bytes.toString())
  } catch (error) {
    throw new EngineError('invalid', 'invalid image configuration: it is not JSON', error)
  }
  if (!isObject(value)) throw bad('it is not an object')
  if (isTooDeep(value)) throw bad('it is nested too deeply')
  const { created, architecture = '', os = 'linux', config, rootfs, history, author } = value
  if (!isObject(rootfs) || !Array.isArray(rootfs.diff_ids)) throw bad('it has no rootfs.diff_ids')
  const diffIds = rootfs.diff_ids as unknown[]
  if (!diffIds.every((diffId) => typeof diffId === 'string' && /^sha256:[0-9a-f]{64}$/.test(diffId)))
    throw bad('a diff id is not a sha256 digest')
  if (diffIds.length > mostLayers) throw bad(`max depth exceeded: ${diffIds.length} layers`)
  if (typeof architecture !== 'string' || typeof os !== 'string') throw bad('architecture or os is not a string')
  if (![config, history].every((part) => part === undefined || part === null || typeof part === 'object'))
    throw bad('config or history is malformed')
  const lines = Array.isArray(history) ? history.filter(isObject) : []
  const wrong = isObject(config) ? wrongSetting(config) : undefined
  if (wrong !== undefined) throw bad(`config.${wrong} is malformed`)
  for (const line of lines) {
    const inLine = wrongInHistory(line)
    if (inLine !== undefined) throw bad(`${inLine} in its history is malformed`)
  }
  return {
    ...(value as object),
    created: typeof created === 'string' && !Number.isNaN(Date.parse(created)) ? created : undated,
    ...(typeof author === 'string' ? { author } : {}),
    architecture,
    os,
    config: isObject(config) ? config : {},
    rootfs: { type: 'layers', diff_ids: diffIds as Digest[] },
    history: lines,
  }
}

/** What older clients are told of where an image came from; docker-compose 1.29 reads an image's volumes there. */
export function originOf({ container, container_config, config }: ImageDocument): {
  readonly container: string
  readonly config: object
} {
  return {
    container: typeof container === 'string' ? container : '',
    config: isObject(container_config) ? container_config : config,
  }
}

/** Bytes of each file of history, in order: `empty_layer` lines have none. */
export function historySizes(document: ImageDocument, sizeOf: (diffId: Digest) => number): number[] {
  let next = 0
  return document.history.map((entry) => {
    const diffId = entry.empty_layer ? undefined : document.rootfs.diff_ids[next++]
    return diffId === undefined ? 0 : sizeOf(diffId)
  })
}
