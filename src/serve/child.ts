import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { endProcess, gone, isAlive, signalProcess as send, type Pid } from './pids.js'
import type { ServiceAccount } from './user.js'

/** What to run and as whom. Its output is appended to `logFile` by the child itself, so it outlives the supervisor. */
export interface ChildSpec {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly logFile: string
  /** Absent is root. */
  readonly user?: ServiceAccount
  /** A capability, as `net_bind_service`, that it and its children have although they are not root; none without. */
  readonly capability?: string
  /**
   * A listening socket, the child's fd 3. Such a child accepts from it beside the one it replaces: it writes a byte to fd 4
   * when it accepts and closes fd 4 when it accepts no more; the next one is started then, while it ends what it has begun.
   */
  readonly listener?: number
  /** More of them, its fds from 5 on. */
  readonly listeners?: readonly number[]
  /**
   * Listening sockets that this child merely holds as its next fds, named in `SPARE_FDS`, so that they outlive those who
   * accept from them and the supervisor.
   */
  readonly spares?: readonly number[]
  /** Resolves when a child that says nothing by itself accepts: those it replaces are told to leave then. */
  readonly accepts?: (pid: number, signal: AbortSignal) => Promise<void>
  /** Has one that is replaced leave; default SIGTERM. */
  readonly leaveSignal?: NodeJS.Signals
  /** True when a process that an earlier supervisor started may go on as it is. */
  readonly keeps?: (forebear: Pid) => boolean
}

/** What a child tells its supervisor. */
export interface ChildEvents {
  /** It runs. */
  readonly started: (pid: number) => void
  /** It accepts nothing any more, and ends when what it began is over. */
  readonly leaves?: (pid: number) => void
  /** A process that was leaving, or is not the current one, is gone. */
  readonly left?: (pid: number) => void
}

/** Lived at least this long: the next crash is a new one, and restarts at once. */
const steadyMs = 5_000
const maxBackOffMs = 10_000
/** What an earlier supervisor's process that cannot run beside its successor gets to end in. Milliseconds. */
const forebearGraceMs = 35_000

/** Milliseconds to wait before a restart after `failures` short lives in a row. */
export const backOff = (failures: number): number => (failures === 0 ? 0 : Math.min(50 * 2 ** failures, maxBackOffMs))

const runs = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null

/** Node gives a child no capabilities: setpriv(1) does, and becomes it. */
function asGiven(spec: ChildSpec): Pick<ChildSpec, 'command' | 'args' | 'user'> {
  const { command, args, user, capability } = spec
  if (user === undefined || capability === undefined) return spec
  const account = ['--reuid', String(user.uid), '--regid', String(user.gid), '--clear-groups', '--no-new-privs']
  const sets = ['--inh-caps', '--ambient-caps', '--bounding-set'].flatMap((set) => [set, `-all,+${capability}`])
  return { command: 'setpriv', args: [...account, ...sets, '--', command, ...args] }
}

/** A process kept running until it is stopped. */
export class Child {
  readonly spec: ChildSpec
  /** Resolves when it runs for the first time, and accepts if it is to. */
  readonly ready: Promise<void>
  readonly #events: ChildEvents
  readonly #stopping = new AbortController()
  readonly #leaving = new Set<ChildProcess>()
  /** Processes of an earlier supervisor that do the same, and those of them that were told to leave. */
  #forebears: readonly Pid[]
  readonly #retired = new Set<Pid>()
  #process: ChildProcess | undefined
  #loop: Promise<void> | undefined
  #markReady: () => void = () => undefined

  constructor(spec: ChildSpec, events: ChildEvents, forebears: readonly Pid[] = []) {
    this.spec = spec
    this.#events = events
    this.#forebears = forebears
    this.ready = new Promise((resolve) => (this.#markReady = resolve))
  }

  get #wanted(): boolean {
    return !this.#stopping.signal.aborted
  }

  /** @param after which it is started for the first time */
  start(after?: Promise<void>): void {
    this.#loop ??= this.#keepRunning(after)
  }

  /**
   * Ends it and what was leaving: SIGINT to those with a listener, which then wait for little, SIGTERM to the others;
   * SIGKILL after `graceMs`. Resolves when all are gone.
   */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort()
    const name = this.spec.listener === undefined ? 'SIGTERM' : 'SIGINT'
    const children = [this.#process, ...this.#leaving].filter((child) => child !== undefined)
    const ends = children.filter(runs).map(async (child) => {
      const exit = once(child, 'exit')
      child.kill(name)
      const late = setTimeout(() => child.kill('SIGKILL'), graceMs)
      await exit
      clearTimeout(late)
    })
    const others = [...this.#forebears, ...this.#retired].map((other) => endProcess(other, graceMs, name))
    await Promise.all([...ends, ...others, this.#loop])
  }

  async #keepRunning(after?: Promise<void>): Promise<void> {
    const { signal } = this.#stopping
    await Promise.race([after, once(signal, 'abort')])
    await this.#succeed(signal)
    for (let failures = 0; this.#wanted;) {
      const started = Date.now()
      await this.#run()
      failures = Date.now() - started > steadyMs ? 0 : failures + 1
      await sleep(backOff(failures), undefined, { signal }).catch(() => undefined)
      if (!signal.aborted) console.log(`${new Date().toISOString()} ${this.spec.name} ended and is started again`)
    }
  }

  /** Takes over from an earlier supervisor's processes, except for those that run on until the new one accepts. */
  async #succeed(signal: AbortSignal): Promise<void> {
    const { listener, keeps } = this.spec
    if (listener !== undefined) return
    for (const forebear of this.#forebears) {
      if (keeps?.(forebear) === true) {
        this.#markReady()
        await gone(forebear, signal)
      } else if (this.spec.accepts) continue
      else await endProcess(forebear, forebearGraceMs)
      if (!isAlive(forebear)) this.#forebears = this.#forebears.filter((other) => other !== forebear)
    }
  }

  async #run(): Promise<void> {
    const { env: given, cwd, logFile, listener, listeners = [], spares = [] } = this.spec
    const { command, args, user } = asGiven(this.spec)
    const log = openSync(logFile, 'a', 0o640)
    try {
      const own = [
        'ignore',
        log,
        log,
        ...(listener === undefined ? [] : [listener, 'pipe' as const, ...listeners]),
      ] as const
      const env = { ...given, SPARE_FDS: spares.map((_, i) => own.length + i).join() }
      this.#process = spawn(command, args, { cwd, env, stdio: [...own, ...spares], ...user })
    } finally {
      closeSync(log)
    }
    const child = this.#process
    const exit = once(child, 'exit').catch((error: unknown) => console.error(`${this.spec.name}: ${String(error)}`))
    if (child.pid === undefined) {
      await exit
      return
    }
    this.#events.started(child.pid)
    if (listener === undefined) {
      const { accepts } = this.spec
      if (accepts) void accepts(child.pid, this.#stopping.signal).then(() => this.#accepts())
      else this.#markReady()
      await exit
      return
    }
    const word = child.stdio[4] as Readable
    word.on('error', () => undefined) // its end follows
    word.once('data', () => this.#accepts())
    await Promise.race([exit, once(word, 'close')])
    if (runs(child)) this.#leave(child, child.pid)
  }

  /** The new process accepts: those of an earlier supervisor are told to end what they have begun. */
  #accepts(): void {
    this.#markReady()
    const forebears = this.#forebears
    this.#forebears = []
    for (const forebear of forebears) {
      send(forebear, this.spec.leaveSignal ?? 'SIGTERM')
      this.#retired.add(forebear)
      this.#events.leaves?.(forebear.pid)
      void gone(forebear).then(() => {
        this.#retired.delete(forebear)
        this.#events.left?.(forebear.pid)
      })
    }
  }

  #leave(child: ChildProcess, pid: number): void {
    this.#leaving.add(child)
    this.#events.leaves?.(pid)
    child.once('exit', () => {
      this.#leaving.delete(child)
      this.#events.left?.(pid)
    })
  }
}
