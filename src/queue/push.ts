import { existsSync } from 'node:fs'
import { buildTree, type BuiltImage } from '../builds/build.js'
import { addedBuildpacks } from '../builds/added-buildpacks.js'
import { leaveOut } from '../builds/leave-out.js'
import { operationFiles } from '../builds/files.js'
import type { Built } from '../changes/kind.js'
import { isBuild } from '../changes/index.js'
import { watchSetting } from '../changes/push.js'
import { BerthError } from '../errors.js'
import { orMissing } from '../lib/missing.js'
import type { App } from '../store/apps.js'
import type { Reached } from '../store/reach.js'
import type { Release } from '../store/releases.js'
import type { OperationDeps } from './deps.js'
import type { OperationRun } from './run.js'

/** Name of an app's image in the engine; two apps that bear a name one after the other do not share it. */
const imageTag = (app: App, version: number): string => `berth/${app.name}-${app.id.slice(0, 6)}:v${String(version)}`

/** Config vars, who has them, and which others come of links. */
type Vars = Reached & Pick<Release, 'links'>

/** What is to be built beside the tree. */
export interface BuildOrder {
  /** Pushes that must not have landed. */
  readonly unless?: readonly string[] | undefined
  /** Those of the app's current release unless given. */
  readonly vars?: Vars | undefined
  readonly commit: string
  /** Config vars of this build alone. */
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Every step of it is made anew. */
  readonly noCache?: boolean | undefined
  /** The images that it begins with are asked for again. */
  readonly pull?: boolean | undefined
}

/**
 * From a pushed tree to an image.
 * @throws BerthError in words for the pusher
 */
export async function buildPush(
  deps: OperationDeps,
  { app, operation, log, signal }: OperationRun,
  { unless = [], vars, commit, env = {}, noCache = false, pull = false }: BuildOrder,
  version: number,
): Promise<Built> {
  await checkStillWanted(deps, unless)
  const current = async (): Promise<Vars> =>
    app.current > 0 ? await deps.store.releases.get(app.id, app.current) : { config: {} }
  const { config, reach, links = {} } = await (vars ?? current())
  const directory = operationFiles(deps.config, operation.id).source
  const ofBuild = Object.fromEntries(Object.keys(env).map((name) => [name, 'build' as const]))
  const order = {
    ...{ app, directory, tag: imageTag(app, version), noCache, pull },
    variables: { ...withoutWatch(config), ...env },
    linked: Object.keys(links),
    buildpacks: deps.plugins ? await addedBuildpacks(deps.plugins) : [],
    reach: { ...reach, ...ofBuild },
    stepVariables: { SOURCE_VERSION: commit, BERTH_APP: app.name, BERTH_COMMIT: commit },
  }
  const build = async (): Promise<BuiltImage> => {
    if (existsSync(directory)) await leaveOut({ ...deps, app, directory }, (line) => log.detail(line), signal)
    return buildTree(deps, order, log, signal)
  }
  // whoever waits for the disk of Redis builds meanwhile
  const [made, told] = await Promise.allSettled([
    build(),
    deps.store.operations.update(operation.id, { status: 'building' }),
  ])
  if (made.status === 'rejected') throw made.reason
  if (told.status === 'rejected') throw told.reason
  const { memory, ...built } = made.value
  const before = app.buildMemory ?? 0
  const buildMemory = memoryOfNext(before, memory)
  if (buildMemory !== before) await deps.store.apps.update(app.id, { buildMemory })
  return built
}

/** Memory that the next build of an app is reckoned to take, in bytes: as the last but one was, unless that was far off. */
export function memoryOfNext(before: number, took: number): number {
  if (took > before * 1.25) return took
  // one that found nearly all in its cache tells nothing of one that does not
  const isLess = took > before / 4 && took < before * 0.75
  return isLess ? Math.floor(before * 0.75) : before
}

const withoutWatch = (config: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(config).filter(([name]) => name !== watchSetting))

/** @throws BerthError `conflict` when a push this one does not build upon has landed since */
async function checkStillWanted({ store }: OperationDeps, unless: readonly string[]): Promise<void> {
  for (const id of unless) {
    const other = await store.operations.get(id).catch(orMissing(null)) // so long over that it is forgotten
    if (other?.status === 'succeeded' && isBuild(other))
      throw new BerthError(
        'conflict',
        `another push (${other.change.commit.slice(0, 7)}) landed while this one waited, and this one does not contain it`,
        'fetch, merge and push again',
      )
  }
}
