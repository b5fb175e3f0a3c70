import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { endsApp } from '../changes/index.js'
import { is, messageOf } from '../errors.js'
import type { App } from '../store/apps.js'
import type { Operation } from '../store/operations.js'
import { removeCaches, removeImages } from './collect.js'
import { removeVolumes } from './volumes.js'
import { operationFiles, lastTree, removeSource, removeSourceTree } from '../builds/files.js'
import type { OperationDeps } from './deps.js'

/** Stops an app's processes and removes what the engine has of it. Safe to repeat. */
export async function dismantle(deps: OperationDeps, app: App): Promise<void> {
  await deps.scheduler.remove(app)
  await deps.services.unlinkAll(app.id)
  await removeVolumes(deps, app).catch((error: unknown) => {
    // what a container has still is tried again with the rest; an engine that is away would keep the app for ever
    if (!is(error, 'unavailable')) throw error
    deps.log.warn({ error: messageOf(error) }, 'volumes stay')
  })
  await removeImages(deps, app).catch((error: unknown) => deps.log.warn({ error: messageOf(error) }, 'images stay'))
  await removeCaches(deps, app).catch((error: unknown) => deps.log.warn({ error: messageOf(error) }, 'caches stay'))
}

/** Forgets an app: files, then all records in one step, so that a worker that dies in between goes on where it was. */
export async function forgetApp({ store, config }: OperationDeps, app: App, operation: Operation): Promise<void> {
  for (const other of await store.operations.pending(app.id))
    if (other.id !== operation.id)
      await store.operations.update(
        other.id,
        // who else wanted it destroyed has what they wanted
        endsApp(other) ? { status: 'succeeded' } : { status: 'failed', failure: 'the app was destroyed' },
      )
  for (const { id } of await store.operations.list(app.id)) {
    await removeSource(config, id)
    await rm(operationFiles(config, id).log, { force: true })
  }
  await removeSourceTree(lastTree(config, app.id))
  await rm(join(config.root, 'git', `${app.id}.git`), { recursive: true, force: true })
  await rm(join(config.root, 'cron', app.id), { recursive: true, force: true })
  await store.apps.remove(app.id)
  await store.operations.notify(operation.id, 'succeeded')
}
