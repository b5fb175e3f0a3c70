import { EngineError } from '../errors.js'
import { baseImage, bootstrapBase, type Progress } from './bootstrap.js'
import type { StoredImage } from './document.js'
import { familiar, familiarName, parseReference } from './reference.js'
import type { ImageStore } from './store.js'

/**
 * Brings an image into the store. Only the base image can be had: it is made on the spot.
 * @throws EngineError `missing` for any other
 */
export async function pullImage(
  store: ImageStore,
  cache: string,
  name: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<StoredImage> {
  const reference = parseReference(name)
  if (familiar(reference) !== baseImage.name)
    throw new EngineError(
      'missing',
      `pull access denied for ${familiarName(reference)}, repository does not exist or may require 'docker login': ` +
        `this engine has no registry client yet; it can make ${baseImage.name}, and build or load any other image`,
    )
  const present = store.tags.get(reference)
  if (present !== undefined) return store.get(present)
  return bootstrapBase(store, cache, progress, signal)
}
