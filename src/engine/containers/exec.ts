import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { EngineError, isFault, messageOf } from '../errors.js'
import { flagField, listField, textField, fieldsOf } from '../system/fields.js'
import { firstPid } from '../runtime/begin.js'
import { complaintsIn, refusalOf } from '../runtime/refusal.js'
import { rangeOf } from '../runtime/id-map.js'
import { processOf } from '../runtime/spec.js'
import { rememberStaged } from '../runtime/staging.js'
import { demandMapped } from '../runtime/users.js'
import { detachKeys } from './detach-keys.js'
import { bundleOf, type Container, type Shop } from './container.js'
import type { Containers } from './containers.js'
import { rlimitsOf } from './limits.js'
import { newId } from './names.js'
import { refuseDenied } from './namespaces.js'
import { commandOf } from './sandbox.js'
import { Terminal } from './terminal.js'

/** What to run in a container. */
export interface ExecRequest {
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly cwd: string
  readonly user: string
  readonly tty: boolean
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly privileged: boolean
  /** Bytes that detach its client. */
  readonly detachKeys: Buffer
}

/** The output of a running exec. */
export interface ExecStreams {
  readonly onOutput: (stream: 'stdout' | 'stderr', chunk: Buffer) => Promise<void> | void
}

/** One command in a running container. It ends with the engine, as its streams do. */
export class Exec {
  readonly id = newId()
  readonly container: Container
  readonly request: ExecRequest
  running = false
  exitCode: number | null = null
  pid = 0
  #child: ChildProcess | undefined
  #terminal: Terminal | undefined

  constructor(container: Container, request: ExecRequest) {
    this.container = container
    this.request = request
  }

  get started(): boolean {
    return this.running || this.exitCode !== null
  }

  /**
   * Runs it to its end. `ready` is called when its input can be written, `started` once its program runs.
   * @returns the exit code
   * @throws EngineError `invalid` when its program cannot be started: `exitCode` is 126 then, or 127 when there is none
   */
  async run(
    shop: Shop,
    streams: ExecStreams,
    ready: () => void = () => undefined,
    { size, started = () => undefined }: { size?: readonly [number, number] | undefined; started?: () => void } = {},
  ): Promise<number> {
    if (this.started) throw new EngineError('conflict', `Error: Exec command ${this.id} has already run`)
    const { state } = this.container.record
    if (state.status === 'paused')
      throw new EngineError('conflict', `Container ${this.container.id} is paused, unpause the container before exec`)
    if (!this.container.up) throw new EngineError('conflict', `container ${this.container.id} is not running`)
    const { request } = this
    const place = join(bundleOf(shop.config, this.container.id), 'exec')
    const files = {
      spec: join(place, `${this.id}.json`),
      pid: join(place, `${this.id}.pid`),
      log: join(place, `${this.id}.log`),
    }
    this.running = true
    try {
      const command = commandOf(this.container, `/proc/${state.pid}/root`, { ...request, args: [...request.args] })
      demandMapped(command.user, rangeOf(state.pid) ?? 'host')
      await mkdir(place, { recursive: true, mode: 0o700 })
      await writeFile(files.spec, JSON.stringify(processOf(command, rlimitsOf(this.container.record.hostConfig))), {
        mode: 0o600,
      })
      this.container.emit(shop.events, `exec_start: ${request.args.join(' ')}`, { execID: this.id })
      const { name, path, args } = shop.driverOf(this.container.record)
      if (name === 'runc') rememberStaged(this.container.id, true)
      const own = ['--log', files.log, '--log-format', 'json', 'exec', '--process', files.spec, '--pid-file', files.pid]
      const over = new AbortController()
      const begun = firstPid(files.pid, over.signal).then((pid) => {
        this.pid = pid ?? 0
        if (pid !== undefined) started()
        return pid !== undefined
      })
      const held = { onOutput: onceBegun(begun, streams) }
      const code = await this.#execute([...args, ...own, this.container.id], path, held, ready, over, size)
      if (!(await begun)) throw await failure(files.log, request)
      this.exitCode = code
      return code
    } catch (error) {
      this.exitCode =
        isFault(error, 'invalid') && /exec: ".*(no such file|file not found)/.test(messageOf(error)) ? 127 : 126
      throw error
    } finally {
      this.running = false
      this.container.emit(shop.events, 'exec_die', { execID: this.id, exitCode: String(this.exitCode) })
      await Promise.all(Object.values(files).map((file) => rm(file, { force: true })))
    }
  }

  async #execute(
    args: readonly string[],
    path: string,
    { onOutput }: ExecStreams,
    ready: () => void,
    over: AbortController,
    size?: readonly [number, number],
  ): Promise<number> {
    const terminal = this.request.tty ? new Terminal() : undefined
    if (size) terminal?.resize(...size)
    this.#terminal = terminal
    const io = terminal?.slave ?? 'pipe'
    const child = spawn(path, args, { stdio: [io, io, io], cwd: '/', detached: true })
    this.#child = child
    child.stdin?.on('error', () => undefined) // it ended without reading everything
    terminal?.closeSlave()
    const outputs = terminal
      ? [forward(terminal.stream, (chunk) => onOutput('stdout', chunk))]
      : [
          forward(child.stdout, (chunk) => onOutput('stdout', chunk)),
          forward(child.stderr, (chunk) => onOutput('stderr', chunk)),
        ]
    ready()
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
    over.abort()
    await Promise.all(outputs)
    return code ?? (signal === 'SIGKILL' ? 137 : 143)
  }

  /** Writes to its standard input; resolves when there is room for more. */
  async write(chunk: Buffer): Promise<void> {
    const input = this.#terminal?.stream ?? this.#child?.stdin
    if (!input || input.destroyed || input.write(chunk)) return
    await Promise.race([once(input, 'drain'), once(input, 'close')]).catch(() => undefined)
  }

  end(): void {
    this.#child?.stdin?.end()
  }

  resize(rows: number, columns: number): void {
    this.#terminal?.resize(rows, columns)
    this.#child?.kill('SIGWINCH') // the terminal is not its controlling one, so the kernel does not tell it
  }

  /** Ends it and lets go of its streams, which a child of its own may still hold open. */
  kill(): void {
    try {
      if (this.pid > 0 && this.running) process.kill(this.pid, 'SIGKILL')
    } catch {
      // it has just ended
    }
    this.#child?.kill('SIGKILL')
    for (const stream of [this.#child?.stdout, this.#child?.stderr, this.#terminal?.stream]) stream?.destroy()
  }
}

/** What comes before the program runs is the runtime's complaint, which the client is told in other words. */
function onceBegun(begun: Promise<boolean>, { onOutput }: ExecStreams): ExecStreams['onOutput'] {
  let runs = false
  void begun.then((yes) => (runs = yes))
  return (stream, chunk) =>
    runs ? onOutput(stream, chunk) : begun.then((yes) => (yes ? onOutput(stream, chunk) : undefined))
}

async function failure(log: string, { args: [program = ''], cwd }: ExecRequest): Promise<EngineError> {
  const reason = refusalOf({ said: await complaintsIn(log), program, cwd })
  return new EngineError('invalid', `OCI runtime exec failed: exec failed: ${reason}: unknown`)
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

/** The commands run in containers, those ended not long ago included. */
export class Execs {
  readonly #all = new Map<string, Exec>()
  readonly #containers: Containers
  constructor(containers: Containers) {
    this.#containers = containers
  }

  /** @throws EngineError `conflict` when the container does not run, `invalid` */
  create(container: Container, body: unknown): Exec {
    const fields = fieldsOf(body)
    if (!container.up) throw new EngineError('conflict', `container ${container.id} is not running`)
    if (container.record.state.status === 'paused')
      throw new EngineError(
        'conflict',
        `Container ${container.record.name} is paused, unpause the container before exec`,
      )
    const { config } = this.#containers.shop
    const { hostConfig } = container.record
    if (flagField(fields, 'Privileged')) refuseDenied(config, { ...hostConfig, Privileged: true })
    const args = listField(fields, 'Cmd').map(String)
    if (args.length === 0) throw new EngineError('invalid', 'No exec command specified')
    const exec = new Exec(container, {
      args,
      env: listField(fields, 'Env').map(String),
      cwd: textField(fields, 'WorkingDir'),
      user: textField(fields, 'User'),
      tty: flagField(fields, 'Tty'),
      stdin: flagField(fields, 'AttachStdin'),
      stdout: flagField(fields, 'AttachStdout'),
      stderr: flagField(fields, 'AttachStderr'),
      privileged: flagField(fields, 'Privileged'),
      detachKeys: detachKeys(textField(fields, 'DetachKeys')),
    })
    this.#forgetOld()
    this.#all.set(exec.id, exec)
    container.emit(this.#containers.shop.events, `exec_create: ${args.join(' ')}`, { execID: exec.id })
    return exec
  }

  /** @throws EngineError `missing` */
  find(id: string): Exec {
    const exec = this.#all.get(id)
    if (!exec) throw new EngineError('missing', `No such exec instance: ${id}`)
    return exec
  }

  of(container: Container): string[] {
    return [...this.#all.values()].filter((exec) => exec.container === container && exec.running).map(({ id }) => id)
  }

  /** Keeps the last 200 that ended. */
  #forgetOld(): void {
    const over = [...this.#all.values()].filter(({ exitCode }) => exitCode !== null)
    for (const { id } of over.slice(0, Math.max(0, over.length - 200))) this.#all.delete(id)
  }
}
