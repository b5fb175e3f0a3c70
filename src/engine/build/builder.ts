import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { EngineConfig } from '../config.js'
import { EngineError, isFault } from '../errors.js'
import { architecture, type ImageDocument, type StoredImage } from '../images/document.js'
import { parseReference } from '../images/reference.js'
import type { ImageStore } from '../images/store.js'
import type { Digest, Events, Steps } from '../records.js'
import { RegistryError } from '../registry/faults.js'
import type { Line } from '../registry/progress.js'
import type { Registry } from '../registry/registry.js'
import { deadline } from '../system/deadline.js'
import { BuildCache } from './cache.js'
import { CacheMounts } from './cache-mounts.js'
import { type Dockerfile, findStage, parseDockerfile, type Stage, targetStage } from './dockerfile.js'
import type { BuildRequest, Job } from './job.js'
import { predefinedArgs } from './scope.js'
import { buildStage, globalArgs } from './stage.js'
import type { State } from './state.js'

/** What the builder stands on. */
export interface BuilderParts {
  readonly config: EngineConfig
  readonly images: ImageStore
  readonly steps: Steps
  readonly events: Events
  readonly registry: Registry
}

/** A mirror that stalls must not hold a build for ever. */
const deadlineMs = 30 * 60_000

/** Cached layers that no image has are kept up to this many bytes, the latest used first. */
const cacheLimit = 10 * 2 ** 30

/** Turns Dockerfiles into images. */
export class Builder {
  readonly #parts: BuilderParts
  readonly #cache: BuildCache
  readonly #mounts: CacheMounts

  private constructor(parts: BuilderParts, cache: BuildCache, mounts: CacheMounts) {
    this.#parts = parts
    this.#cache = cache
    this.#mounts = mounts
  }

  /** Opens the build cache, and sweeps the layers that neither it nor an image names. */
  static async open(parts: BuilderParts): Promise<Builder> {
    const root = join(parts.config.root, 'build')
    const cache = await BuildCache.open(join(root, 'cache'))
    await cache.forget(({ layer }) => !parts.images.layers.has(layer))
    await parts.images.layers.sweep(new Set([...parts.images.usedLayers(), ...cache.layers()]))
    const mounts = new CacheMounts(join(root, 'mounts'))
    await mounts.sweep()
    return new Builder(parts, cache, mounts)
  }

  /**
   * Builds and names an image. Nothing is named unless all of it succeeds; the layers of the steps that did succeed
   * stay cached.
   * @throws EngineError, DockerfileError for mistakes in the Dockerfile, StepFailure for a RUN that failed
   */
  async build(request: BuildRequest): Promise<StoredImage> {
    const { config, images, steps, events } = this.#parts
    const began = Date.now()
    const dockerfile = parseDockerfile(request.file, request.context.dockerfile)
    const target = targetStage(dockerfile, request.target)
    using late = deadline(deadlineMs, request.signal)
    const held: Digest[] = []
    const states = new Map<number, Promise<State>>()
    const job: Job = {
      config,
      store: images,
      cache: this.#cache,
      mounts: this.#mounts,
      steps,
      request,
      dockerfile,
      signal: late.signal,
      held,
      stage: () => undefined,
      image: (name) => this.#image(request, name, held),
      directories: (layers) => layers.map((diffId) => images.layers.directory(diffId)),
    }
    const globals = globalArgs(job)
    let count = 0
    const needed = neededStages(dockerfile, target.index)
    const total = needed.reduce((sum, { instructions }) => sum + 1 + instructions.length, 0)
    const build = (index: number): Promise<State> => {
      const stage = dockerfile.stages[index]
      if (!stage) throw new EngineError('invalid', `there is no stage ${String(index)}`)
      const earlier = (name: string): Promise<State> | undefined => {
        const found = findStage(dockerfile, name, index)
        return found && build(found.index)
      }
      const announce = async (text: string): Promise<void> => {
        await request.out(`Step ${String(++count)}/${String(total)} : ${text}\n`)
      }
      const state = states.get(index) ?? buildStage({ ...job, stage: earlier }, stage, globals, announce)
      states.set(index, state)
      return state
    }
    try {
      for (const { index } of needed) await build(index)
      const state = await build(target.index)
      await warnUnused(dockerfile, request)
      const image = await images.create(this.#document(state, request), request.names)
      await this.#cache.save()
      events.emit('builder', 'build', image.id, {})
      return image
    } catch (error) {
      if (late.signal.aborted && !request.signal.aborted)
        throw new EngineError('broken', `the build took longer than ${String(deadlineMs / 60_000)} minutes`)
      await images.layers.settle().then(
        () => this.#cache.save(),
        () => undefined, // the disk is full or failing: what was cached is made again
      )
      throw error
    } finally {
      for (const diffId of held) images.layers.release(diffId)
      void this.#collect(began).catch(() => undefined)
    }
  }

  /** Removes cached layers no image has, and with `all` the cache mounts. Answers as `POST /build/prune`. */
  async prune(all: boolean): Promise<{ CachesDeleted: string[] | null; SpaceReclaimed: number }> {
    const { layers } = this.#parts.images
    const used = this.#parts.images.usedLayers()
    const unused = this.#cache.layers().filter((diffId) => !used.has(diffId))
    let freed = await layers.remove(unused)
    const keys = await this.#cache.forget(({ layer }) => !layers.has(layer) || (all && !used.has(layer)))
    if (all) freed += await this.#mounts.prune()
    this.#parts.events.emit('builder', 'prune', '', { reclaimed: String(freed) })
    return { CachesDeleted: keys.length > 0 ? keys : null, SpaceReclaimed: freed }
  }

  /** Bytes of cached layers that no image has, and of the cache mounts. */
  async usage(): Promise<number> {
    const { layers } = this.#parts.images
    const used = this.#parts.images.usedLayers()
    const cached = this.#cache.layers().filter((diffId) => !used.has(diffId))
    return cached.reduce((sum, diffId) => sum + layers.size(diffId), 0) + (await this.#mounts.size())
  }

  async #image(request: BuildRequest, name: string, held: Digest[]): Promise<StoredImage> {
    const { images, registry } = this.#parts
    const tell = ({ status = '', id, progressDetail }: Line) =>
      progressDetail?.current === undefined ? request.out(`${id === undefined ? '' : `${id}: `}${status}\n`) : undefined
    const image = await images.get(name).catch((error: unknown) => {
      if (!isFault(error, 'missing')) throw error
      // a registry out of reach is told at the FROM that names it
      return registry.pull(parseReference(name), '', { tell, signal: request.signal }).catch((failure: unknown) => {
        throw failure instanceof RegistryError ? new EngineError('missing', failure.message, failure) : failure
      })
    })
    for (const diffId of image.layers) {
      images.layers.hold(diffId)
      held.push(diffId)
    }
    return image
  }

  /** The image's configuration; the one of an earlier image when only its date would differ. */
  #document(state: State, { labels }: BuildRequest): ImageDocument {
    const added = Object.entries(labels)
    const history = state.history.concat(
      added.map(([key, value]) => ({ created_by: `LABEL ${key}=${value}`, empty_layer: true })),
    )
    const config = { ...state.config, ...(added.length > 0 ? { Labels: { ...state.config.Labels, ...labels } } : {}) }
    if (config.OnBuild?.length === 0) delete config.OnBuild
    const draft: ImageDocument = {
      created: '',
      ...(state.author === undefined ? {} : { author: state.author }),
      architecture,
      os: 'linux',
      config,
      rootfs: { type: 'layers', diff_ids: state.layers },
      history,
    }
    const print = fingerprint(draft)
    const twin = this.#parts.images.all().find(({ document }) => fingerprint(document) === print)
    if (twin) return twin.document
    const created = new Date().toISOString()
    return { ...draft, created, history: history.map((entry) => ({ created, ...entry })) }
  }

  /** Off the path of the build: tells the disk what was used, and drops the oldest of what is too much. */
  async #collect(since: number): Promise<void> {
    await this.#cache.saveUse(since)
    const { layers } = this.#parts.images
    const used = this.#parts.images.usedLayers()
    let size = 0
    const unused = this.#cache.layers().filter((diffId) => !used.has(diffId))
    const excess = unused.reverse().filter((diffId) => (size += layers.size(diffId)) > cacheLimit)
    await layers.remove(excess)
    await this.#cache.forget(({ layer }) => !layers.has(layer))
  }
}

/** Opens the build room. */
export const createBuilder = (parts: BuilderParts): Promise<Builder> => Builder.open(parts)

/** Everything of a configuration but its dates. */
function fingerprint(document: ImageDocument): string {
  const history = document.history.map(({ created_by, empty_layer }) => [created_by, empty_layer ?? false])
  const { config, rootfs, author } = document
  return createHash('sha256')
    .update(JSON.stringify([config, rootfs.diff_ids, history, author]))
    .digest('hex')
}

/** A stage and those it stands on, in order, as far as can be told without expanding; others are built when met. */
function neededStages(dockerfile: Dockerfile, target: number): Stage[] {
  const needed = new Set<number>()
  const visit = (index: number): void => {
    const stage = dockerfile.stages[index]
    if (!stage || needed.has(index)) return
    needed.add(index)
    const names = stage.instructions.flatMap((instruction) => {
      if (instruction.kind === 'COPY' && instruction.from) return [instruction.from.text]
      return instruction.kind === 'RUN' ? instruction.mounts.flatMap(({ from }) => from ?? []) : []
    })
    for (const name of [stage.from.image.text, ...names]) {
      const other = findStage(dockerfile, name, index)
      if (other) visit(other.index)
    }
  }
  visit(target)
  return dockerfile.stages.filter(({ index }) => needed.has(index))
}

async function warnUnused(dockerfile: Dockerfile, request: BuildRequest): Promise<void> {
  const stages = dockerfile.stages.flatMap(({ instructions }) => instructions)
  const declared = new Set(
    [...dockerfile.globals, ...stages].flatMap((one) => (one.kind === 'ARG' ? one.args.map(({ name }) => name) : [])),
  )
  const unused = [...request.buildArgs.keys()].filter((name) => !declared.has(name) && !predefinedArgs.includes(name))
  if (unused.length > 0) await request.out(`[Warning] One or more build-args [${unused.join(' ')}] were not consumed\n`)
}
