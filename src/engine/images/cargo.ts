import { readFile } from 'node:fs/promises'
import { EngineError } from '../errors.js'
import { digestOf, mostBytes } from '../oci/manifest.js'
import { parseReference, type Reference } from '../oci/reference.js'
import { componentsOf, LayerTree } from './tree.js'

/** An image as an archive describes it: paths within the archive. */
export interface Packed {
  readonly config: string
  readonly layers: readonly string[]
  readonly names: readonly Reference[]
}

/** What came with an image archive. Paths lead nowhere else, whatever links it holds. */
export class Cargo {
  readonly #root: string
  readonly #tree: LayerTree

  constructor(root: string) {
    this.#root = root
    this.#tree = new LayerTree([root])
  }

  has(path: string): boolean {
    return this.#tree.resolve(path).entry?.stat.isFile() === true
  }

  /** A file's place on the disk. @throws EngineError `invalid` */
  file(path: string): { readonly place: string; readonly size: number } {
    if (componentsOf(path).includes('..'))
      throw new EngineError('invalid', `${JSON.stringify(path)} points out of the archive`)
    const { path: canonical, entry } = this.#tree.resolve(path)
    if (!entry?.stat.isFile())
      throw new EngineError('invalid', `invalid image archive: it has no file ${JSON.stringify(path)}`)
    return { place: this.#root + canonical, size: entry.stat.size }
  }

  /** A small file's content. One that is named by its digest has it. @throws EngineError `invalid` */
  async read(path: string): Promise<Buffer> {
    const { place, size } = this.file(path)
    if (size > mostBytes) throw new EngineError('invalid', `${JSON.stringify(path)} is larger than ${mostBytes} bytes`)
    const bytes = await readFile(place)
    const named = /^\/?blobs\/sha256\/([0-9a-f]{64})$/.exec(path)?.[1]
    if (named !== undefined && digestOf(bytes) !== `sha256:${named}`)
      throw new EngineError('invalid', `blob sha256:${named} of the archive is ${digestOf(bytes)}: it is damaged`)
    return bytes
  }
}

/** A tagged name of an archive. @throws EngineError `invalid` */
export function readTag(text: unknown): Reference {
  if (typeof text !== 'string') throw new EngineError('invalid', 'invalid tag: it is not a string')
  const name = parseReference(text)
  if (name.tag === undefined || name.digest !== undefined)
    throw new EngineError('invalid', `invalid tag ${JSON.stringify(text.slice(0, 80))}`)
  return name
}
