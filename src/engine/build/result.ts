import { createHash } from 'node:crypto'
import { architecture, type ImageDocument, type StoredImage } from '../oci/document.js'
import { type CacheRecord, stepMark } from './cache.js'
import type { StageState } from './state.js'

/** The configuration of what was built; that of an earlier image when only its date would differ. */
export function documentOf(
  state: StageState,
  labels: Readonly<Record<string, string>>,
  earlier: readonly StoredImage[],
): ImageDocument {
  const added = Object.entries(labels)
  const history = state.history.concat(
    added.map(([key, value]) => ({ created_by: `LABEL ${key}=${value}`, empty_layer: true })),
  )
  const config = { ...state.config, ...(added.length > 0 ? { Labels: { ...state.config.Labels, ...labels } } : {}) }
  if (config.OnBuild?.length === 0) delete config.OnBuild
  const draft: ImageDocument = {
    created: '',
    ...(state.author === undefined ? {} : { author: state.author }),
    architecture,
    os: 'linux',
    config,
    rootfs: { type: 'layers', diff_ids: state.layers },
    history,
  }
  const print = fingerprint(draft)
  const twin = earlier.find(({ document }) => fingerprint(document) === print)
  if (twin) return twin.document
  const created = new Date().toISOString()
  return { ...draft, created, history: history.map((entry) => ({ created, ...entry })) }
}

/** The steps that made an image, by key. */
export function stepsOf({ history, rootfs, created }: ImageDocument): [string, CacheRecord][] {
  let next = 0
  return history.flatMap(
    ({ comment = '', created: at = created, created_by, empty_layer }): [string, CacheRecord][] => {
      const layer = empty_layer ? undefined : rootfs.diff_ids[next++]
      if (layer === undefined || !comment.startsWith(stepMark(''))) return []
      return [[comment.slice(stepMark('').length), { layer, created: at, description: created_by ?? '' }]]
    },
  )
}

/** Everything of a configuration but its dates. */
function fingerprint(document: ImageDocument): string {
  const history = document.history.map(({ created_by, empty_layer }) => [created_by, empty_layer ?? false])
  const { config, rootfs, author } = document
  return createHash('sha256')
    .update(JSON.stringify([config, rootfs.diff_ids, history, author]))
    .digest('hex')
}
