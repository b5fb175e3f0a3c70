import { once } from 'node:events'
import { closeSync, fchownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { EngineError, isFault, messageOf } from '../errors.js'
import { flagField, listField, textField, fieldsOf } from '../system/fields.js'
import { firstPid } from '../runtime/begin.js'
import { complaintsIn, refusalOf } from '../runtime/refusal.js'
import { rangeOf } from '../runtime/id-map.js'
import { processOf } from '../runtime/spec.js'
import { openNull, pipeFrom, pipeTo, spawnProgram } from '../runtime/spawn.js'
import { rememberStaged } from '../runtime/staging.js'
import { demandMapped, outsideOf } from '../runtime/users.js'
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
  #runtimePid = 0
  #input: Socket | undefined
  #outputs: readonly Readable[] = []
  #terminal: Terminal | undefined
  /** Rows and columns asked for. */
  #size: readonly [number, number] | undefined

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
      const users = rangeOf(state.pid) ?? 'host'
      demandMapped(command.user, users)
      mkdirSync(place, { recursive: true, mode: 0o700 })
      const spec = processOf(command, rlimitsOf(this.container.record.hostConfig))
      writeFileSync(files.spec, JSON.stringify(spec), { mode: 0o600 })
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
      const owner = outsideOf(command.user, users)
      const runtime = { path, args: [...args, ...own, this.container.id] }
      const code = await this.#execute(runtime, owner, held, ready, over, size)
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
      for (const file of Object.values(files)) rmSync(file, { force: true })
    }
  }

  async #execute(
    runtime: { readonly path: string; readonly args: readonly string[] },
    owner: { readonly uid: number; readonly gid: number },
    { onOutput }: ExecStreams,
    ready: () => void,
    over: AbortController,
    size?: readonly [number, number],
  ): Promise<number> {
    const { descriptors, outputs } = this.request.tty ? this.#openTerminal(size) : this.#openPipes(owner)
    const started = (() => {
      try {
        return spawnProgram(runtime.path, runtime.args, { descriptors, env: {} })
      } finally {
        for (const fd of new Set(descriptors)) closeSync(fd)
      }
    })()
    this.#runtimePid = started.pid
    const forwarded = outputs.map(([stream, name]) => forward(stream, (chunk) => onOutput(name, chunk)))
    ready()
    const code = await started.exited
    this.#runtimePid = 0
    over.abort()
    await Promise.all(forwarded)
    return code
  }

  #openTerminal(size?: readonly [number, number]): Plugs {
    const terminal = new Terminal()
    const wanted = size ?? this.#size
    if (wanted) terminal.resize(...wanted)
    this.#terminal = terminal
    this.#outputs = [terminal.stream]
    return { descriptors: Array<number>(3).fill(terminal.slave), outputs: [[terminal.stream, 'stdout']] }
  }

  /** Pipes, which the program's user may open again as /dev/stdout. */
  #openPipes({ uid, gid }: { readonly uid: number; readonly gid: number }): Plugs {
    const stdin = this.request.stdin ? pipeTo() : { stream: undefined, end: openNull() }
    const [stdout, stderr] = [pipeFrom(), pipeFrom()]
    for (const { end } of [stdout, stderr]) fchownSync(end, uid, gid)
    this.#input = stdin.stream
    this.#input?.on('error', () => undefined) // it ended without reading everything
    this.#outputs = [stdout.stream, stderr.stream]
    return {
      descriptors: [stdin.end, stdout.end, stderr.end],
      outputs: [
        [stdout.stream, 'stdout'],
        [stderr.stream, 'stderr'],
      ],
    }
  }

  /** Writes to its standard input; resolves when there is room for more. */
  async write(chunk: Buffer): Promise<void> {
    const input = this.#terminal?.stream ?? this.#input
    if (!input || input.destroyed || input.write(chunk)) return
    await Promise.race([once(input, 'drain'), once(input, 'close')]).catch(() => undefined)
  }

  end(): void {
    this.#input?.end()
  }

  /** Sets the size of its terminal, also of one that is not open yet: older clients ask as soon as they have asked for a start. */
  resize(rows: number, columns: number): void {
    this.#size = [rows, columns]
    this.#terminal?.resize(rows, columns)
    signal(this.#runtimePid, 'SIGWINCH') // the terminal is not its controlling one, so the kernel does not tell it
  }

  /** Ends it and lets go of its streams, which a child of its own may still hold open. */
  kill(): void {
    if (this.running) signal(this.pid, 'SIGKILL')
    signal(this.#runtimePid, 'SIGKILL')
    for (const stream of this.#outputs) stream.destroy()
  }
}

/** What a program is started with, and where its output comes out. */
interface Plugs {
  readonly descriptors: readonly number[]
  readonly outputs: readonly (readonly [Readable, 'stdout' | 'stderr'])[]
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    if (pid > 0) process.kill(pid, name)
  } catch {
    // it has just ended
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
