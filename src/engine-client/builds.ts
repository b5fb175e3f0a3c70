import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { traceId, traceText } from './buildkit.js'
import { dockerAt, type EngineConnection } from './connection.js'
import { translated } from './errors.js'
import { progressOf, type ProgressMessage } from './progress.js'

/**
 * How an engine builds, by what it says of itself (Docker Engine API, `GET /version`):
 *
 * - `here`: Berth's own takes a directory as it is;
 * - `buildkit`: dockerd, which names containerd among its parts; its plain builder lacks what plans use (cache mounts);
 * - `plain`: Podman, by its Docker API.
 */
export type BuilderKind = 'here' | 'buildkit' | 'plain'

/** An image to build. */
export interface ImageBuild {
  readonly builder: BuilderKind
  readonly tag: string
  readonly labels?: Readonly<Record<string, string>>
  /** Its name in the context. */
  readonly dockerfile: string
  /** The context where it lies, for a builder that takes it so. */
  readonly directory?: string
  /** Stage that is the image; the last unless given. */
  readonly target?: string
  /** Values of ARGs. */
  readonly args?: Readonly<Record<string, string>>
  /** Makes every step anew. */
  readonly noCache?: boolean
  /** Keeps the cache mounts of one from another's; Berth's engine goes by the labels. */
  readonly cacheNamespace?: string
  /** By the addresses of registries: what images of theirs are pulled with (Docker Engine API, AuthConfig). */
  readonly registries?: Readonly<Record<string, RegistryPassword>>
  /** What Berth's engine alone understands. */
  readonly headers?: Readonly<Record<string, string>>
}

/** What an engine logs in to a registry with. */
export interface RegistryPassword {
  readonly username: string
  readonly password: string
}

/** An engine's builder. */
export class Builds {
  readonly #connection: EngineConnection
  #builder: Promise<BuilderKind> | null = null
  constructor(connection: EngineConnection) {
    this.#connection = connection
  }

  /** Asked once: an engine looks its own parts up for the answer, and what is at a socket stays of one kind. */
  builder(): Promise<BuilderKind> {
    return (this.#builder ??= this.#askBuilder().catch((error: unknown) => {
      this.#builder = null
      throw error
    }))
  }

  async #askBuilder(): Promise<BuilderKind> {
    const { Components = [], Platform } = (await this.#connection.ask((docker) => docker.version())) as {
      Components?: readonly { Name: string }[]
      Platform?: { Name: string }
    }
    if (Platform?.Name === 'Berth') return 'here'
    return Components.some(({ Name }) => Name === 'containerd') ? 'buildkit' : 'plain'
  }

  /** Builds an image; what the engine says of it, as it comes, BuildKit's in the words of the plain builder. */
  async *build(context: Readable, request: ImageBuild, signal?: AbortSignal): AsyncGenerator<ProgressMessage> {
    const {
      builder,
      tag,
      labels,
      dockerfile,
      directory,
      target,
      args,
      cacheNamespace,
      noCache = false,
      registries = {},
      headers,
    } = request
    const namespace =
      builder !== 'buildkit' || cacheNamespace === undefined ? {} : { BUILDKIT_CACHE_MOUNT_NS: cacheNamespace }
    const buildargs = { ...args, ...namespace }
    const options = {
      t: tag,
      dockerfile,
      forcerm: true,
      ...(noCache && { nocache: true }),
      ...(labels && { labels: { ...labels } }),
      ...(Object.keys(registries).length > 0 && { registryconfig: { ...registries } }),
      ...(directory === undefined ? {} : { directory }),
      ...(target === undefined ? {} : { target }),
      ...(Object.keys(buildargs).length === 0 ? {} : { buildargs }),
      ...(builder === 'buildkit' ? { version: '2' as const } : {}),
      ...(signal && { abortSignal: signal }),
    }
    const docker = headers ? dockerAt(this.#connection.socketPath, headers) : this.#connection.docker
    let answer: NodeJS.ReadableStream
    try {
      answer = await docker.buildImage(context, options)
    } catch (error) {
      throw translated(error)
    }
    for await (const message of progressOf(answer))
      yield message.id === traceId ? { ...message, stream: await traceText(String(message.aux)) } : message
  }

  /** Removes what the builder keeps for what carries this label: `name=value`. @returns bytes that are free now */
  async prune(label: string): Promise<number> {
    const query = { all: 'true', filters: JSON.stringify({ label: [label] }) }
    // dockerode's own pruneBuilder sends no filter, and so would remove the caches of all
    const answer = await this.#connection.ask(() =>
      this.#connection.stream({ method: 'POST', path: '/build/prune', query }),
    )
    const { SpaceReclaimed = 0 } = JSON.parse(await text(answer)) as { readonly SpaceReclaimed?: number }
    return SpaceReclaimed
  }
}
