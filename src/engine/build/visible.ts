import { EngineError } from '../errors.js'
import { familiar, parseReference } from '../oci/reference.js'
import type { StoredImage } from '../oci/document.js'
import type { ImageStore } from '../images/store.js'
import { ownerOf } from '../system/owner.js'

/**
 * The image of the store that a build means by a text. A build that is somebody's sees images by the names they bear, and by
 * id or the beginning of one only its owner's own: another's is as if it were not here, by whatever it is called.
 * @param owner of the build; undefined sees all, as with Docker
 * @returns undefined when there is none: it may be pulled
 * @throws EngineError `missing` when the name is another owner's image's, `invalid` for what is no name
 */
export function visibleImage(images: ImageStore, text: string, owner: string | undefined): StoredImage | undefined {
  if (owner === undefined) return images.seek(text)
  const named = images.named(text)
  if (named) {
    demandVisible(named, text, owner)
    return named
  }
  const prefix = text.replace(/^sha256:/, '')
  if (!/^[0-9a-f]{1,64}$/.test(prefix)) return undefined
  const own = images
    .all()
    .filter(({ id, config }) => id.startsWith(`sha256:${prefix}`) && ownerOf(config.Labels) === owner)
  return own.length === 1 ? own[0] : undefined
}

/** @throws EngineError `missing` for another owner's image */
export function demandVisible({ config }: StoredImage, text: string, owner: string | undefined): void {
  const other = ownerOf(config.Labels)
  if (owner === undefined || other === undefined || other === owner) return
  throw new EngineError('missing', `No such image: ${familiar(parseReference(text))}`)
}
