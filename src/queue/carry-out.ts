import { label } from '../config.js'
import { BerthError, is, messageOf } from '../errors.js'
import { own } from '../lib/own.js'
import type { App } from '../store/apps.js'
import type { Change, Operation } from '../store/operations.js'
import { firstRelease, type Release } from '../store/releases.js'
import { collectImages, trim } from './collect.js'
import { DeployLog, secretsOf } from './deploy-log.js'
import { destroy } from './destroy.js'
import { deployFiles, keepSource, removeSource } from './files.js'
import { buildPush } from './push.js'
import { checkOut } from './rebuild.js'
import { changesNothing, nextRelease, outcomeOf, rollbackNotes, type Built, type Releasing } from './release.js'
import { within } from './within.js'
import type { Workshop } from './workshop.js'

/**
 * Carries out one deploy to its end: built, released, rolled out, its record and log closed. Every step may have been
 * done before by a worker that died: what it left is taken up, not made twice.
 * Rejects only when `stopping` aborts; the deploy then stays pending.
 * @param cancel aborts with a BerthError that says why the deploy shall end before it has come to its end
 */
export async function carryOut(
  shop: Workshop,
  deploy: Operation,
  { stopping, cancel }: { readonly stopping: AbortSignal; readonly cancel: AbortSignal },
): Promise<void> {
  const { store, config } = shop
  const app = await store.apps.find(deploy.app)
  if (!app) return orphaned(shop, deploy)
  const current = await currentRelease(shop, app)
  const given = deploy.change.kind === 'config' ? deploy.change.set : {}
  const log = await DeployLog.open(config, store, deploy.id, secretsOf({ ...current.config, ...given }))
  if (deploy.status !== 'queued') log.step('Resuming after an interruption')
  let failure: string | null = null
  let end: 'failed' | 'cancelled' = 'failed'
  try {
    await make(shop, app, current, deploy, log, AbortSignal.any([stopping, cancel]))
  } catch (thrown) {
    if (stopping.aborted) {
      await log.close()
      throw thrown
    }
    const error: unknown = cancel.aborted ? cancel.reason : thrown
    end = cancel.aborted ? 'cancelled' : 'failed'
    failure = messageOf(error)
    await abandon(shop, app, deploy.id, failure)
    log.problem(failure)
    if (error instanceof BerthError && error.hint !== undefined) log.problem(error.hint)
    if (!(error instanceof BerthError)) shop.log.error({ error, deploy: deploy.id }, 'deploy failed unexpectedly')
  }
  await log.close()
  if (deploy.change.kind === 'destroy' && failure === null) return destroy.forget(shop, app, deploy)
  await store.operations.update(
    deploy.id,
    failure === null ? { status: 'succeeded' } : { status: end, failure: failure.split('\n', 1)[0] ?? '' },
  )
  if (deploy.change.kind === 'push') await keepSource(config, deploy.id, app.id)
  else await removeSource(config, deploy.id) // a rollback may have had to build
  await tidy(shop, (await store.apps.find(app.id)) ?? app, deploy.change.kind === 'push')
}

/** What is too old to keep goes; what cannot go now goes after the next deploy. */
async function tidy(shop: Workshop, app: App, pushed: boolean): Promise<void> {
  const warn = (error: unknown) =>
    shop.log.warn({ error: messageOf(error), app: app.name }, 'not all that is old is gone')
  await trim(shop, app).catch(warn)
  if (pushed) collectImages(shop, app).catch(warn)
}

/** Writes down that a deploy's release, if it had come to that, failed, and removes the release command that it left. */
async function abandon({ store, engine, config, log }: Workshop, app: App, id: string, failure: string): Promise<void> {
  const { release } = await store.operations.get(id)
  if (release === null) return
  try {
    await store.releases.update(app.id, release, { status: 'failed', failure })
  } catch (error) {
    if (!is(error, 'missing')) throw error // its worker died between the two writes
  }
  const labels = { [label.instance]: config.name, [label.app]: app.id, [label.process]: `release.${String(release)}` }
  const filter = Object.entries(labels).map(([key, value]) => `${key}=${value}`)
  try {
    for (const { Id } of await engine.containers.list(filter)) await engine.containers.remove(Id)
  } catch (error) {
    log.warn({ error: messageOf(error), app: app.name }, 'the release command stays')
  }
}

/** A deploy of an app that is no more: its destroyer may have died at the last step. */
async function orphaned({ store }: Workshop, deploy: Operation): Promise<void> {
  await store.operations.update(deploy.id, { status: 'failed', failure: 'the app was destroyed' })
  if ((await store.operations.pending(deploy.app)).length === 0) await store.apps.remove(deploy.app)
}

async function make(
  shop: Workshop,
  app: App,
  current: Release,
  deploy: Operation,
  log: DeployLog,
  signal: AbortSignal,
): Promise<void> {
  const { change } = deploy
  switch (change.kind) {
    case 'restart':
    case 'rename':
    case 'destroy':
      return inTurn(shop, log, signal, () => operate(shop, app, current, { ...deploy, change }, log, signal))
    case 'push':
    case 'config':
    case 'scale':
    case 'rollback':
      return release(shop, app, current, deploy, change, log, signal)
  }
}

/** A change that makes no release. */
async function operate(
  { store, scheduler, config, ...shop }: Workshop,
  app: App,
  current: Release,
  { id, change }: Operation & { readonly change: Exclude<Change, Releasing> },
  log: DeployLog,
  signal: AbortSignal,
): Promise<void> {
  switch (change.kind) {
    case 'restart':
      log.step(`Restarting ${change.process ?? 'all processes'}`)
      await store.operations.update(id, { status: 'releasing' })
      await scheduler.restart(app, current, change.process, (line) => log.detail(line), signal)
      log.detail('Restarted; no new release')
      return
    case 'rename':
      await scheduler.refreshRoute(app)
      log.detail(`${config.appUrl(app.name)} is the app's address now; no new release`)
      return
    case 'destroy':
      log.step(`Destroying ${app.name}`)
      return destroy.stop({ store, scheduler, config, ...shop }, app)
  }
}

async function release(
  shop: Workshop,
  app: App,
  current: Release,
  deploy: Operation,
  change: Releasing,
  log: DeployLog,
  signal: AbortSignal,
): Promise<void> {
  const { store, scheduler, config } = shop
  if (deploy.release === null && changesNothing(current, change)) {
    log.detail('Nothing changes: no release, no restart')
    return
  }
  const version = deploy.release ?? (await store.releases.nextVersion(app.id))
  let next = deploy.release === null ? null : await store.releases.get(app.id, version).catch(() => null)
  if (next === null) {
    const built: Built | undefined =
      change.kind === 'push' ? await buildInTurn(shop, app, deploy, change, version, log, signal) : undefined
    const again = async (commit: string): Promise<Built> => {
      log.step(
        `The image of v${String((change as { version: number }).version)} is not there: building ${commit.slice(0, 7)} again`,
      )
      await checkOut(config, app, commit, deployFiles(config, deploy.id).source)
      return buildInTurn(shop, app, deploy, { kind: 'push', commit, branch: '' }, version, log, signal)
    }
    const old = change.kind === 'rollback' ? await releaseToReturnTo(shop, app, change.version, again) : undefined
    if (old) for (const line of rollbackNotes(current, old)) log.detail(line)
    next = nextRelease(current, version, change, { ...(built && { built }), ...(old && { old }) })
    // the number first: a worker that dies between the two writes finds it taken, and makes the same release again
    await store.operations.update(deploy.id, { status: 'releasing', release: version })
    await store.releases.put(next)
  }
  if (await scheduler.isRolledOut(app, version)) {
    // a worker died between the switch, which nothing undoes, not even a cancel, and the record of it
    await scheduler.refreshRoute(app).catch((error: unknown) => shop.log.warn({ error: messageOf(error) }, 'route'))
  } else if (next.image !== null) {
    await runReleaseCommand(shop, app, next, change, log, signal)
    await inTurn(shop, log, signal, async () => {
      log.step('Launching...')
      await scheduler.rollOut(app, next, (line) => log.detail(line), signal)
    })
  }
  await store.releases.update(app.id, version, { status: 'succeeded' })
  const { name } = await store.apps.update(app.id, { current: version })
  log.detail(`Released v${String(version)}`)
  if (next.image !== null) for (const line of outcomeOf(next, config.appUrl(name))) log.detail(line)
}

const count = (ahead: number, noun: string): string => `${String(ahead)} ${noun}${ahead === 1 ? '' : 's'}`

const inTurn = ({ changes }: Workshop, log: DeployLog, signal: AbortSignal, task: () => Promise<void>): Promise<void> =>
  changes.run(task, { signal, told: (ahead) => log.step(`Waiting for ${count(ahead, 'change')} ahead`) })

/** Builds when there is room, and for so long and no longer. */
async function buildInTurn(
  shop: Workshop,
  app: App,
  deploy: Operation,
  change: Extract<Releasing, { kind: 'push' }>,
  version: number,
  log: DeployLog,
  signal: AbortSignal,
): Promise<Built> {
  const limit = { what: 'the build', ms: shop.config.limits.build, setting: 'BERTH_BUILD_LIMIT' }
  const told = (ahead: number) => log.step(`Waiting for ${count(ahead, 'build')} ahead`)
  return shop.builds.run(
    () => within(limit, signal, (until) => buildPush(shop, app, deploy, change, version, log, until)),
    { signal, told },
  )
}

/** Process type `release` runs once, in the new image, before anything is switched. Only what brings another image has it run. */
async function runReleaseCommand(
  { scheduler, config }: Workshop,
  app: App,
  next: Release,
  change: Releasing,
  log: DeployLog,
  signal: AbortSignal,
): Promise<void> {
  const command = own(next.processTypes, 'release')
  if (command == null || change.kind !== 'push') return
  log.step(`Running release command: ${command}`)
  const limit = { what: 'the release command', ms: config.limits.release, setting: 'BERTH_RELEASE_LIMIT' }
  const output = async (line: string) => {
    log.output(line)
    await log.room()
  }
  const code = await within(limit, signal, (until) => scheduler.runOnce(app, next, command, output, until))
  if (code !== 0)
    throw new BerthError(
      'invalid',
      `the release command ended with exit code ${String(code)}: nothing was switched`,
      'its output is above',
    )
}

/** An old release; one whose image is gone is built again from the repository. */
async function releaseToReturnTo(
  { store, engine }: Workshop,
  app: App,
  version: number,
  again: (commit: string) => Promise<Built>,
): Promise<Release> {
  const old = await store.releases.get(app.id, version)
  if (old.image === null) return old // nextRelease says why not
  if ((await engine.images.inspect(old.image)) !== null) return old
  if (old.commit === null)
    throw new BerthError('missing', `the image of v${String(version)} is no longer on the engine`, 'push the app again')
  return { ...old, image: (await again(old.commit)).image }
}

async function currentRelease({ store }: Workshop, app: App): Promise<Release> {
  if (app.current > 0) return store.releases.current(app)
  return { ...firstRelease(app.id), version: 0 }
}
