import { createHash } from 'node:crypto'
import { EngineError } from '../errors.js'
import type { Digest } from '../records.js'
import { Batches } from './flow.js'
import { layerArchive, type LayerSource } from './press.js'
import { answers } from './thread.js'

/** What is said to a thread that reads layers. */
export type LayerOrder =
  { readonly kind: 'layer'; readonly source: LayerSource; readonly diffId: Digest } | { readonly kind: 'next' }

let batches: Batches | undefined

function* checked(source: LayerSource, diffId: Digest): Generator<Buffer> {
  const hash = createHash('sha256')
  for (const chunk of layerArchive(source)) {
    hash.update(chunk)
    yield chunk
  }
  const actual = `sha256:${hash.digest('hex')}`
  if (actual !== diffId) throw new EngineError('broken', `layer ${diffId} is damaged: its archive is ${actual}`)
}

answers<LayerOrder>((order) => {
  if (order.kind === 'next') return batches?.next()
  batches = new Batches(checked(order.source, order.diffId))
  return undefined
})
