import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { EngineConfig } from '../config.js'
import type { Earlier } from '../images/copies.js'
import type { LayerDraft as LayerStage } from '../images/layers.js'
import type { StoredImage } from '../oci/document.js'
import type { ImageStore } from '../images/store.js'
import type { BuildSandbox, Digest, RunStep, Steps } from '../records.js'
import type { Keyring } from '../registry/credentials.js'
import type { Secret } from '../system/secret.js'
import type { Semaphore } from '../system/semaphore.js'
import { type BuildCache, cacheKey, type CacheRecord, layersOf } from './cache.js'
import type { CacheMounts } from './cache-mounts.js'
import type { BuildContext } from './context.js'
import type { Dockerfile } from './dockerfile.js'
import type { StageState } from './state.js'

/** The surroundings of RUN steps, as far as the client chooses them. */
export type StepSettings = Pick<RunStep, 'network' | 'extraHosts' | 'limits' | 'rlimits' | 'shmSize'>

/** What a build is asked to do. */
export interface BuildRequest {
  readonly context: BuildContext
  /** Name of the Dockerfile, for errors. */
  readonly file: string
  readonly names: readonly string[]
  /** Whose it is: its caches, and the images that it sees, are no other owner's. Undefined is nobody's. */
  readonly owner: string | undefined
  /** A null value takes nothing: the client had none to give. */
  readonly buildArgs: ReadonlyMap<string, string | null>
  /** Names of those whose values no history tells. */
  readonly hidden: ReadonlySet<string>
  /** Names of variables and build args that make no other step of a step. */
  readonly unkeyed: ReadonlySet<string>
  readonly labels: Readonly<Record<string, string>>
  readonly target: string
  readonly noCache: boolean
  /** Ask for the base images' newest, even those that are here; `if-reached`: use those where no registry has them to give. */
  readonly pull: boolean | 'if-reached'
  /** Images whose steps count as cached. */
  readonly cacheFrom: readonly string[]
  /** What it has to itself; the caller's to dispose of. */
  readonly sandbox: BuildSandbox
  /** What every RUN gets. */
  readonly room: StepSettings
  readonly secrets: ReadonlyMap<string, Secret>
  /** Variables of every RUN, in no image, layer or history: a step that had others is another step. */
  readonly variables: ReadonlyMap<string, string>
  /** Which of them a step sees before its stage has the whole context: names, or beginnings that end in `*`. */
  readonly early: readonly string[]
  /** Sockets of ssh agents, by id. */
  readonly agents: ReadonlyMap<string, string>
  /** What the client may pull base images with. */
  readonly keyring?: Keyring
  readonly signal: AbortSignal
  /** How what a command says on its standard error is shown in the log; as it is, if absent. */
  readonly errors?: (text: string) => string
  /** Receives the build's log. */
  readonly out: (text: string) => Promise<void> | void
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
  /** RUN steps that may run at once. */
  readonly semaphore: Semaphore
  /** Steps under way, by key: two stages that do the same do it once. */
  readonly making: Map<string, Promise<CacheRecord>>
  /** Steps that the client says are made: believed in this build alone, for its images may lie. */
  readonly learned: ReadonlyMap<string, CacheRecord>
  /** Layers this build holds; let go when it ends. */
  readonly held: Digest[]
  /** The end of a stage before the one being built, by name or number; undefined when there is none. */
  stage(name: string): Promise<StageState> | undefined
  /** An image of the store, pulled when it is absent. @throws EngineError `missing` */
  image(name: string): Promise<StoredImage>
  /** The layers' directories, bottom first. */
  directories(layers: readonly Digest[]): string[]
  /** Receives the log of the stage being built. */
  readonly out: (text: string) => Promise<void> | void
}

/** Where a step may write what it copied, for the next that is like it. */
export const copiesOf = ({ work }: LayerStage): string => join(work, 'copies')

/** Makes a layer's files. @param earlier a layer that a step alike made */
export type Make = (stage: LayerStage, earlier: Earlier | undefined) => Promise<void>

/** How a step is like others. */
export interface Likeness {
  /** The same for steps that are likely to make the same files: see CacheRecord. */
  readonly like: string
  /** The same for steps that make them of the same and in the same way. */
  readonly over: string
  /** Makes what is to lie upon a layer of one that has the same `over`; false when a whole layer is to be made instead. */
  readonly makeOver: (stage: LayerStage, earlier: Earlier) => Promise<boolean>
}

/** The layer a step makes: from the cache when it was made before of the same things, else by `make`. */
export async function layerOf(
  job: Job,
  key: string,
  description: string,
  make: Make,
  alike?: Likeness,
): Promise<CacheRecord> {
  const { layers } = job.store
  const { owner, noCache } = job.request
  const kept = owned(key, owner)
  const known = job.making.get(key) ?? (noCache ? undefined : (job.cache.get(kept) ?? job.learned.get(key)))
  const record = known && (await known)
  if (record && layersOf(record).every((layer) => layers.has(layer))) {
    for (const layer of layersOf(record)) hold(job, layer)
    await job.out(' ---> Using cache\n')
    return record
  }
  const fresh = makeLayer(job, description, make, alike && { ...alike, like: owned(alike.like, owner) })
  job.making.set(key, fresh)
  job.cache.put(kept, await fresh)
  return fresh
}

function hold(job: Job, layer: Digest): void {
  job.store.layers.hold(layer)
  job.held.push(layer)
}

/** What a step made may hold what its owner's cache mounts, secrets and network gave it: it is nobody else's. */
const owned = (key: string, owner: string | undefined): string =>
  owner === undefined ? key : cacheKey('owner', owner, key)

async function makeLayer(job: Job, description: string, make: Make, alike: Likeness | undefined): Promise<CacheRecord> {
  const { layers } = job.store
  const { owner, noCache } = job.request
  const made = { description, ...(owner === undefined ? {} : { owner }) }
  const like = alike === undefined ? {} : { like: alike.like, over: alike.over }
  await using stage = await layers.draft()
  const latest = alike && job.cache.latest(alike.like)
  const whole = latest?.base ?? latest?.layer
  const earlier = whole !== undefined && layers.has(whole) ? layers.earlier(whole) : undefined
  if (whole !== undefined && earlier) {
    hold(job, whole)
    if (!noCache && latest?.over === alike?.over && (await alike?.makeOver(stage, earlier))) {
      job.signal.throwIfAborted()
      const { diffId } = await layers.commit(stage)
      job.held.push(diffId)
      return { ...made, ...like, base: whole, layer: diffId, created: new Date().toISOString() }
    }
  }
  await make(stage, earlier)
  job.signal.throwIfAborted()
  const copies = copiesOf(stage)
  const { diffId } = await layers.commit(stage, existsSync(copies) ? copies : undefined, earlier && whole)
  job.held.push(diffId)
  return { ...made, ...like, layer: diffId, created: new Date().toISOString() }
}
