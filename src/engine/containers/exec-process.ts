import { once } from 'node:events'
import { closeSync, fchownSync, mkdirSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { EngineError } from '../errors.js'
import { firstPid } from '../runtime/first-pid.js'
import { rangeOf } from '../system/id-map.js'
import { commandInside } from '../runtime/inside.js'
import { misroutedIn } from '../runtime/misrouted.js'
import { complaintsIn, refusalOf } from '../runtime/refusal.js'
import { signal } from '../system/process.js'
import { processOf } from '../runtime/spec.js'
import { openNull, pipeFrom, pipeTo, spawnProgram } from '../kernel/spawn.js'
import { rememberStaged } from '../runtime/mount-staging.js'
import { demandMapped, outsideOf } from '../runtime/users.js'
import { bundleOf, type Container, type ContainerDeps } from './container.js'
import { rlimitsOf } from './limits.js'
import { commandOf } from './sandbox.js'
import { Terminal } from './terminal.js'
import { orMissing } from '../system/missing.js'

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

type Output = readonly [stream: Readable, name: 'stdout' | 'stderr']

/** Descriptor at which the runtime reads what it is to run. */
const specDescriptor = 3

/**
 * A runtime at a container's door: it has started and knows the container, and waits to be told what to run there. Half of
 * the time that an exec takes is over by then.
 */
export class ExecProcess {
  /** The container's first process when it was opened: after a restart it leads nowhere. */
  readonly containerPid: number
  readonly outputs: readonly Output[]
  /** The program's pid once it runs, undefined when the runtime ended without it. */
  readonly whenStarted: Promise<number | undefined>
  /** The program's exit code, or the runtime's own. */
  readonly exited: Promise<number>
  readonly #request: ExecRequest
  readonly #spec: Socket
  readonly #process: object
  readonly #input: Socket | undefined
  readonly #terminal: Terminal | undefined
  readonly #files: { readonly pid: string; readonly log: string }
  #runtimePid = 0

  /** @param id of the exec. @throws EngineError `invalid` for a user or directory that is not there */
  constructor(deps: ContainerDeps, container: Container, id: string, request: ExecRequest) {
    const { pid } = container.record.state
    const program = commandOf(deps, container, `/proc/${String(pid)}/root`, { ...request, args: [...request.args] })
    const users = rangeOf(pid) ?? 'host'
    demandMapped(program.user, users)
    const place = join(bundleOf(deps.config, container.id), 'exec')
    mkdirSync(place, { recursive: true, mode: 0o700 })
    this.containerPid = pid
    this.#request = request
    this.#process = processOf(program, rlimitsOf(container.run))
    this.#files = { pid: join(place, `${id}.pid`), log: join(place, `${id}.log`) }
    this.#terminal = request.tty ? new Terminal() : undefined
    const spec = pipeTo()
    const { stdin, pipes, own } = openStreams(this.#terminal, request.stdin, outsideOf(program.user, users))
    this.#spec = spec.stream
    this.#input = stdin?.stream
    for (const stream of [this.#spec, this.#input]) stream?.on('error', () => undefined) // it ended without reading all
    const [stdout = this.#terminal?.stream, stderr] = pipes.map(({ stream }) => stream)
    this.outputs = [...(stdout ? [[stdout, 'stdout'] as const] : []), ...(stderr ? [[stderr, 'stderr'] as const] : [])]
    const driver = deps.driverOf(container.record)
    if (driver.name === 'runc') rememberStaged(container.id, true)
    const command = commandInside(driver, { id: container.id, cgroup: container.cgroup(deps), place })
    const over = new AbortController()
    this.whenStarted = firstPid(this.#files.pid, over.signal)
    const logging = ['--log', this.#files.log, '--log-format', 'json']
    const how = ['--process', `/proc/self/fd/${String(specDescriptor)}`, '--pid-file', this.#files.pid]
    const [path, ...words] = command.words
    const descriptors = [...own, spec.end]
    try {
      const child = spawnProgram(path, [...words, ...logging, 'exec', ...how, container.id], { descriptors, env: {} })
      this.#runtimePid = child.pid
      if (command.inside) container.runtimes.add(child.pid)
      this.exited = child.exited.finally(() => {
        container.runtimes.delete(child.pid)
        this.#runtimePid = 0
        over.abort()
      })
    } catch (error) {
      over.abort()
      this.leave()
      throw error
    } finally {
      for (const fd of new Set(descriptors)) closeSync(fd)
    }
  }

  /** Has the program run. */
  enter(): void {
    this.#spec.end(JSON.stringify(this.#process))
  }

  /** Writes to its standard input; resolves when there is room for more. */
  async write(chunk: Buffer): Promise<void> {
    const input = this.#terminal?.stream ?? this.#input
    if (!input || input.destroyed || input.write(chunk)) return
    const over = new AbortController() // the event that does not come must leave no listener
    const { signal } = over
    await Promise.race([once(input, 'drain', { signal }), once(input, 'close', { signal })])
      .catch(() => undefined) // it ended while it was written to
      .finally(() => over.abort())
  }

  end(): void {
    this.#input?.end()
  }

  resize(rows: number, columns: number): void {
    this.#terminal?.resize(rows, columns)
    signal(this.#runtimePid, 'SIGWINCH') // the terminal is not its controlling one, so the kernel does not tell it
  }

  /** What it wrote to its terminal before the runtime listened; asked once all else has been read. */
  async misrouted(): Promise<Buffer> {
    return this.#terminal
      ? misroutedIn(await readFile(this.#files.log).catch(orMissing(Buffer.alloc(0))))
      : Buffer.alloc(0)
  }

  /** Why the program does not run, in the runtime's words as Docker would put them. */
  async failure(): Promise<EngineError> {
    const { args, cwd } = this.#request
    const reason = refusalOf({ said: await complaintsIn(this.#files.log), program: args[0] ?? '', cwd })
    return new EngineError('invalid', `OCI runtime exec failed: exec failed: ${reason}: unknown`)
  }

  /** Ends the runtime, if it still is there, and lets go of the streams, which a child of the program may hold open. */
  leave(): void {
    signal(this.#runtimePid, 'SIGKILL')
    for (const stream of [this.#spec, this.#input, ...this.outputs.map(([output]) => output)]) stream?.destroy()
    this.forget()
  }

  /** Removes its files. */
  forget(): void {
    for (const file of Object.values(this.#files)) rmSync(file, { force: true })
  }
}

/** The program's standard streams: `own` are its descriptors. @param owner of the pipes: it may open them again as /dev/stdout */
function openStreams(terminal: Terminal | undefined, input: boolean, owner: { uid: number; gid: number }) {
  const stdin = input && !terminal ? pipeTo() : undefined
  const pipes = terminal ? [] : [pipeFrom(), pipeFrom()]
  for (const { end } of pipes) fchownSync(end, owner.uid, owner.gid)
  const own = terminal
    ? Array<number>(specDescriptor).fill(terminal.slave)
    : [stdin?.end ?? openNull(), ...pipes.map(({ end }) => end)]
  return { stdin, pipes, own }
}
