import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { User } from './user.js'

/** What to run and as whom. Its output is appended to `logFile` by the child itself, so it outlives the supervisor. */
export interface ChildSpec {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly logFile: string
  /** Absent is root. */
  readonly user?: User
  /** A descriptor the child gets as fd 3. */
  readonly listener?: number
}

/** Lived at least this long: the next crash is a new one, and restarts at once. */
const steadyMs = 5_000
const maxBackOffMs = 10_000

/** Milliseconds to wait before a restart after `failures` short lives in a row. */
export const backOff = (failures: number): number => (failures === 0 ? 0 : Math.min(50 * 2 ** failures, maxBackOffMs))

/** A process kept running until it is stopped. */
export class Child {
  readonly spec: ChildSpec
  readonly #onStart: (pid: number) => void
  readonly #stopping = new AbortController()
  #process: ChildProcess | undefined
  #loop: Promise<void> | undefined

  constructor(spec: ChildSpec, onStart: (pid: number) => void) {
    this.spec = spec
    this.#onStart = onStart
  }

  start(): void {
    this.#loop ??= this.#keepRunning()
  }

  /** SIGTERM, then SIGKILL after `graceMs`; resolves when it is gone. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort()
    const running = this.#process
    if (running?.exitCode === null && running.signalCode === null) {
      running.kill('SIGTERM')
      const late = setTimeout(() => running.kill('SIGKILL'), graceMs)
      await this.#loop
      clearTimeout(late)
    }
    await this.#loop
  }

  async #keepRunning(): Promise<void> {
    let failures = 0
    const { signal } = this.#stopping
    for (;;) {
      const started = Date.now()
      await this.#run()
      failures = Date.now() - started > steadyMs ? 0 : failures + 1
      await sleep(backOff(failures), undefined, { signal }).catch(() => undefined)
      if (signal.aborted) return
      console.log(`${new Date().toISOString()} ${this.spec.name} ended and is started again`)
    }
  }

  async #run(): Promise<void> {
    const { command, args, env, cwd, logFile, user, listener } = this.spec
    const log = openSync(logFile, 'a', 0o640)
    try {
      const stdio = ['ignore', log, log, ...(listener === undefined ? [] : [listener])] as const
      this.#process = spawn(command, args, { cwd, env, stdio: [...stdio], ...user })
    } finally {
      closeSync(log)
    }
    const child = this.#process
    if (child.pid !== undefined) this.#onStart(child.pid)
    await once(child, 'exit').catch((error: unknown) => console.error(`${this.spec.name}: ${String(error)}`))
  }
}
