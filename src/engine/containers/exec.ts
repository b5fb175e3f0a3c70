import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { EngineError } from '../errors.js'
import { flagField, listField, textField, fieldsOf } from '../system/fields.js'
import { processOf } from '../runtime/spec.js'
import { bundleOf, type Container, type Shop } from './container.js'
import type { Containers } from './containers.js'
import { newId } from './names.js'
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
  readonly detachKeys: string
}

/** The output of a running exec. */
export interface ExecStreams {
  onOutput(stream: 'stdout' | 'stderr', chunk: Buffer): Promise<void> | void
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

  /** Runs it to its end. `ready` is called when its input can be written. @returns the exit code */
  async run(
    shop: Shop,
    streams: ExecStreams,
    ready: () => void = () => undefined,
    size?: readonly [number, number],
  ): Promise<number> {
    if (this.started) throw new EngineError('conflict', `Error: Exec command ${this.id} has already run`)
    const { state } = this.container.record
    if (state.status === 'paused')
      throw new EngineError('conflict', `Container ${this.container.id} is paused, unpause the container before exec`)
    if (!this.container.up) throw new EngineError('conflict', `container ${this.container.id} is not running`)
    const { request } = this
    const command = commandOf(this.container, `/proc/${state.pid}/root`, { ...request, args: [...request.args] })
    const dir = join(bundleOf(shop.config, this.container.id), 'exec')
    const spec = join(dir, `${this.id}.json`)
    await mkdir(dir, { recursive: true, mode: 0o700 })
    await writeFile(spec, JSON.stringify(processOf(command)), { mode: 0o600 })
    this.running = true
    try {
      this.container.emit(shop.events, `exec_start: ${request.args.join(' ')}`, { execID: this.id })
      this.exitCode = await this.#execute(
        [...shop.driver.args, 'exec', '--process', spec, this.container.id],
        shop.driver.path,
        streams,
        ready,
        size,
      )
      return this.exitCode
    } finally {
      this.running = false
      this.exitCode ??= 126
      this.container.emit(shop.events, 'exec_die', { execID: this.id, exitCode: String(this.exitCode) })
      await rm(spec, { force: true })
    }
  }

  async #execute(
    args: readonly string[],
    path: string,
    streams: ExecStreams,
    ready: () => void,
    size?: readonly [number, number],
  ): Promise<number> {
    const { tty } = this.request
    const terminal = tty ? new Terminal() : undefined
    if (size) terminal?.resize(...size)
    this.#terminal = terminal
    const io = terminal?.slave ?? 'pipe'
    const child = spawn(path, args, { stdio: [io, io, io], cwd: '/', detached: true })
    this.#child = child
    this.pid = child.pid ?? 0
    child.stdin?.on('error', () => undefined) // it ended without reading everything
    terminal?.closeSlave()
    let said = ''
    const outputs = terminal
      ? [forward(terminal.stream, (chunk) => streams.onOutput('stdout', chunk))]
      : [
          forward(child.stdout, (chunk) => streams.onOutput('stdout', chunk)),
          forward(child.stderr, (chunk) => {
            if (said.length < 4096) said += chunk.toString()
            return streams.onOutput('stderr', chunk)
          }),
        ]
    ready()
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
    await Promise.all(outputs)
    if (code === null) return signal === 'SIGKILL' ? 137 : 143
    if (/^.*executable file .* not found in \$PATH/.test(said)) return 127
    return code
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

  kill(): void {
    this.#child?.kill('SIGKILL')
  }
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
      detachKeys: textField(fields, 'DetachKeys'),
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
