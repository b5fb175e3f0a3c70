import { BerthError, messageOf } from '../errors.js'
import type { App } from '../store/apps.js'
import type { Deploy } from '../store/deploys.js'
import { firstRelease, type Release } from '../store/releases.js'
import { collectImages } from './collect.js'
import { DeployLog, secretsOf } from './deploy-log.js'
import { destroy } from './destroy.js'
import { keepSource } from './files.js'
import { buildPush } from './push.js'
import { nextRelease, type Built, type Releasing } from './release.js'
import type { Workshop } from './workshop.js'

/**
 * Carries out one deploy to its end: built, released, rolled out, its record and log closed. Every step may have been
 * done before by a worker that died: what it left is taken up, not made twice.
 * Rejects only when `signal` aborts; the deploy then stays pending.
 */
export async function carryOut(shop: Workshop, deploy: Deploy, signal: AbortSignal): Promise<void> {
  const { store, config } = shop
  const app = await store.apps.find(deploy.app)
  if (!app) return orphaned(shop, deploy)
  const current = await currentRelease(shop, app)
  const given = deploy.change.kind === 'config' ? deploy.change.set : {}
  const log = await DeployLog.open(config, store, deploy.id, secretsOf({ ...current.config, ...given }))
  if (deploy.status !== 'queued') log.step('Resuming after an interruption')
  let failure: string | null = null
  try {
    await make(shop, app, current, deploy, log, signal)
  } catch (error) {
    if (signal.aborted) {
      await log.close()
      throw error
    }
    failure = messageOf(error)
    log.problem(failure)
    if (error instanceof BerthError && error.hint !== undefined) log.problem(error.hint)
    if (!(error instanceof BerthError)) shop.log.error({ error, deploy: deploy.id }, 'deploy failed unexpectedly')
  }
  await log.close()
  if (deploy.change.kind === 'destroy' && failure === null) return destroy.forget(shop, app, deploy)
  await store.deploys.update(
    deploy.id,
    failure === null ? { status: 'succeeded' } : { status: 'failed', failure: failure.split('\n', 1)[0] ?? '' },
  )
  if (deploy.change.kind === 'push') {
    await keepSource(config, deploy.id, app.id)
    collectImages(shop, await store.apps.find(app.id).then((now) => now ?? app)).catch((error: unknown) =>
      shop.log.warn({ error: messageOf(error) }, 'images not collected'),
    )
  }
}

/** A deploy of an app that is no more: its destroyer may have died at the last step. */
async function orphaned({ store }: Workshop, deploy: Deploy): Promise<void> {
  await store.deploys.update(deploy.id, { status: 'failed', failure: 'the app was destroyed' })
  if ((await store.deploys.pending(deploy.app)).length === 0) await store.apps.remove(deploy.app)
}

async function make(
  shop: Workshop,
  app: App,
  current: Release,
  deploy: Deploy,
  log: DeployLog,
  signal: AbortSignal,
): Promise<void> {
  const { change } = deploy
  const detail = (line: string) => log.detail(line)
  switch (change.kind) {
    case 'restart':
      log.step(`Restarting ${change.process ?? 'all processes'}`)
      await shop.store.deploys.update(deploy.id, { status: 'releasing' })
      await shop.scheduler.restart(app, current, change.process, detail, signal)
      log.detail('Restarted; no new release')
      return
    case 'rename':
      await shop.scheduler.refreshRoute(app)
      log.detail(`${shop.config.appUrl(app.name)} is the app's address now; no new release`)
      return
    case 'destroy':
      log.step(`Destroying ${app.name}`)
      return destroy.stop(shop, app)
    case 'push':
    case 'config':
    case 'scale':
    case 'rollback':
      return release(shop, app, current, deploy, change, log, signal)
  }
}

async function release(
  shop: Workshop,
  app: App,
  current: Release,
  deploy: Deploy,
  change: Releasing,
  log: DeployLog,
  signal: AbortSignal,
): Promise<void> {
  const { store, scheduler, config } = shop
  const version = deploy.release ?? (await store.releases.nextVersion(app.id))
  let next = deploy.release === null ? null : await store.releases.get(app.id, version).catch(() => null)
  if (next === null) {
    const built: Built | undefined =
      change.kind === 'push' ? await buildPush(shop, app, deploy, change, version, log, signal) : undefined
    const old = change.kind === 'rollback' ? await releaseToReturnTo(shop, app, change.version) : undefined
    next = nextRelease(current, version, change, { ...(built && { built }), ...(old && { old }) })
    // the number first: a worker that dies between the two writes finds it taken, and makes the same release again
    await store.deploys.update(deploy.id, { status: 'releasing', release: version })
    await store.releases.put(next)
  }
  try {
    if (next.image !== null) {
      await runReleaseCommand(shop, app, next, change, log, signal)
      log.step('Launching...')
      await scheduler.rollOut(app, next, (line) => log.detail(line), signal)
    }
  } catch (error) {
    if (!signal.aborted) await store.releases.update(app.id, version, { status: 'failed', failure: messageOf(error) })
    throw error
  }
  await store.releases.update(app.id, version, { status: 'succeeded' })
  const { name } = await store.apps.update(app.id, { current: version })
  log.detail(`Released v${String(version)}`)
  if (next.image !== null) log.detail(`${config.appUrl(name)} deployed to Berth`)
}

/** Process type `release` runs once, in the new image, before anything is switched. Only what brings another image has it run. */
async function runReleaseCommand(
  { scheduler }: Workshop,
  app: App,
  next: Release,
  change: Releasing,
  log: DeployLog,
  signal: AbortSignal,
): Promise<void> {
  const command = next.processTypes.release
  if (command == null || change.kind !== 'push') return
  log.step(`Running release command: ${command}`)
  const code = await scheduler.runOnce(app, next, command, (line) => log.output(line), signal)
  if (code !== 0)
    throw new BerthError(
      'invalid',
      `the release command ended with exit code ${String(code)}: nothing was switched`,
      'its output is above',
    )
}

async function releaseToReturnTo({ store, docker }: Workshop, app: App, version: number): Promise<Release> {
  const old = await store.releases.get(app.id, version)
  if (old.image === null) return old // nextRelease says why not
  try {
    await docker.getImage(old.image).inspect()
  } catch (error) {
    throw new BerthError(
      'conflict',
      `the image of v${String(version)} is not there any more`,
      'check out its commit and push it again',
      error,
    )
  }
  return old
}

async function currentRelease({ store }: Workshop, app: App): Promise<Release> {
  if (app.current > 0) return store.releases.current(app)
  return { ...firstRelease(app.id), version: 0 }
}
