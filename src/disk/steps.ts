import type { EngineUsage } from '../engine-client/usage.js'

type Image = EngineUsage['images'][number]

/** A step after certain others, once, however many images were made by it. */
interface Step {
  readonly bytes: number
  readonly next: Map<string, Step>
  /** Whose images have it. */
  readonly owners: Set<string>
}

const step = (bytes: number): Step => ({ bytes, next: new Map(), owners: new Set() })

/**
 * Bytes of images by who alone has them; what two have, as the image that both begin with, is nobody's: ''.
 * @param ownerOf whose an image is
 */
export function imagesByOwner(images: readonly Image[], ownerOf: (image: Image) => string): Map<string, number> {
  const first = step(0)
  for (const image of images) {
    let at = first
    for (const { key, bytes } of image.steps) {
      const next = at.next.get(key) ?? step(bytes)
      at.next.set(key, next)
      next.owners.add(ownerOf(image))
      at = next
    }
  }
  const sums = new Map<string, number>()
  const left = [first]
  for (let at = left.pop(); at; at = left.pop()) {
    const [owner = '', ...others] = at.owners
    const whose = others.length > 0 ? '' : owner
    sums.set(whose, (sums.get(whose) ?? 0) + at.bytes)
    left.push(...at.next.values())
  }
  return sums
}
