import type { HistoryEntry, StoredImage } from '../oci/document.js'
import type { Digest, ImageConfig } from '../records.js'
import { type CacheRecord, layersOf, stepMark } from './cache.js'
import type { Variables } from './expand.js'

/** Where a stage has got to. Values only: each step makes the next. */
export interface StageState {
  /** Diff ids, bottom first. */
  readonly layers: readonly Digest[]
  readonly config: ImageConfig
  readonly history: readonly HistoryEntry[]
  /** ARGs declared so far with the value they have. */
  readonly args: Variables
  readonly author: string | undefined
  /** True once this stage has a CMD of its own. */
  readonly ownCmd: boolean
  /** True once it has the whole context: what its steps do from there on is the app's own affair. */
  readonly whole: boolean
}

/** `FROM scratch` */
export const emptyState: StageState = {
  layers: [],
  config: {},
  history: [],
  args: new Map(),
  author: undefined,
  ownCmd: false,
  whole: false,
}

/** The state a stage begins with; its image's ONBUILD triggers are not its own. */
export function stateOf(image: StoredImage): StageState {
  const config = { ...image.config }
  delete config.OnBuild
  const { author, history } = image.document
  return { layers: image.layers, config, history, args: new Map(), author, ownCmd: false, whole: false }
}

/** The environment of the image, by name. */
export function environment(config: ImageConfig): Map<string, string> {
  return new Map(
    (config.Env ?? []).map((pair): [string, string] => {
      const equals = pair.indexOf('=')
      return equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)]
    }),
  )
}

export const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** A stage has a PATH, be it that the image it begins with has none. */
export const withPath = (state: StageState): StageState =>
  environment(state.config).has('PATH')
    ? state
    : { ...state, config: { ...state.config, Env: [...(state.config.Env ?? []), `PATH=${defaultPath}`] } }

/** What words are expanded with: arguments, hidden by the environment. */
export const variablesOf = (state: StageState): Variables => new Map([...state.args, ...environment(state.config)])

/** The state after an instruction that changes only the configuration. */
export const configured = (state: StageState, createdBy: string, config: Partial<ImageConfig>): StageState => ({
  ...state,
  config: { ...state.config, ...config },
  history: [...state.history, { created_by: createdBy, empty_layer: true }],
})

/** The state after an instruction that made a layer, or one upon another. @param key of the step */
export const layered = (state: StageState, createdBy: string, record: CacheRecord, key: string): StageState => {
  const entry = { created: record.created, created_by: createdBy }
  const layers = layersOf(record)
  // one that is marked is found again by itself, and would be taken for all that the step made
  const entries = layers.length === 1 ? [{ ...entry, comment: stepMark(key) }] : layers.map(() => entry)
  return { ...state, layers: [...state.layers, ...layers], history: [...state.history, ...entries] }
}
