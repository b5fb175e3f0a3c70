import type { FileSelection } from '../images/selection.js'

/** So many are remembered, the latest used: an app has about one for each COPY from a stage. */
const most = 2000

/**
 * Digests of what was copied out of stages and images. Their layers never change, so that a build which finds its earlier
 * stages cached does not read all of their files again to know that they are what they were.
 */
export class KnownDigests {
  readonly #known = new Map<string, string>()

  /** @param sources files in layers alone, not of a context. `read` is asked where the same is not known. */
  async of(sources: FileSelection, read: () => Promise<string>): Promise<string> {
    const { layers, patterns, exclude = [], parents = false } = sources
    const key = JSON.stringify([layers, patterns, exclude, parents])
    const digest = this.#known.get(key) ?? (await read())
    this.#known.delete(key)
    this.#known.set(key, digest)
    const [oldest] = this.#known.keys()
    if (this.#known.size > most && oldest !== undefined) this.#known.delete(oldest)
    return digest
  }
}
