import { EngineError } from '../errors.js'

/**
 * The label that says whose an image, a network or a build is. What is one owner's, no other owner's build sees; and the
 * members of such a network reach nothing of the host. Who drives the engine sets it; no Dockerfile can.
 */
export const ownerLabel = 'berth.app'

/** Whose a thing with these labels is; undefined is nobody's, as all of plain Docker's are. */
export const ownerOf = (labels: Readonly<Record<string, string>> | undefined): string | undefined =>
  labels?.[ownerLabel] || undefined

/** The same for a request. @throws EngineError `invalid` for what is no name */
export function readOwner(labels: Readonly<Record<string, string>>): string | undefined {
  const owner = ownerOf(labels)
  if (owner !== undefined && !/^[\w.-]{1,64}$/.test(owner))
    throw new EngineError('invalid', `invalid label ${ownerLabel}: at most 64 letters, digits, "_", "." and "-"`)
  return owner
}
