import type { Writable } from 'node:stream'
import type { Change } from '../changes/index.js'
import type { Config } from '../config.js'
import type { App } from '../store/apps.js'
import type { Asker, Operation } from '../store/operations.js'
import type { Store } from '../store/store.js'
import type { LogLine, ProcessView } from './contract.js'
import type { Grants } from '../access/grants.js'

export interface DeployLogOptions {
  /** Byte to begin at. */
  readonly from?: number
  readonly follow: boolean
  readonly signal: AbortSignal
}

export interface LogQuery {
  readonly lines: number
  readonly process?: string | undefined
  readonly follow: boolean
  readonly signal: AbortSignal
}

/** What a one-off process is to run, and on what terminal. */
export interface OneOffSpec {
  readonly command: readonly string[]
  readonly tty: boolean
  readonly rows: number
  readonly columns: number
}

/** A one-off process that runs. */
export interface OneOff {
  /** `run.1234` */
  readonly process: string
  readonly stdin: Writable
  /** What it writes, as it comes. On a terminal all is `stdout`. */
  readonly output: AsyncIterable<{ readonly stream: 'stdout' | 'stderr'; readonly chunk: Buffer }>
  /** Resolves with the exit code. */
  readonly exit: Promise<number>
  resize(columns: number, rows: number): Promise<void>
}

/** What the control API needs of the other rooms. */
export interface Platform {
  readonly config: Config
  readonly store: Store
  readonly grants: Grants
  /** Aborted when this process is about to end: streams end then. */
  readonly closing: AbortSignal
  /** Records a change for the worker to carry out; durable when it resolves. */
  submit(app: App, change: Change, by: Asker | null): Promise<Operation>
  /** Has the commit that an app runs built again from its repository; durable when it resolves. */
  rebuild(app: App, by: Asker | null): Promise<Operation>
  /** The log of a deploy; with `follow`, until the deploy is over or the signal aborts. */
  deployLog(
    deploy: Operation,
    options: DeployLogOptions,
  ): AsyncIterable<{ readonly text: string; readonly offset: number }>
  processes(app: App): Promise<ProcessView[]>
  logs(app: App, query: LogQuery): AsyncIterable<LogLine>
  /** Starts a one-off process; it is killed when the signal aborts. */
  run(app: App, spec: OneOffSpec, signal: AbortSignal): Promise<OneOff>
}
