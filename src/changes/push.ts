import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { varsFor, type Reached } from '../store/reach.js'
import { buildSettings } from '../buildpacks/build-settings.js'
import { checkStable } from './canary.js'
import { configAfter } from './config.js'
import { formationDeclared, formationFor, sizesDeclared } from './formation.js'
import { releasing, type Built } from './kind.js'

const PushChange = z.object({
  kind: z.literal('push'),
  commit: z.string(),
  branch: z.string(),
  /** An id of its tree: the same for the same tree. Absent where it is to be built whatever runs. */
  tree: z.string().exactOptional(),
  /** Operations ahead of it that this commit does not build upon: if one of them lands first, this push is stale. */
  unless: z.array(z.string()).readonly().exactOptional(),
  /** What of it is not watched: all that it changes since what ran when it was pushed, by the setting of then. */
  unwatched: z.object({ since: z.string(), watch: z.string(), paths: z.string() }).readonly().exactOptional(),
  /** It is built whatever runs. */
  forced: z.literal(true).exactOptional(),
  /** Every step of its build is made anew. */
  noCache: z.literal(true).exactOptional(),
  /** The images that it begins with are asked for again: only what is made of them tells whether they are others. */
  pull: z.literal(true).exactOptional(),
  /** Config vars of its build alone. */
  env: z.record(z.string(), z.string()).readonly().exactOptional(),
  /** Percent of clients that it gets, as the app's canary; absent: it gets them all. */
  canary: z.int().min(1).max(99).exactOptional(),
  /** It was pushed before, and is built again. */
  rebuild: z.literal(true).exactOptional(),
})
export type PushChange = z.output<typeof PushChange>

/** The config var that says which paths an app is built of; no build has it. */
export const watchSetting = buildSettings['watch-paths']

/** An id of the config vars that a build has: the same for the same ones. */
function configId(of: Reached): string {
  const vars = Object.entries(varsFor('build', of)).filter(([name]) => name !== watchSetting)
  const entries = vars.sort(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256').update(JSON.stringify(entries)).digest('hex')
}

/** A commit is built and released. */
export const push = releasing<PushChange, Built>({
  schema: PushChange,
  describe: ({ commit, rebuild, canary }) =>
    `${rebuild ? 'Rebuild' : 'Deploy'} ${commit.slice(0, 7)}${canary === undefined ? '' : ` to ${canary} %`}`,
  changesNothing: ({ tree, unwatched, forced, noCache, pull, env }, current) => {
    const asked = forced ?? noCache ?? pull ?? env
    if (asked !== undefined || tree === undefined || current.source?.config !== configId(current)) return false
    const runs = `as v${String(current.version)}: nothing is built, and nothing restarted. \`git push -o rebuild\``
    if (tree === current.source.tree) return `This tree runs already, ${runs} or \`berth ps:rebuild\` builds it again`
    const { since, watch, paths } = unwatched ?? {}
    if (since === undefined || since !== current.commit || watch !== current.config[watchSetting]) return false
    return `Nothing of watch-paths has changed (${paths ?? ''}) since ${since.slice(0, 7)}, which runs on ${runs} builds it all the same`
  },
  make: (change, at) => {
    if (change.canary !== undefined) checkStable(at.app, at.current)
    return at.build(change)
  },
  madeNothing: ({ pull, tree, forced, noCache, env }, current, { image, images }) => {
    if (!pull || (forced ?? noCache ?? env) !== undefined || tree === undefined) return false
    if (tree !== current.source?.tree || current.source.config !== configId(current)) return false
    if (!isDeepStrictEqual([image, images], [current.image, current.images])) return false
    return `Of this tree the same image is made, which runs already, as v${String(current.version)}: nothing is restarted`
  },
  next: (change, current, { secrets = {}, variables = {}, ...built }) => {
    // one that was set while it was built is the one that is meant
    const config = configAfter({ ...secrets, ...current.config }, { set: variables, unset: [] })
    const known = formationFor(built.processTypes, current.formation)
    const formation = sizesDeclared(formationDeclared(known, current, built.declared), current, built.settings)
    // what has been built with more than the app's config vars is the same as nothing
    const tree = change.env ? undefined : change.rebuild ? current.source?.tree : change.tree
    const source = tree === undefined ? undefined : { tree, config: configId({ ...current, config }) }
    const said = {
      settings: undefined,
      declared: undefined,
      scripts: undefined,
      healthchecks: undefined,
      cron: undefined,
    }
    return { ...said, ...built, commit: change.commit, source, config, formation }
  },
  asCanary: ({ canary: percent }) => (percent === undefined ? undefined : { percent }),
  withCanary: ({ canary, rebuild }) => ((canary ?? rebuild) === undefined ? 'refused' : 'goes on'),
  runsReleaseCommand: true,
})
