import { createHash } from 'node:crypto'
import { EngineError } from '../errors.js'
import type { Digest } from '../records.js'
import { Batches } from '../workers/flow.js'
import { layerArchive, type LayerSource } from './compress.js'
import { handleMessages } from '../kernel/thread.js'

/** What is said to a thread that reads layers. */
export type LayerMessage =
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

handleMessages<LayerMessage>((message) => {
  if (message.kind === 'next') return batches?.next()
  batches = new Batches(checked(message.source, message.diffId))
  return undefined
})
