import type { ImageInfo, ImageInspectInfo } from 'dockerode'
import type { RegistryPassword } from './builds.js'
import type { EngineConnection } from './connection.js'
import { translated, unlessRefused } from './errors.js'
import { progressOf, type ProgressMessage } from './progress.js'

/** An image in an engine's list. */
export type ImageSummary = ImageInfo

/** An image looked at. */
export type ImageDetails = ImageInspectInfo

/** Removing a large image takes an engine this long at most, in milliseconds. */
const removalMs = 10 * 60_000

/** The images of an engine. */
export class EngineImages {
  readonly #connection: EngineConnection
  constructor(connection: EngineConnection) {
    this.#connection = connection
  }

  /** Null when there is no such image. */
  inspect(name: string): Promise<ImageDetails | null> {
    const details = this.#connection.ask((docker) => docker.getImage(name).inspect())
    return unlessRefused(details, 404)
  }

  /** Those that carry all of these labels (`name=value`). */
  list(labels: readonly string[]): Promise<ImageSummary[]> {
    return this.#connection.ask((docker) => docker.listImages({ filters: { label: [...labels] } }))
  }

  async remove(name: string): Promise<void> {
    await this.#connection.ask((docker) => docker.getImage(name).remove({ force: true }), removalMs)
  }

  /** Fetches an image from its registry; what the engine says of it, as it comes. */
  async *pull(name: string, signal?: AbortSignal, authconfig?: RegistryPassword): AsyncGenerator<ProgressMessage> {
    const options = { ...(signal && { abortSignal: signal }), ...(authconfig && { authconfig }) }
    yield* progressOf(await once(this.#connection.docker.pull(name, options)))
  }

  /** Takes the images of an archive, as `save` makes one. */
  async *load(archive: NodeJS.ReadableStream): AsyncGenerator<ProgressMessage> {
    yield* progressOf(await once(this.#connection.docker.loadImage(archive)))
  }

  /** An image as an archive. */
  save(name: string): Promise<NodeJS.ReadableStream> {
    return once(this.#connection.docker.getImage(name).get())
  }
}

async function once<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    throw translated(error)
  }
}
