import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { checkFormation, readAppJson, type AppJson } from '../app-json/app-json.js'
import { healthChecksOf } from '../app-json/health-checks.js'
import { variablesAsked } from '../app-json/variables.js'
import type { Buildpack, ImagePlan, Plan } from '../buildpacks/buildpack.js'
import { appDirectory } from '../buildpacks/app-directory.js'
import { detect } from '../buildpacks/detect.js'
import { parseProcfile } from '../buildpacks/procfile.js'
import { directoryTree } from '../buildpacks/tree.js'
import { BerthError, is } from '../errors.js'
import { orMissing } from '../lib/missing.js'
import { own } from '../lib/own.js'
import { harmless } from '../lib/terminal.js'
import type { DeclaredChecks } from '../store/checks.js'
import { varsFor, type Reaches } from '../store/reach.js'
import { engineBack } from '../engine-client/back.js'
import { ensureStacks, withStackImages, type StackDeps } from '../stacks/ensure.js'
import { imageFile } from './image-file.js'
import { buildImage, type ImageOrder, type MadeImage } from './image.js'
import type { OperationLog } from './operation-log.js'
import { missingSecrets } from './secrets.js'

/** A build the engine went away from is begun again this often; its cache makes the second try short. */
const tries = 3

/** A tree to make an image of. */
export interface TreeOrder extends Omit<ImageOrder, 'plan' | 'buildpack'> {
  /** Who alone has which of its config vars. */
  readonly reach?: Reaches | undefined
  /** Buildpacks that are asked before those of Berth. */
  readonly buildpacks?: readonly Buildpack[]
  /** Names of the variables that its processes have of the services that it is linked to. */
  readonly linked?: readonly string[]
}

/** What comes of a build. */
export interface BuiltImage extends Pick<Plan, 'processTypes' | 'origin'> {
  /** What processes of a type have beside image and command. */
  readonly settings: Plan['settings'] | undefined
  /** Image id on the engine. */
  readonly image: string
  /** Process type -> image id, of those that run in another. */
  readonly images: Readonly<Record<string, string>> | undefined
  /** Memory that it took at most, in bytes; 0 where the engine does not say. */
  readonly memory: number
  /** Port that the image of `web` exposes. */
  readonly port: number | undefined
  /** Config vars that were made for it, to be kept. */
  readonly secrets: Readonly<Record<string, string>>
  /** Config vars that its app.json sets, to be kept. */
  readonly variables: Readonly<Record<string, string>>
  /** What the app says of its formation, and its app.json of scripts. */
  readonly declared: Readonly<Record<string, number>> | undefined
  readonly scripts: AppJson['scripts'] | undefined
  readonly healthchecks: AppJson['healthchecks']
  /** What its app.json wants run at times. */
  readonly cron: AppJson['cron'] | undefined
}

/**
 * From a tree to an image: detect, stack, build.
 * @throws BerthError in words for the pusher
 */
export async function buildTree(
  deps: StackDeps,
  order: TreeOrder,
  log: OperationLog,
  signal: AbortSignal,
): Promise<BuiltImage> {
  const { directory } = order
  if (!(await stat(directory).catch(orMissing(null))))
    throw new BerthError('broken', 'the pushed source is not there any more', 'push again')
  const place = appDirectory(directoryTree(directory), order.variables)
  const placed = { ...order, directory: join(directory, place) }
  const said = readAppJson(directoryTree(placed.directory))
  const { healthchecks: declared, notes } = healthChecksOf(said?.healthchecks ?? {}, directoryTree(placed.directory))
  const asked = variablesAsked(said?.env ?? {}, order.variables, order.linked)
  const seen = (config: Variables): Variables => varsFor('build', { config, reach: order.reach })
  const plan = planOf({ ...placed, variables: { ...order.stepVariables, ...seen({ ...order.variables, ...asked }) } })
  tellPlan(log, plan, place, [...(said?.notes ?? []), ...notes])
  const secrets = missingSecrets(plan.secrets, { ...order.variables, ...asked })
  tellVariables(log, asked, secrets)
  if (plan.typesFile === undefined) checkFormation(said?.formation ?? {}, plan.processTypes)
  const variables = seen({ ...order.variables, ...asked, ...secrets })
  const others = Object.entries(plan.images ?? {})
  for (const image of [plan, ...others.map(([, other]) => other)])
    await ensureStacks(deps, image, (line) => log.step(line))
  const build = (image: ImagePlan, tag: string): Promise<MadeImage> => {
    log.step(others.length === 0 ? 'Building...' : `Building ${nameOf(image)}...`)
    return tryBuild(deps, { ...placed, variables, tag, plan: image, buildpack: plan.buildpack }, log, signal)
  }
  const main = await build(plan, order.tag)
  const made = new Map<ImagePlan, MadeImage>()
  for (const [type, other] of others)
    if (!made.has(other)) made.set(other, await build(other, `${order.tag}-${type.toLowerCase()}`))
  const web = made.get(own(plan.images ?? {}, 'web') ?? plan) ?? main
  const processTypes = await typesOf(deps, plan, main.id)
  if (plan.typesFile !== undefined) tellTypes(log, processTypes)
  const healthchecks = withHealth({ ...plan.checks, ...declared }, processTypes, web, log)
  tellIdleChecks(log, healthchecks, processTypes)
  return {
    image: main.id,
    images: imagesMade(others, made),
    port: plan.webPort ?? web.port,
    memory: mostOf([main, ...made.values()]),
    secrets,
    variables: asked,
    ...keptOf(said, plan),
    healthchecks,
    processTypes,
    origin: plan.origin,
  }
}

/** What a release keeps of its app.json as it is. */
const keptOf = (
  said: AppJson | null,
  { formation, settings }: Plan,
): Pick<BuiltImage, 'declared' | 'settings' | 'scripts' | 'cron'> => ({
  declared: formation || said ? { ...formation, ...said?.formation } : undefined,
  settings,
  scripts: said?.scripts,
  cron: said?.cron,
})

/** The checks of the app, or where it says none of `web`, those of its image. */
function withHealth(
  declared: DeclaredChecks,
  types: Plan['processTypes'],
  { health }: MadeImage,
  log: OperationLog,
): DeclaredChecks {
  if (health.length === 0 || Object.hasOwn(declared, 'web') || !Object.hasOwn(types, 'web')) return declared
  log.detail('Note: HEALTHCHECK of the image is the startup and liveness check of web')
  return { ...declared, web: health }
}

type Variables = Readonly<Record<string, string>>

const mostOf = (made: readonly MadeImage[]): number => Math.max(...made.map(({ memory }) => memory))

/** By process type; undefined where all run in the one. */
function imagesMade(
  others: readonly (readonly [string, ImagePlan])[],
  made: ReadonlyMap<ImagePlan, MadeImage>,
): BuiltImage['images'] {
  const ids = others.flatMap(([type, image]): [string, string][] => [[type, made.get(image)?.id ?? '']])
  return ids.length === 0 ? undefined : Object.fromEntries(ids)
}

/** The values of config vars that are new with this build are hidden from here on. */
function tellVariables(log: OperationLog, asked: Variables, secrets: Variables): void {
  log.hide({ ...asked, ...secrets })
  for (const name of Object.keys(secrets)) log.detail(`Note: ${name} is made at random, and kept as a config var`)
  if (Object.keys(asked).length > 0) log.detail(`Sets config vars of app.json: ${Object.keys(asked).join(', ')}`)
}

function tellPlan(log: OperationLog, plan: Plan, place: string, notes: readonly string[]): void {
  log.step(`${plan.found} detected${place === '.' ? '' : ` in ${place}`}`)
  if (plan.version !== '') log.detail(`${plan.name} ${plan.version}`)
  if (plan.typesFile === undefined) tellTypes(log, plan.processTypes)
  for (const note of [...notes, ...plan.notes]) log.detail(`Note: ${note}`)
}

function tellTypes(log: OperationLog, processTypes: Plan['processTypes']): void {
  const types = Object.keys(processTypes)
  if (types.length > 0) log.detail(`Process types: ${types.join(', ')}`)
}

function tellIdleChecks(log: OperationLog, checks: AppJson['healthchecks'], types: Plan['processTypes']): void {
  for (const type of Object.keys(checks).filter((one) => !Object.hasOwn(types, one)))
    log.detail(`Note: there are health checks of ${harmless(type.slice(0, 80))}, which is no process type of the app`)
}

/** What runs: by the plan, and by what a buildpack has left in the image. @throws BerthError when it names nothing */
async function typesOf({ engine }: StackDeps, plan: Plan, image: string): Promise<Plan['processTypes']> {
  if (plan.typesFile === undefined) return plan.processTypes
  const text = (await imageFile(engine, image, plan.typesFile)) ?? ''
  if (text.trim() !== '') return { ...parseProcfile(text, 'bin/release'), ...plan.processTypes }
  throw new BerthError(
    'invalid',
    'nothing says what runs: there is no Procfile, and the last buildpack names no process type (bin/release)',
    'add a Procfile with a line such as `web: ./server`',
  )
}

/** An image by its Dockerfile, and the stage of it. */
const nameOf = ({ ownDockerfile, context, target, title }: ImagePlan): string =>
  title ??
  [...(context === undefined ? [] : [context]), ownDockerfile || 'Dockerfile'].join('/') +
    (target === undefined ? '' : `, stage ${target}`)

/** What a tree becomes. Its stages that all apps have in common are not made for each of them. */
function planOf({ directory, variables, buildpacks }: TreeOrder): Plan {
  const plan = detect(directoryTree(directory), variables, buildpacks)
  return { ...plan, dockerfile: withStackImages(plan.dockerfile) }
}

async function tryBuild(
  deps: StackDeps,
  order: ImageOrder,
  log: OperationLog,
  signal: AbortSignal,
): Promise<MadeImage> {
  for (let left = tries; ; left -= 1) {
    try {
      return await buildImage(deps, order, log, signal)
    } catch (error) {
      if (!is(error, 'unavailable') || left <= 1) throw error
      log.problem(error.message)
      await engineBack(deps.engine, signal)
      log.step('Building again...')
    }
  }
}
