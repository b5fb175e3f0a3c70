import { changeOf, checkBesideCanary, endingOf, endsApp, isBuild, kindOf } from '../changes/index.js'
import type { Acting } from '../changes/kind.js'
import { label } from '../config.js'
import { BerthError, messageOf } from '../errors.js'
import { orMissing } from '../lib/missing.js'
import type { App } from '../store/apps.js'
import { valuesOf, type Operation } from '../store/operations.js'
import { firstRelease, type Release } from '../store/releases.js'
import { collectImages, trim } from './collect.js'
import { OperationLog } from '../builds/operation-log.js'
import { secretsOf } from '../lib/mask.js'
import { dismantle, forgetApp } from './destroy.js'
import { keepSource, removeSource } from '../builds/files.js'
import { makeRelease } from './make-release.js'
import { startCanary } from './start-canary.js'
import { waitForChanges, type OperationRun } from './run.js'
import { onceNames } from './scripts.js'
import { askFirst, tellEnd } from './tell-hooks.js'
import { tellWhoWantsToKnow } from './notify.js'
import type { OperationDeps } from './deps.js'
import { removeVolume } from './volumes.js'

/**
 * Runs one operation to its end: built, released, rolled out, its record and log closed. Every step may have been
 * done before by a worker that died: what it left is taken up, not made twice.
 * Rejects only when `stopping` aborts; the operation then stays pending.
 * @param cancel aborts with a BerthError that says why the operation shall end before it has come to its end
 */
export async function runOperation(
  deps: OperationDeps,
  operation: Operation,
  { stopping, cancel }: { readonly stopping: AbortSignal; readonly cancel: AbortSignal },
): Promise<void> {
  const { store, config } = deps
  const app = await store.apps.find(operation.app)
  if (!app) return orphaned(deps, operation)
  const current = await currentRelease(deps, app)
  const secrets = [...secretsNow(current, operation), ...secretsOf(await store.services.urlsOf(current.links))]
  const log = await OperationLog.open(config, store, operation.id, secrets)
  if (operation.status !== 'queued') log.step('Resuming after an interruption')
  let failure: string | null = null
  let end: 'failed' | 'cancelled' = 'failed'
  const run = { app, current, operation, log, signal: AbortSignal.any([stopping, cancel]) }
  try {
    await askFirst(deps, run)
    await apply(deps, run)
  } catch (thrown) {
    if (stopping.aborted) {
      await log.close()
      throw thrown
    }
    const error: unknown = cancel.aborted ? cancel.reason : thrown
    end = cancel.aborted ? 'cancelled' : 'failed'
    failure = messageOf(error)
    await abandon(deps, app, operation.id, failure)
    log.problem(failure)
    if (error instanceof BerthError && error.hint !== undefined) log.problem(error.hint)
    if (!(error instanceof BerthError))
      deps.log.error({ error, operation: operation.id }, 'operation failed unexpectedly')
  }
  await endChange(deps, run, failure === null)
  await tellEnd(deps, { ...run, signal: stopping }, { status: failure === null ? 'succeeded' : end, failure })
  tellWhoWantsToKnow(deps, run, failure === null ? null : { end, why: failure })
  await log.close()
  if (endsApp(operation) && failure === null) return forgetApp(deps, app, operation)
  await store.operations.update(
    operation.id,
    failure === null ? { status: 'succeeded' } : { status: end, failure: failure.split('\n', 1)[0] ?? '' },
  )
  if (isBuild(operation)) await keepSource(config, operation.id, app.id)
  else await removeSource(config, operation.id) // a rollback may have had to build
  await tidy(deps, (await store.apps.find(app.id)) ?? app, isBuild(operation))
}

/** What the log of an operation must not show: neither the app's secrets, nor those that it is about to have. */
function secretsNow({ config, reach }: Release, { change }: Operation): string[] {
  const values = valuesOf(change)
  const given = 'env' in change ? 'build' : change.reach
  const coming = typeof given === 'string' ? Object.keys(values).map((name): [string, string] => [name, given]) : []
  return [...secretsOf(config, reach), ...secretsOf(values, { ...reach, ...Object.fromEntries(coming) })]
}

/** Does what an operation is about. */
async function apply(deps: OperationDeps, run: OperationRun): Promise<void> {
  const change = changeOf(run.operation)
  const kind = kindOf(change)
  checkBesideCanary(change, run.app)
  if ('next' in kind) return makeRelease(deps, run, change, kind)
  return waitForChanges(deps, run, () => kind.act(change, actingOf(deps, run)))
}

/** Does what the change's kind has to do in the end. */
async function endChange(deps: OperationDeps, { app, operation }: OperationRun, succeeded: boolean): Promise<void> {
  const { store, services } = deps
  const end = endingOf(operation)
  const now = end && (await store.apps.find(app.id))
  if (!now) return
  const current = await currentRelease(deps, now)
  await end({ succeeded, current, unlink: (service) => services.unlink(app.id, service) })
}

const actingOf = (deps: OperationDeps, { app, current, operation, log, signal }: OperationRun): Acting => ({
  app,
  current,
  store: deps.store,
  progress: log,
  url: deps.config.appUrl(app),
  restart: async (process) => {
    await deps.store.operations.update(operation.id, { status: 'releasing' })
    await deps.scheduler.restart(app, current, process, { log: (line) => log.detail(line), signal })
  },
  release: (version) => deps.store.releases.get(app.id, version),
  hasImage: async (image) => (await deps.engine.images.inspect(image)) !== null,
  startCanary: async (release, canary) => {
    await deps.store.operations.update(operation.id, { status: 'releasing' })
    await startCanary(deps, { app, current, operation, log, signal }, release, canary)
  },
  refreshRoute: () => deps.scheduler.refreshRoute(app),
  dismantle: () => dismantle(deps, app),
  removeVolume: (name) => removeVolume(deps, app, name, signal),
})

/** What is too old to keep goes; what cannot go now goes after the next operation. */
async function tidy(deps: OperationDeps, app: App, pushed: boolean): Promise<void> {
  const warn = (error: unknown) =>
    deps.log.warn({ error: messageOf(error), app: app.name }, 'not all that is old is gone')
  await trim(deps, app).catch(warn)
  if (pushed) collectImages(deps, app).catch(warn)
}

/** Writes down that an operation's release, if it had come to that, failed, and removes the release command that it left. */
async function abandon(
  { store, engine, config, log }: OperationDeps,
  app: App,
  id: string,
  failure: string,
): Promise<void> {
  const { release } = await store.operations.get(id)
  if (release === null) return
  // without a record, its worker died between the two writes
  await store.releases.update(app.id, release, { status: 'failed', failure }).catch(orMissing(null))
  const labels = { [label.instance]: config.name, [label.app]: app.id }
  const filter = Object.entries(labels).map(([key, value]) => `${key}=${value}`)
  const once = onceNames.map((name) => `${name}.${String(release)}`)
  try {
    for (const { Id, Labels } of await engine.containers.list(filter))
      if (once.includes(Labels[label.process] ?? '')) await engine.containers.remove(Id)
  } catch (error) {
    log.warn({ error: messageOf(error), app: app.name }, 'the release command stays')
  }
}

/** An operation of an app that is no more: its destroyer may have died at the last step. */
async function orphaned({ store }: OperationDeps, { id, app }: Operation): Promise<void> {
  await store.operations.update(id, { status: 'failed', failure: 'the app was destroyed' })
  if ((await store.operations.pending(app)).length === 0) await store.apps.remove(app)
}

async function currentRelease({ store }: OperationDeps, app: App): Promise<Release> {
  if (app.current > 0) return store.releases.current(app)
  return { ...firstRelease(app.id), version: 0 }
}
