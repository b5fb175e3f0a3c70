import { EngineError, isFault } from '../errors.js'
import { chooseManifest, type Descriptor, readManifest, readPlatform } from '../oci/manifest.js'
import { annotations, blobPath } from '../oci/layout.js'
import { type Cargo, type Packed, readTag } from './cargo.js'
import { parseReference, type Reference } from '../oci/reference.js'

/** Indexes may hold indexes, but not for ever. */
const mostIndexes = 3

/** Reads the `index.json` of an OCI image layout: of an image for several platforms, this machine's. @throws EngineError */
export async function readIndex(cargo: Cargo): Promise<Packed[]> {
  const index = readManifest(await cargo.read('/index.json'))
  if (index.kind !== 'index') throw new EngineError('invalid', 'invalid index.json: it is no index')
  const found = new Map<string, Packed>()
  for (const entry of index.manifests) {
    const image = await resolve(cargo, entry)
    if (!image) continue
    const names = [...(found.get(image.config)?.names ?? []), ...nameOf(entry)]
    found.set(image.config, { ...image, names })
  }
  return [...found.values()]
}

/** undefined for what is no image for this machine: attestations, other platforms. */
async function resolve(cargo: Cargo, entry: Descriptor): Promise<Omit<Packed, 'names'> | undefined> {
  let next: Descriptor | undefined = entry
  for (let depth = 0; next && depth <= mostIndexes; depth++) {
    const bytes = await cargo.read(blobPath(next.digest))
    if (bytes.length !== next.size)
      throw new EngineError('invalid', `manifest ${next.digest} is not ${next.size} bytes`)
    const manifest = readManifest(bytes)
    if (manifest.kind === 'image')
      return next.platform?.os === 'unknown'
        ? undefined
        : {
            config: blobPath(manifest.config.digest),
            layers: manifest.layers.map(({ digest }) => blobPath(digest)),
          }
    next = chooseManifest(manifest.manifests, readPlatform(''))
  }
  if (next) throw new EngineError('invalid', 'invalid index.json: indexes in indexes, too deep or in a loop')
  return undefined
}

/** The standard's annotation is a name to some tools and only a tag to others, which is no name for an image here. */
function nameOf({ annotations: notes }: Descriptor): Reference[] {
  const whole = notes?.[annotations.name]
  if (whole !== undefined) return [readTag(whole)]
  const ref = notes?.[annotations.ref]
  if (ref === undefined || !/[:/]/.test(ref)) return []
  try {
    parseReference(ref)
  } catch (error) {
    if (isFault(error, 'invalid')) return [] // any text is allowed there
    throw error
  }
  return [readTag(ref)]
}
