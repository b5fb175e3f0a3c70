import { mkdir, rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { EngineConfig } from '../config.js'
import { EngineError, isFault, messageOf } from '../errors.js'
import type { StoredImage } from '../oci/document.js'
import type { ImageStore } from '../images/store.js'
import type { BuildSandbox, Digest, Events, StepNetwork, Steps } from '../records.js'
import type { Registry } from '../registry/registry.js'
import { deadline } from '../system/deadline.js'
import { sweepDrafts, syncDirectory } from '../system/durable.js'
import { Semaphore } from '../system/semaphore.js'
import { baseImage } from './base-image.js'
import { laidFilesOf } from './environment.js'
import { BuildCache, type CacheRecord } from './cache.js'
import { CacheMounts } from './cache-mounts.js'
import { parseDockerfile, targetStage } from './dockerfile.js'
import { describeItem, type PruneRequest } from './items.js'
import type { BuildRequest } from './job.js'
import { documentOf, stepsOf } from './result.js'
import { CacheUsage } from './cache-usage.js'
import { memoriesOf, SourceCaches } from './sources.js'
import { buildStages } from './staging.js'
import { visibleImage } from './visible.js'
import { warnUnused } from './warnings.js'

/** What the builder stands on. */
export interface BuilderDeps {
  readonly config: EngineConfig
  readonly images: ImageStore
  readonly steps: Steps
  readonly events: Events
  readonly registry: Registry
}

/** A mirror that stalls must not hold a build for ever. */
const defaultDeadlineMs = 30 * 60_000

/** Cached layers that no image has, and cache mounts, are kept up to this many bytes, the latest used first. */
const defaultCacheBytes = 10 * 2 ** 30

/** RUN steps of one build at once: a Dockerfile of a thousand stages must not be a thousand containers. */
const runsAtOnce = Math.max(4, availableParallelism())

/** Turns Dockerfiles into images. */
export class Builder {
  readonly #deps: BuilderDeps
  readonly #cache: BuildCache
  readonly #mounts: CacheMounts
  readonly #cacheUsage: CacheUsage

  private constructor(deps: BuilderDeps, cache: BuildCache, mounts: CacheMounts) {
    this.#deps = deps
    this.#cache = cache
    this.#mounts = mounts
    this.#cacheUsage = new CacheUsage(deps.images, cache, mounts, new SourceCaches(deps.config))
  }

  /** Opens the build cache, and sweeps the layers that neither it nor an image names. */
  static async open(parts: BuilderDeps): Promise<Builder> {
    const root = join(parts.config.root, 'build')
    const cache = await BuildCache.open(join(root, 'cache'))
    await cache.forgetLost((layer) => parts.images.layers.has(layer))
    await parts.images.layers.sweep(new Set([...parts.images.usedLayers(), ...cache.layers()]))
    parts.images.spare(() => cache.layers())
    const mounts = await CacheMounts.open(join(root, 'mounts'))
    await mkdir(memoriesOf(parts.config), { recursive: true, mode: 0o700 })
    await sweepDrafts(memoriesOf(parts.config))
    await rm(laidFilesOf(parts.config), { recursive: true, force: true })
    await mkdir(laidFilesOf(parts.config), { mode: 0o700 })
    return new Builder(parts, cache, mounts)
  }

  /** Opens what a build has to itself: its context is fetched by it, too. */
  begin(network: StepNetwork): BuildSandbox {
    return this.#deps.steps.begin(network)
  }

  /**
   * Builds and names an image. Nothing is named unless all of it succeeds; the layers of the steps that did succeed
   * stay cached.
   * @throws EngineError, DockerfileError for mistakes in the Dockerfile, StepFailure for a RUN that failed
   */
  async build(request: BuildRequest): Promise<StoredImage> {
    const { config, images, steps, events } = this.#deps
    const began = Date.now()
    const dockerfile = parseDockerfile(request.file, request.context.dockerfile)
    const target = targetStage(dockerfile, request.target)
    const limit = config.build?.deadlineMs ?? defaultDeadlineMs
    using late = deadline(limit, request.signal)
    const held: Digest[] = []
    const found = new Map<string, Promise<StoredImage>>()
    const image = (name: string): Promise<StoredImage> => {
      const known = found.get(name) ?? baseImage(this.#deps, request, name, late.signal)
      found.set(name, known)
      return known
    }
    const job = {
      config,
      store: images,
      cache: this.#cache,
      mounts: this.#mounts,
      steps,
      request,
      dockerfile,
      held,
      semaphore: new Semaphore(runsAtOnce),
      making: new Map<string, Promise<CacheRecord>>(),
      learned: this.#learn(request),
      image: async (name: string) => this.#hold(await image(name), held),
      directories: (layers: readonly Digest[]) => layers.map((diffId) => images.layers.directory(diffId)),
    }
    try {
      const state = await buildStages(job, target.index, late.signal)
      await warnUnused(dockerfile, request)
      const built = await images.create(documentOf(state, request.labels, images.all()), request.names)
      await this.#cache.save(() => images.layers.settle())
      events.emit('builder', 'build', built.id, {})
      return built
    } catch (error) {
      if (late.signal.aborted && !request.signal.aborted)
        throw new EngineError('broken', `the build took longer than ${String(limit / 1000)} seconds`)
      // the disk is full or failing: what was cached is made again
      await this.#cache
        .save(() => images.layers.settle())
        .catch((fault: unknown) => console.error(`the steps of a build are not cached: ${messageOf(fault)}`))
      throw error
    } finally {
      for (const diffId of held) images.layers.release(diffId)
      void this.#collect(began).catch((error: unknown) =>
        console.error(`what is old of the build cache stays until the next build: ${messageOf(error)}`),
      )
    }
  }

  /** Removes cached layers, and the directories of cache mounts. Answers as `POST /build/prune`. */
  async prune(request: PruneRequest): Promise<{ CachesDeleted: string[] | null; SpaceReclaimed: number }> {
    const { ids, freed } = await this.#cacheUsage.prune(request)
    // a record that comes back brings its layer back
    for (const room of ['cache', 'mounts']) await syncDirectory(join(this.#deps.config.root, 'build', room))
    this.#deps.events.emit('builder', 'prune', '', { reclaimed: String(freed) })
    return { CachesDeleted: ids.length > 0 ? ids : null, SpaceReclaimed: freed }
  }

  /** BuildCache objects, as `GET /system/df` has them. */
  async usage(): Promise<ReturnType<typeof describeItem>[]> {
    return (await this.#cacheUsage.items()).map(describeItem)
  }

  /** Keeps an image's layers for as long as the build has use of them. */
  #hold(image: StoredImage, held: Digest[]): StoredImage {
    for (const diffId of image.layers) {
      this.#deps.images.layers.hold(diffId)
      held.push(diffId)
    }
    return image
  }

  /** The steps of images that Berth built, here or elsewhere; one that is not here has none. */
  #learn({ cacheFrom, owner }: BuildRequest): Map<string, CacheRecord> {
    const seen = (name: string): StoredImage | undefined => {
      try {
        return visibleImage(this.#deps.images, name, owner)
      } catch (error) {
        if (isFault(error, 'missing') || isFault(error, 'invalid')) return undefined
        throw error
      }
    }
    const images = cacheFrom.flatMap((name) => seen(name) ?? [])
    return new Map(images.flatMap((image) => stepsOf(image.document)))
  }

  /** Off the path of the build: tells the disk what was used, and drops the oldest of what is too much. */
  async #collect(since: number): Promise<void> {
    await this.#cache.saveUse(since)
    await this.#cacheUsage.trim(this.#deps.config.build?.cacheBytes ?? defaultCacheBytes)
  }
}

/** Opens the build room. */
export const createBuilder = (deps: BuilderDeps): Promise<Builder> => Builder.open(deps)
