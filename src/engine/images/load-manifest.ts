import { EngineError } from '../errors.js'
import { type Packed, readTag } from './cargo.js'

/** More images than anybody saves at once; each costs work. */
const mostImages = 1000

/** Reads the `manifest.json` of Docker's image archives. @throws EngineError `invalid` */
export function readDockerManifest(bytes: Buffer): Packed[] {
  const bad = (why: string) => new EngineError('invalid', `invalid manifest.json: ${why}`)
  let value: unknown
  try {
    value = JSON.parse(bytes.toString())
  } catch (error) {
    throw new EngineError('invalid', 'invalid manifest.json: it is not JSON', error)
  }
  if (!Array.isArray(value) || value.length > mostImages) throw bad('it is no list of images')
  return value.map((entry: unknown) => {
    const { Config: config, Layers: layers, RepoTags: tags } = (entry ?? {}) as Record<string, unknown>
    if (typeof config !== 'string') throw bad('an image has no Config')
    const paths = (layers ?? []) as unknown
    if (!Array.isArray(paths) || !paths.every((path): path is string => typeof path === 'string'))
      throw bad('Layers is no list of paths')
    if (tags !== undefined && tags !== null && !Array.isArray(tags)) throw bad('RepoTags is no list')
    return { config, layers: paths, names: ((tags ?? []) as unknown[]).map(readTag) }
  })
}
