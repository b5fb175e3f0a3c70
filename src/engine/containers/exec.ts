import type { Readable } from 'node:stream'
import { EngineError, isFault, messageOf } from '../errors.js'
import { signal } from '../system/process.js'
import type { Container, ContainerDeps } from './container.js'
import { ExecProcess, type ExecRequest } from './exec-process.js'
import { newId } from './names.js'

/** The output of a running exec. */
export interface ExecStreams {
  readonly onOutput: (stream: 'stdout' | 'stderr', chunk: Buffer) => Promise<void> | void
}

/** Milliseconds that a runtime waits for the start of what was created: clients ask for it at once, or never. */
const prestartMs = 1000
/** So many may wait at once: nobody needs to start what they create. */
const prestartedAtMost = 8
let prestarted = 0

/** One command in a running container. It ends with the engine, as its streams do. */
export class Exec {
  readonly id = newId()
  readonly container: Container
  readonly request: ExecRequest
  running = false
  exitCode: number | null = null
  pid = 0
  readonly #deps: ContainerDeps
  #process: ExecProcess | undefined
  #cool: (() => void) | undefined
  /** Rows and columns asked for. */
  #size: readonly [number, number] | undefined

  constructor(deps: ContainerDeps, container: Container, request: ExecRequest) {
    this.#deps = deps
    this.container = container
    this.request = request
  }

  get started(): boolean {
    return this.running || this.exitCode !== null
  }

  /** @throws EngineError `conflict` when its container does not run */
  refuseStopped(): void {
    if (!this.container.up) throw new EngineError('conflict', `container ${this.container.id} is not running`)
  }

  /** Tells that it was made. */
  announce(): void {
    this.container.emit(this.#deps.events, `exec_create: ${this.request.args.join(' ')}`, { execID: this.id })
  }

  /** Has a runtime wait for the start that is about to be asked for. What cannot be is told then. */
  prestart(): void {
    if (prestarted >= prestartedAtMost) return
    try {
      this.#process = new ExecProcess(this.#deps, this.container, this.id, this.request)
    } catch {
      return
    }
    prestarted++
    const timer = setTimeout(() => this.#dismiss(), prestartMs).unref()
    this.#cool = () => {
      clearTimeout(timer)
      prestarted--
      this.#cool = undefined
    }
  }

  #dismiss(): void {
    this.#cool?.()
    this.#process?.leave()
    this.#process = undefined
  }

  /** The runtime that waits, if it still leads into the container, or another. */
  #open(): ExecProcess {
    if (this.#process?.containerPid !== this.container.record.state.pid) this.#dismiss()
    this.#cool?.()
    return (this.#process ??= new ExecProcess(this.#deps, this.container, this.id, this.request))
  }

  /**
   * Runs it to its end. `ready` is called when its input can be written, `started` once its program runs.
   * @returns the exit code
   * @throws EngineError `invalid` when its program cannot be started: `exitCode` is 126 then, or 127 when there is none
   */
  async run(
    streams: ExecStreams,
    ready: () => void = () => undefined,
    { size, started = () => undefined }: { size?: readonly [number, number] | undefined; started?: () => void } = {},
  ): Promise<number> {
    if (this.started) throw new EngineError('conflict', `Error: Exec command ${this.id} has already run`)
    const { state } = this.container.record
    if (state.status === 'paused')
      throw new EngineError('conflict', `Container ${this.container.id} is paused, unpause the container before exec`)
    this.refuseStopped()
    this.running = true
    try {
      const process = this.#open()
      const wanted = size ?? this.#size
      if (wanted) process.resize(...wanted)
      const running = process.whenStarted.then((pid) => {
        this.pid = pid ?? 0
        if (pid !== undefined) started()
        return pid !== undefined
      })
      const onOutput = onceRunning(running, streams)
      const forwarded = process.outputs.map(([stream, name]) => forward(stream, (chunk) => onOutput(name, chunk)))
      this.container.emit(this.#deps.events, `exec_start: ${this.request.args.join(' ')}`, { execID: this.id })
      await this.container.whenStarted()
      process.enter()
      ready()
      const code = await process.exited
      await Promise.all(forwarded)
      if (!(await running)) throw await process.failure()
      const misrouted = await process.misrouted()
      if (misrouted.length > 0) await streams.onOutput('stdout', misrouted)
      this.exitCode = code
      return code
    } catch (error) {
      this.exitCode =
        isFault(error, 'invalid') && /exec: ".*(no such file|file not found)/.test(messageOf(error)) ? 127 : 126
      throw error
    } finally {
      this.running = false
      this.container.emit(this.#deps.events, 'exec_die', { execID: this.id, exitCode: String(this.exitCode) })
      this.#process?.forget()
    }
  }

  /** Writes to its standard input; resolves when there is room for more. */
  async write(chunk: Buffer): Promise<void> {
    await this.#process?.write(chunk)
  }

  end(): void {
    this.#process?.end()
  }

  /** Sets the size of its terminal, also of one that is not open yet: older clients ask as soon as they have asked for a start. */
  resize(rows: number, columns: number): void {
    this.#size = [rows, columns]
    this.#process?.resize(rows, columns)
  }

  /** Ends it and lets go of its streams, which a child of its own may still hold open. */
  kill(): void {
    if (this.running) signal(this.pid, 'SIGKILL')
    this.#process?.leave()
  }
}

/** What comes before the program runs is the runtime's complaint, which the client is told in other words. */
function onceRunning(running: Promise<boolean>, { onOutput }: ExecStreams): ExecStreams['onOutput'] {
  let runs = false
  void running.then((yes) => (runs = yes))
  return (stream, chunk) =>
    runs ? onOutput(stream, chunk) : running.then((yes) => (yes ? onOutput(stream, chunk) : undefined))
}

async function forward(stream: Readable | null, onChunk: (chunk: Buffer) => Promise<void> | void): Promise<void> {
  if (!stream) return
  await new Promise<void>((resolve) => {
    stream.on('data', (chunk: Buffer) => {
      const held = onChunk(chunk)
      if (!held) return
      stream.pause()
      void held.finally(() => stream.resume())
    })
    stream.once('close', resolve)
  })
}
