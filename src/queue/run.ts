import type { App } from '../store/apps.js'
import type { Operation } from '../store/operations.js'
import type { Release } from '../store/releases.js'
import type { OperationLog } from '../builds/operation-log.js'
import type { OperationDeps } from './deps.js'

/** An operation that is being run. */
export interface OperationRun {
  readonly app: App
  /** The release before it; of an app that has none yet, v0. */
  readonly current: Release
  readonly operation: Operation
  readonly log: OperationLog
  readonly signal: AbortSignal
}

const told =
  (log: OperationLog, noun: string) =>
  (ahead: number): void =>
    log.step(`Waiting for ${ahead} ${noun}${ahead === 1 ? '' : 's'} ahead`)

/** Runs a task when fewer changes than may be at once go on over all apps; the log tells how many are ahead until then. */
export const waitForChanges = <T>(
  deps: OperationDeps,
  { signal, log }: OperationRun,
  task: () => Promise<T>,
): Promise<T> => deps.changes.run(task, { signal, told: told(log, 'change') })

/** The same of builds, which have a pool of their own, and no more memory together than there is: as earlier ones of the app took. */
export const waitForBuilds = <T>(
  deps: OperationDeps,
  { app, signal, log }: OperationRun,
  task: () => Promise<T>,
): Promise<T> => deps.builds.run(task, { signal, told: told(log, 'build'), weight: app.buildMemory ?? 0 })
