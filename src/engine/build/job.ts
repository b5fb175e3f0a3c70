import type { EngineConfig } from '../config.js'
import type { Stage as LayerStage } from '../images/layers.js'
import type { StoredImage } from '../images/document.js'
import type { ImageStore } from '../images/store.js'
import type { Digest, Steps } from '../records.js'
import type { BuildCache, CacheRecord } from './cache.js'
import type { CacheMounts } from './cache-mounts.js'
import type { BuildContext } from './context.js'
import type { Dockerfile } from './dockerfile.js'
import type { State } from './state.js'

/** What a build is asked to do. */
export interface BuildRequest {
  readonly context: BuildContext
  /** Name of the Dockerfile, for errors. */
  readonly file: string
  readonly names: readonly string[]
  /** A null value takes nothing: the client had none to give. */
  readonly buildArgs: ReadonlyMap<string, string | null>
  readonly labels: Readonly<Record<string, string>>
  readonly target: string
  readonly noCache: boolean
  readonly network: 'default' | 'none' | 'host'
  /** Bytes; absent is unlimited. */
  readonly memory?: number
  readonly extraHosts: readonly string[]
  readonly signal: AbortSignal
  /** Receives the build's log. */
  out(text: string): Promise<void> | void
}

/** One build under way: what its steps work with. */
export interface Job {
  readonly config: EngineConfig
  readonly store: ImageStore
  readonly cache: BuildCache
  readonly mounts: CacheMounts
  readonly steps: Steps
  readonly request: BuildRequest
  readonly dockerfile: Dockerfile
  readonly signal: AbortSignal
  /** Layers this build holds; let go when it ends. */
  readonly held: Digest[]
  /** The end of a stage before the one being built, by name or number; undefined when there is none. */
  stage(name: string): Promise<State> | undefined
  /** An image of the store, pulled when it is absent. @throws EngineError `missing` */
  image(name: string): Promise<StoredImage>
  /** The layers' directories, bottom first. */
  directories(layers: readonly Digest[]): string[]
}

/** The layer a step makes: from the cache when it was made before of the same things, else by `make`. */
export async function layerOf(job: Job, key: string, make: (stage: LayerStage) => Promise<void>): Promise<CacheRecord> {
  const { layers } = job.store
  const known = job.request.noCache ? undefined : job.cache.get(key)
  if (known && layers.has(known.layer)) {
    layers.hold(known.layer)
    job.held.push(known.layer)
    await job.request.out(' ---> Using cache\n')
    return known
  }
  await using stage = await layers.stage()
  await make(stage)
  job.signal.throwIfAborted()
  const { diffId } = await layers.commit(stage)
  job.held.push(diffId)
  const record = { layer: diffId, created: new Date().toISOString() }
  job.cache.put(key, record)
  return record
}
