import { posix } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { EngineConfig } from '../config.js'
import { EngineError } from '../errors.js'
import type { Events, Images, Networks, Volumes } from '../records.js'
import { Cgroup, type Hierarchies } from '../runtime/cgroup.js'
import type { Driver } from '../runtime/driver.js'
import type { Exits } from '../runtime/exits.js'
import type { Ids } from '../runtime/ids.js'
import { Mutex } from '../mutex.js'
import { isEnding, programOf, startTime } from '../system/process.js'
import { type ContainerRecord, type HostConfig } from './record.js'
import { isUp, type HealthState } from './state.js'
import { runSpecOf, type RunSpec } from './run-spec.js'
import type { ContainerStore } from './store.js'

/** What it takes to run containers. */
export interface ContainerDeps {
  readonly config: EngineConfig
  readonly store: ContainerStore
  readonly driver: Driver
  /** The runtime that a container was started by; before that, the one it was made for. */
  driverOf(record: ContainerRecord): Driver
  readonly conmon: string
  readonly exits: Exits
  readonly hierarchies: Hierarchies
  readonly images: Images
  readonly networks: Networks
  readonly volumes: Volumes
  readonly events: Events
  /** Ids for user namespaces; absent on a host that cannot have containers in one. */
  readonly ids: Ids | undefined
  /** Of this boot of the machine. */
  readonly boot: string
  find(reference: string): Container
  all(): readonly Container[]
}

/** A container whose program is the runtime's own file can be told from one that has not begun by nothing but time. */
const patienceMs = 1000

/** One container: its record and what lives only as long as the engine does. */
export class Container {
  readonly record: ContainerRecord
  /** Ends what runs beside the container: health checks, a restart that is due. */
  companions = new AbortController()
  /** Called between create and start, in time to miss none of the output; false: it did not start, or never will. */
  readonly onStart = new Set<(started: boolean) => void>()
  /** Pids of runtimes that are in its control group and not of it: they wait for commands run in it. */
  readonly runtimes = new Set<number>()
  /** What its first process runs before it becomes the container's program, see `programOf`; undefined once it has. */
  initPath: string | undefined
  /** When its program began, by a clock that is never set; it is long ago for one that an engine before this one started. */
  begun = -Infinity
  /** Milliseconds to wait before its next restart by policy. */
  backOff = 0
  #run: { readonly of: HostConfig; readonly spec: RunSpec } | undefined
  readonly #exits = new Set<(code: number) => void>()
  readonly #removals = new Set<(code: number) => void>()
  readonly #mutex = new Mutex()

  constructor(record: ContainerRecord) {
    this.record = record
  }

  get id(): string {
    return this.record.id
  }

  /** Of a running container with a health check; with its record, it outlives the daemon. */
  get health(): HealthState | undefined {
    return this.record.state.health
  }

  /** Its `HostConfig`, read once. */
  get run(): RunSpec {
    const { hostConfig } = this.record
    if (this.#run?.of !== hostConfig) this.#run = { of: hostConfig, spec: runSpecOf(hostConfig) }
    return this.#run.spec
  }

  get up(): boolean {
    return isUp(this.record.state)
  }

  /** Changes of one container happen one after the other. @throws EngineError `conflict` for one that is being removed */
  exclusively<T>(change: () => Promise<T>): Promise<T> {
    return this.exclusivelyRemove(() => {
      this.refuseRemoved()
      return change()
    })
  }

  /** @throws EngineError `conflict` for one that is being removed, or is gone */
  refuseRemoved(): void {
    if (this.record.state.status === 'removing')
      throw new EngineError('conflict', `container ${this.id} is marked for removal`)
  }

  /** The same as `exclusively`, for its removal. */
  exclusivelyRemove<T>(change: () => Promise<T>): Promise<T> {
    return this.#mutex.run(change)
  }

  /** Tells those in `onStart`, once. */
  tellStart(started: boolean): void {
    for (const hook of this.onStart) hook(started)
    this.onStart.clear()
  }

  /** The exit code of the run that ends next. */
  nextExit(signal?: AbortSignal): Promise<number> {
    return waitIn(this.#exits, signal)
  }

  /** Resolves with the last exit code once the container is gone. */
  removal(signal?: AbortSignal): Promise<number> {
    return waitIn(this.#removals, signal)
  }

  exited(): void {
    settle(this.#exits, this.record.state.exitCode)
  }

  removed(): void {
    this.tellStart(false)
    settle(this.#removals, this.record.state.exitCode)
  }

  /**
   * Resolves once its first process is its own program, at most `patienceMs` after it is asked. Until then that is the
   * runtime, which lets nobody in who has already joined the user namespace: it is not dumpable, see ptrace(2).
   */
  async whenStarted(): Promise<void> {
    const { pid } = this.record.state
    const deadline = Date.now() + patienceMs
    // the kernel tells nobody of an execve
    while (this.initPath !== undefined && programOf(pid) === this.initPath && Date.now() < deadline) await sleep(1)
    this.initPath = undefined
  }

  /** Its first process exists and is the one that was started. */
  get alive(): boolean {
    const { pid, pidStart } = this.record.state
    return pid > 0 && startTime(pid) === pidStart
  }

  /** Its first process has ended or is ending: why something that was asked of it failed. */
  get ending(): boolean {
    return !this.alive || isEnding(this.record.state.pid)
  }

  cgroup(deps: Pick<ContainerDeps, 'config' | 'hierarchies'>): Cgroup {
    return new Cgroup(deps.hierarchies, cgroupPathOf(deps.config, this.record))
  }

  emit(events: Events, action: string, attributes: Readonly<Record<string, string>> = {}): void {
    const { config, name } = this.record
    events.emit('container', action, this.id, { ...config.Labels, image: config.Image, name, ...attributes })
  }
}

function waitIn(waiting: Set<(code: number) => void>, signal?: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const settled = (code: number): void => {
      signal?.removeEventListener('abort', left)
      resolve(code)
    }
    const left = (): void => {
      waiting.delete(settled)
      reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'))
    }
    waiting.add(settled)
    signal?.addEventListener('abort', left, { once: true })
  })
}

function settle(waiting: Set<(code: number) => void>, code: number): void {
  const all = [...waiting]
  waiting.clear()
  for (const resolve of all) resolve(code)
}

/** The volatile directory of a container. */
export const bundleOf = (config: EngineConfig, id: string): string => `${config.run}/c/${id}`

/** The control group of a container, in each hierarchy: below its `--cgroup-parent`, or with the engine's others. */
export function cgroupPathOf(config: Pick<EngineConfig, 'name'>, { id, hostConfig }: ContainerRecord): string {
  return posix.join('/', hostConfig.CgroupParent || `berth-${config.name}`, id)
}
