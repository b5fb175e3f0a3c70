import type { Writable } from 'node:stream'
import type { App } from '../store/apps.js'
import type { Canary } from '../store/canaries.js'
import type { CheckPhase } from '../store/checks.js'
import type { Release } from '../store/releases.js'
import type { ProcessState } from './lifecycle.js'

/** How something that takes long is followed, and ended. */
export interface TaskOptions {
  /** A line of what goes on; the task goes no faster than this takes it. */
  readonly log: (line: string) => unknown
  readonly signal: AbortSignal
}

/** A command that runs once, to its end. */
export interface OnceTask {
  /** `release.3`: two of an app that bear one name never run at once. */
  readonly name: string
  /** Process type whose image it runs in. */
  readonly type: string
  /** As in a Procfile; null is the image's own. */
  readonly command: string | null
}

/** A process as `ps` shows it. */
export interface Process {
  /** `web.1` */
  readonly name: string
  readonly type: string
  /** Container id; null for one that should run and is not there yet. */
  readonly container: string | null
  /**
   * `down`: it should run, and does not, and nothing is being done about it at this moment. `unready`: it runs, and gets no
   * requests until it passes its readiness checks.
   */
  readonly state: ProcessState | 'down' | 'unready'
  /** RFC 3339; null when not known. */
  readonly since: string | null
  /** When a crashed process is started again, RFC 3339. */
  readonly until: string | null
  /** Crashes in a row. */
  readonly restarts: number
  /** Why it crashed, one line. */
  readonly failure: string | null
  readonly release: number
  /** Null is the image's own. */
  readonly command: string | null
  /** Bytes. */
  readonly memory: number
  readonly cpus: number
}

/** What came of a check of a running process. */
export interface CheckResult {
  /** `web.1` */
  readonly process: string
  readonly phase: CheckPhase
  /** What was asked, in words. */
  readonly asks: string
  readonly passed: boolean
  /** What came, in words. */
  readonly said: string
  /** Milliseconds it took. */
  readonly ms: number
}

/** A line of an app's log. */
export interface LogLine {
  /** RFC 3339, with nanoseconds as far as the engine gives them. */
  readonly time: string
  /** `app`: a process wrote it; `berth`: what Berth says of the process. */
  readonly source: 'app' | 'berth'
  /** `web.1` */
  readonly process: string
  readonly text: string
}

/** What is read of an app's logs. */
export interface LogQuery {
  /** How many of the last lines, over all processes. */
  readonly lines: number
  /** `web.1` or `web`; null is all. */
  readonly process: string | null
  /** Go on with what is written from now on, by processes that start later too. */
  readonly follow: boolean
  readonly signal: AbortSignal
  /** Lines that are read beside those of the app's processes. */
  readonly beside?: readonly LogSource[]
}

/** Lines of an app's logs that are kept elsewhere. */
export interface LogSource {
  /** Called before anything is followed: what is written from then on is not lost. */
  open(query: LogQuery, signal: AbortSignal): Promise<void>
  /** The last lines, in order of time. */
  tail(query: LogQuery): Promise<LogLine[]>
  /** What is written after the tail was read. Ends with the signal. */
  follow(query: LogQuery, signal: AbortSignal): AsyncIterable<LogLine>
}

/** A command that somebody sits before. */
export interface OneOffSpec {
  /** One word is a line for the shell, several are run as they are. */
  readonly command: readonly string[]
  /** On a terminal of this size. */
  readonly tty: boolean
  readonly columns: number
  readonly rows: number
}

/** A command that runs in a container of its own, attached. It is gone from the engine when `exit` settles. */
export interface OneOff {
  /** `run.1234` */
  readonly process: string
  /** What the command reads; ending it is the end of its input. */
  readonly stdin: Writable
  /** Read it, or the command blocks: what the command writes, as it comes. A terminal's all is `stdout`. */
  readonly output: AsyncIterable<{ readonly stream: 'stdout' | 'stderr'; readonly chunk: Buffer }>
  /** Resolves with the exit code, 128 + signal for a death by one. Rejects with the reason when it was ended early. */
  readonly exit: Promise<number>
  resize(columns: number, rows: number): Promise<void>
  /** Passes a signal on: `SIGINT`. */
  kill(signal: string): Promise<void>
}

/** A command that outlives the process that started it. */
export interface DetachedSpec {
  /** Names the run: it is found again by that. */
  readonly run: string
  /** `cron.1a2b3c4d` */
  readonly process: string
  /** One word is a line for the shell, several are run as they are. */
  readonly command: readonly string[]
  /** Process type whose image it runs in; the release's own where none is said. */
  readonly type?: string | undefined
}

/** A command that was started so. */
export interface Detached {
  readonly app: string
  readonly run: string
  /**
   * Its output from the beginning, line by line, to its end. Going on with a signal's end leaves it running.
   * @throws BerthError `missing` when it is gone without a trace of how it ended
   */
  follow(options: DetachedOptions): Promise<DetachedEnding>
  /** SIGTERM, then SIGKILL after the grace. */
  stop(): Promise<void>
  /** Takes it off the engine, running or not. */
  remove(): Promise<void>
}

/** How what was started so is followed. */
export interface DetachedOptions {
  /** A line and when it was written, RFC 3339; it goes no faster than this takes it. */
  readonly line: (time: string, text: string) => unknown
  readonly signal: AbortSignal
}

/** How it ended. */
export interface DetachedEnding {
  /** 128 + signal for a death by one. */
  readonly code: number
  /** In words that go on after its name. */
  readonly words: string
  /** RFC 3339 */
  readonly finishedAt: string
}

/**
 * Makes what runs equal to what the store says should. One per instance, the worker's, changes things and is started; any
 * other process may have one to look at what runs, and to run one-offs. `describeScheduler` of the tests holds for each.
 */
export interface Scheduler {
  /**
   * Moves an app to a release, already stored, without losing a request. Resolves when the router leads to the new
   * processes; the old ones end in the background. What was started by a roll-out that was killed is used again.
   * @throws BerthError with the reason in words, the processes' last lines being in the log; the old ones serve on
   */
  rollOut(app: App, release: Release, options: TaskOptions): Promise<void>
  /** Whether an app has been moved to this release: its route leads there, and nothing takes that back. */
  isRolledOut(app: App, version: number): Promise<boolean>
  /**
   * Gives an app a canary, or the one that it has another share: starts what is missing of it beside the app's own processes, and
   * has the app's record and its route say so when all of it is ready. What was started by a worker that was killed is used again.
   * @param release that the canary is of, already stored
   * @throws BerthError with the reason in words; the app is as it was
   */
  startCanary(app: App, release: Release, canary: Canary, options: TaskOptions): Promise<void>
  /** Starts processes anew: one (`web.1`), all of a type (`web`), or all (null); those of a canary among them. Otherwise as `rollOut`. */
  restart(app: App, release: Release, process: string | null, options: TaskOptions): Promise<void>
  /**
   * Runs a command once in a release's image, its output going to the log. Resolves with its exit code. One of that name
   * that was left behind is ended before.
   */
  runOnce(app: App, release: Release, task: OnceTask, options: TaskOptions): Promise<number>
  /**
   * Starts a one-off for somebody to sit before; when the signal aborts it is killed.
   * @throws BerthError `conflict` before the first push, `missing` when the image is gone, `invalid` when it cannot start
   */
  attach(app: App, release: Release, spec: OneOffSpec, signal: AbortSignal): Promise<OneOff>
  /**
   * Starts a command that goes on whatever becomes of this process, until it is followed to its end and removed.
   * @throws BerthError as `attach` does
   */
  detach(app: App, release: Release, spec: DetachedSpec): Promise<Detached>
  /** All that were started so and not removed, those that ended too. */
  detached(): Promise<Detached[]>
  /**
   * The processes of an app, by name: those that run, those that crashed, and those that are missing. During a roll-out a
   * name is there twice, once for each release. With the engine away, what was last known of them.
   */
  processes(app: App): Promise<Process[]>
  /**
   * What the processes of an app wrote: the last lines in order of time, then, when following, each line as it comes. Ends
   * with the signal, or after the last lines when not following.
   */
  logs(app: App, query: LogQuery): AsyncIterable<LogLine>
  /**
   * Does the checks of running processes once: of one (`web.1`), of a type (`web`), or of all (null).
   * @throws BerthError `missing` when none runs
   */
  runChecks(app: App, process: string | null, signal: AbortSignal): Promise<CheckResult[]>
  /** Takes all of an app off the engine and the router. */
  remove(app: App): Promise<void>
  /** Brings the app's hostnames up to date; resolves when the router knows. */
  refreshRoute(app: App): Promise<void>
  /** Reconciles all apps from now on. Resolves after the first look at each. */
  start(): Promise<void>
  /** Stops looking. Processes run on; what is under way is left for the next scheduler to find. */
  stop(): Promise<void>
}
