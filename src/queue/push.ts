import { stat } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { detect } from '../buildpacks/detect.js'
import { parseProcfile, saysWhatRuns } from '../buildpacks/procfile.js'
import { directoryTree } from '../buildpacks/tree.js'
import type { Built } from '../changes/kind.js'
import { isBuild } from '../changes/index.js'
import { BerthError } from '../errors.js'
import { orMissing } from '../lib/missing.js'
import type { App } from '../store/apps.js'
import type { Operation } from '../store/operations.js'
import { build } from './build.js'
import type { DeployLog } from './deploy-log.js'
import { deployFiles } from './files.js'
import { ensureStack } from './stack.js'
import type { Workshop } from './workshop.js'

/** A build the engine went away from is begun again this often; its cache makes the second try short. */
const tries = 3

/** Name of an app's image in the engine; two apps that bear a name one after the other do not share it. */
export const imageTag = (app: App, version: number): string =>
  `berth/${app.name}-${app.id.slice(0, 6)}:v${String(version)}`

/**
 * From a pushed tree to an image: detect, stack, build.
 * @throws BerthError in words for the pusher
 */
export async function buildPush(
  shop: Workshop,
  app: App,
  deploy: Operation,
  { unless = [] }: { readonly unless?: readonly string[] | undefined },
  version: number,
  log: DeployLog,
  signal: AbortSignal,
): Promise<Built> {
  await checkStillWanted(shop, unless)
  await shop.store.operations.update(deploy.id, { status: 'building' })
  const directory = deployFiles(shop.config, deploy.id).source
  if (!(await stat(directory).catch(orMissing(null))))
    throw new BerthError('broken', 'the pushed source is not there any more', 'push again')
  const tree = directoryTree(directory)
  const plan = detect(tree)
  log.step(`${plan.name} ${plan.buildpack === 'nodejs' ? 'app ' : ''}detected`)
  if (plan.version !== '') log.detail(`${plan.name} ${plan.version}`)
  const types = Object.keys(plan.processTypes)
  if (types.length > 0) log.detail(`Process types: ${types.join(', ')}`)
  for (const note of plan.notes) log.detail(`Note: ${note}`)
  await ensureStack(shop, plan.dockerfile, (line) => log.step(line))
  log.step('Building...')
  const variables = app.current > 0 ? (await shop.store.releases.get(app.id, app.current)).config : {}
  const order = { app, directory, plan, tag: imageTag(app, version), variables }
  const image = await tryBuild(shop, order, log, signal)
  const procfile = tree.read('Procfile')
  const declared = procfile !== null && saysWhatRuns(parseProcfile(procfile))
  const origin = declared ? 'Procfile' : plan.buildpack === 'nodejs' ? 'package.json' : 'Dockerfile'
  return { image, processTypes: plan.processTypes, origin }
}

async function tryBuild(
  shop: Workshop,
  order: Parameters<typeof build>[1],
  log: DeployLog,
  signal: AbortSignal,
): Promise<string> {
  for (let left = tries; ; left -= 1) {
    try {
      return await build(shop, order, log, signal)
    } catch (error) {
      if (!(error instanceof BerthError) || error.fault !== 'unavailable' || left <= 1) throw error
      log.problem(error.message)
      await engineBack(shop, signal)
      log.step('Building again...')
    }
  }
}

/** Resolves when the engine answers, or after half a minute in which it did not. */
async function engineBack({ engine }: Workshop, signal: AbortSignal): Promise<void> {
  for (let left = 150; left > 0; left -= 1) {
    await delay(200, undefined, { signal }) // a socket file offers nothing to wait on
    if (await engine.answers()) return
  }
}

/** @throws BerthError `conflict` when a push this one does not build upon has landed since */
async function checkStillWanted({ store }: Workshop, unless: readonly string[]): Promise<void> {
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
