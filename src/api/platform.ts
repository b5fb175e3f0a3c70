import type { Change } from '../changes/index.js'
import type { Config } from '../config.js'
import type { DiskMeter } from '../disk/meter.js'
import type { EngineClient } from '../engine-client/client.js'
import type { SyncRun } from '../git/sync/syncing.js'
import type { LogQuery, OneOff, OneOffSpec } from '../scheduler/scheduler.js'
import type { ServiceLookDeps } from '../services/server.js'
import type { App } from '../store/apps.js'
import type { CronRun } from '../store/cron.js'
import type { Asker, Operation } from '../store/operations.js'
import type { Store } from '../store/store.js'
import type { CheckRun, LogLineView, ProcessView } from './contract.js'
import type { Grants } from '../access/grants.js'

export interface OperationLogOptions {
  /** Byte to begin at. */
  readonly from?: number
  readonly follow: boolean
  readonly signal: AbortSignal
}

/** What the control API needs of the other rooms. */
export interface ControlApiDeps {
  readonly config: Config
  readonly store: Store
  readonly grants: Grants
  /** Aborted when this process is about to end: streams end then. */
  readonly closing: AbortSignal
  /** The container engine that apps run on. */
  readonly engine: () => Promise<EngineClient>
  /** What is on the disk, and what apps may have of it. */
  readonly meter: DiskMeter
  /** What looking at services takes, and running something in them. */
  readonly services: () => Promise<ServiceLookDeps>
  /** Records a change for the worker to carry out; durable when it resolves. */
  submit(app: App, change: Change, by: Asker | null): Promise<Operation>
  /** Has the commit that an app runs built again from its repository; durable when it resolves. */
  rebuild(app: App, by: Asker | null): Promise<Operation>
  /** Has the repository that an app is kept from fetched, and what is new deployed; sure to be done when it resolves. */
  sync(app: App, by: Asker | null): Promise<SyncRun>
  /** Removes what builds of an app keep for the next. @returns bytes that are free now */
  purgeCaches(app: App): Promise<number>
  /** The log of an operation; with `follow`, until the operation is over or the signal aborts. */
  operationLog(
    operation: Operation,
    options: OperationLogOptions,
  ): AsyncIterable<{ readonly text: string; readonly offset: number }>
  processes(app: App): Promise<ProcessView[]>
  logs(app: App, query: LogQuery): AsyncIterable<LogLineView>
  /** Does the checks of running processes, once each. */
  runChecks(app: App, process: string | null, signal: AbortSignal): Promise<CheckRun[]>
  /** What a cron run wrote; with `follow`, until it is over or the signal aborts. Answers with the run as it is then. */
  cronOutput(
    app: App,
    run: CronRun,
    options: { readonly follow: boolean; readonly signal: AbortSignal },
  ): AsyncGenerator<{ readonly time: string; readonly text: string }, CronRun, void>
  /** Starts a one-off process; it is killed when the signal aborts. */
  run(app: App, spec: OneOffSpec, signal: AbortSignal): Promise<OneOff>
}
