import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Plan } from '../buildpacks/buildpack.js'
import { appDirectory } from '../buildpacks/app-directory.js'
import { detect } from '../buildpacks/detect.js'
import { directoryTree } from '../buildpacks/tree.js'
import { BerthError, is } from '../errors.js'
import { orMissing } from '../lib/missing.js'
import { ensureStacks, withStackImages, type StackDeps } from '../stacks/ensure.js'
import { buildImage, type ImageOrder } from './image.js'
import type { OperationLog } from './operation-log.js'

/** A build the engine went away from is begun again this often; its cache makes the second try short. */
const tries = 3

/** A tree to make an image of. */
export type TreeOrder = Omit<ImageOrder, 'plan'>

/** What comes of a build. */
export interface BuiltImage extends Pick<Plan, 'processTypes' | 'origin'> {
  /** Image id on the engine. */
  readonly image: string
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
  const own = { ...order, directory: join(directory, place) }
  const plan = planOf(own)
  log.step(`${plan.found} detected${place === '.' ? '' : ` in ${place}`}`)
  if (plan.version !== '') log.detail(`${plan.name} ${plan.version}`)
  const types = Object.keys(plan.processTypes)
  if (types.length > 0) log.detail(`Process types: ${types.join(', ')}`)
  for (const note of plan.notes) log.detail(`Note: ${note}`)
  await ensureStacks(deps, plan.dockerfile, (line) => log.step(line))
  log.step('Building...')
  const image = await tryBuild(deps, { ...own, plan }, log, signal)
  return { image, processTypes: plan.processTypes, origin: plan.origin }
}

/** What a tree becomes. Its stages that all apps have in common are not made for each of them. */
function planOf({ directory, variables }: TreeOrder): Plan {
  const plan = detect(directoryTree(directory), variables)
  return { ...plan, dockerfile: withStackImages(plan.dockerfile) }
}

async function tryBuild(deps: StackDeps, order: ImageOrder, log: OperationLog, signal: AbortSignal): Promise<string> {
  for (let left = tries; ; left -= 1) {
    try {
      return await buildImage(deps, order, log, signal)
    } catch (error) {
      if (!is(error, 'unavailable') || left <= 1) throw error
      log.problem(error.message)
      await engineBack(deps, signal)
      log.step('Building again...')
    }
  }
}

/** Resolves when the engine answers, or after half a minute in which it did not. */
async function engineBack({ engine }: StackDeps, signal: AbortSignal): Promise<void> {
  for (let left = 150; left > 0; left -= 1) {
    await delay(200, undefined, { signal }) // a socket file offers nothing to wait on
    if (await engine.answers()) return
  }
}
