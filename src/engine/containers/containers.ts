import { EngineError } from '../errors.js'
import type { Platform } from '../oci/manifest.js'
import { driverNamed, findProgram } from '../runtime/driver.js'
import type { EndpointSpec } from '../records.js'
import type { Filters } from '../system/filters.js'
import { bootId } from '../system/process.js'
import { parseTimestamp } from '../system/timestamp.js'
import { attach, type Attached } from './attach.js'
import type { ContainerCatalog } from './catalog.js'
import { Container, type ContainerDeps } from './container.js'
import { ContainerLog } from './container-log.js'
import { inspection, summary } from './describe.js'
import type { Exec } from './exec.js'
import { Execs } from './execs.js'
import { ContainerFiles } from './files.js'
import { selectContainers } from './filters.js'
import { Lifecycle } from './lifecycle.js'
import { Membership } from './membership.js'
import { pause } from './pause.js'
import { resize } from './resize.js'
import { sample } from './stats.js'
import { kill, stop } from './stop.js'
import { ContainerStore } from './store.js'
import { top } from './top.js'
import { updateLimits } from './update.js'
import { layersOf, sizeOf, spaceOf } from './usage.js'

/** What of the engine containers stand on. */
export type EngineDeps = Omit<ContainerDeps, 'store' | 'driverOf' | 'conmon' | 'boot' | 'find' | 'all'> & {
  /** Empty; it is filled from disk. */
  readonly catalog: ContainerCatalog
}

/** What `docker wait` waits for. */
export type WaitCondition = 'not-running' | 'next-exit' | 'removed'

/** How a container is to end. */
export interface Ending {
  /** Between the signal and SIGKILL; -1 waits for ever, absent is its own. */
  readonly seconds?: number | undefined
  readonly signal?: string | undefined
}

/**
 * Every container of the engine and all that may be done to one, each named by id, name or unique id prefix; all throw
 * EngineError `missing` "No such container: x", `invalid` for a prefix of several.
 */
export class Containers {
  readonly #deps: ContainerDeps
  readonly #catalog: ContainerCatalog
  readonly #lifecycle: Lifecycle
  readonly #execs: Execs
  readonly #membership: Membership

  private constructor({ catalog, ...given }: EngineDeps) {
    this.#catalog = catalog
    this.#deps = {
      ...given,
      store: new ContainerStore(given.config.root),
      driverOf: ({ hostConfig, state }) => driverNamed(state.runtime ?? hostConfig.Runtime, given.driver),
      conmon: findProgram('conmon'),
      boot: bootId(),
      find: (reference) => catalog.find(reference),
      all: () => catalog.all(),
    }
    this.#lifecycle = new Lifecycle(this.#deps, catalog)
    this.#execs = new Execs(this.#deps)
    this.#membership = new Membership(this.#deps)
  }

  /** Reads the containers from disk without touching any; `resume` must follow before anything is started. */
  static async open(deps: EngineDeps): Promise<Containers> {
    const containers = new Containers(deps)
    for (const record of await containers.#deps.store.load()) deps.catalog.add(new Container(record))
    return containers
  }

  /** Finds again what outlived the last daemon, see `Lifecycle`. */
  resume(): Promise<void> {
    return this.#lifecycle.resume()
  }

  /** Rows of `GET /containers/json`, newest first. @throws EngineError `invalid` for a filter's value */
  async list(
    filters: Filters,
    { all, limit, size }: { readonly all: boolean; readonly limit: number; readonly size: boolean },
  ): Promise<readonly object[]> {
    const found = await selectContainers(this.#deps, this.#catalog, filters, all)
    return Promise.all(
      found
        .slice(0, limit > 0 ? limit : undefined)
        .map(async (container) =>
          summary(this.#catalog, container, size ? await sizeOf(this.#deps, container) : undefined),
        ),
    )
  }

  /** The same of all, with what they take on the disk. @param imageSpace bytes on disk of an image by its id */
  usage(imageSpace: (image: string) => Promise<number>): Promise<readonly object[]> {
    return Promise.all(
      this.#catalog.all().map(async (container) => {
        const rw = await spaceOf(this.#deps, container)
        return summary(this.#catalog, container, { rw, root: rw + (await imageSpace(container.record.image)) })
      }),
    )
  }

  /** How many run, are paused, and do neither. */
  count(): { readonly running: number; readonly paused: number; readonly stopped: number } {
    const statuses = this.#catalog.all().map(({ record }) => record.state.status)
    const running = statuses.filter((status) => status === 'running').length
    const paused = statuses.filter((status) => status === 'paused').length
    return { running, paused, stopped: statuses.length - running - paused }
  }

  /** `GET /containers/{id}/json` */
  async inspect(reference: string, withSize: boolean): Promise<object> {
    const container = this.#catalog.find(reference)
    const size = withSize ? await sizeOf(this.#deps, container) : undefined
    const lowerDirs = await layersOf(this.#deps, container)
    return inspection(this.#deps, container, this.#execs.of(container), lowerDirs, size)
  }

  /** Its whole id. */
  resolve(reference: string): string {
    return this.#catalog.find(reference).id
  }

  /** Of its first process; 0 when it does not run. */
  pidOf(reference: string): number {
    return this.#catalog.find(reference).record.state.pid
  }

  /** @throws EngineError `invalid`, `missing` (image, network), `conflict` (name) */
  async create(
    name: string,
    body: unknown,
    platform?: Platform,
  ): Promise<{ readonly id: string; readonly warnings: readonly string[] }> {
    const { container, warnings } = await this.#lifecycle.create(name, body, platform)
    return { id: container.id, warnings }
  }

  /** @throws EngineError `unmodified` when it runs already, `conflict` when paused */
  start(reference: string): Promise<void> {
    return this.#lifecycle.start(this.#catalog.find(reference))
  }

  /** @throws EngineError `unmodified` when it does not run */
  stop(reference: string, { seconds, signal }: Ending): Promise<void> {
    return stop(this.#deps, this.#catalog.find(reference), seconds, signal)
  }

  restart(reference: string, { seconds, signal }: Ending): Promise<void> {
    return this.#lifecycle.restart(this.#catalog.find(reference), seconds, signal)
  }

  /** @throws EngineError `conflict` when it does not run, `invalid` for a bad signal */
  kill(reference: string, signal: string): Promise<void> {
    return kill(this.#deps, this.#catalog.find(reference), signal)
  }

  /** @throws EngineError `conflict` when it does not run, or is paused */
  pause(reference: string): Promise<void> {
    return pause(this.#deps, this.#catalog.find(reference), true)
  }

  /** @throws EngineError `conflict` when it is not paused */
  unpause(reference: string): Promise<void> {
    return pause(this.#deps, this.#catalog.find(reference), false)
  }

  /** @throws EngineError `invalid`, `conflict` when the name is taken */
  rename(reference: string, name: string): Promise<void> {
    return this.#lifecycle.rename(this.#catalog.find(reference), name)
  }

  /** Changes limits and restart policy. @returns warnings of what cannot be had here. @throws EngineError `invalid`, `conflict` */
  update(reference: string, body: unknown): Promise<readonly string[]> {
    return updateLimits(this.#deps, this.#catalog.find(reference), body)
  }

  /** Sets the size of its terminal, in characters. @throws EngineError `conflict` when it does not run */
  resize(reference: string, rows: number, columns: number): void {
    resize(this.#deps, this.#catalog.find(reference), rows, columns)
  }

  /**
   * Waits for a container to end, or to be gone; it is waited for from the call on.
   * @returns its exit code; rejects when the signal aborts
   */
  wait(reference: string, condition: WaitCondition, signal: AbortSignal): Promise<number> {
    const container = this.#catalog.find(reference)
    if (condition === 'removed') return container.removal(signal)
    const idle = !container.up && container.record.state.status !== 'restarting'
    return condition === 'next-exit' || !idle
      ? container.nextExit(signal)
      : Promise.resolve(container.record.state.exitCode)
  }

  /** @param stream whether its streams are wanted. @throws EngineError `conflict` when it is paused */
  attach(reference: string, stream: boolean, signal: AbortSignal): Attached {
    return attach(this.#deps, this.#catalog.find(reference), stream, signal)
  }

  log(reference: string): ContainerLog {
    return new ContainerLog(this.#deps, this.#catalog.find(reference))
  }

  /** Its processes as ps(1) shows them. @throws EngineError `conflict` when it does not run, `invalid` */
  top(reference: string, args: string): Promise<{ Titles: string[]; Processes: string[][] }> {
    return top(this.#deps, this.#catalog.find(reference), args)
  }

  /** What it uses, to be sampled as often as wanted: each sample is compared with the one before. */
  stats(reference: string): { readonly up: boolean; sample(before?: object): object } {
    const container = this.#catalog.find(reference)
    return { up: container.up, sample: (before) => sample(this.#deps, container, before) }
  }

  /** @throws EngineError `conflict` when it runs and `force` is not set */
  remove(reference: string, options: { readonly force?: boolean; readonly volumes?: boolean }): Promise<void> {
    return this.#lifecycle.remove(this.#catalog.find(reference), options)
  }

  /** Takes back a `--link`; it forgets the name when it starts next. @throws EngineError `missing` */
  unlink(reference: string, alias: string): Promise<void> {
    return this.#lifecycle.unlink(this.#catalog.find(reference), alias)
  }

  /** Removes those that do not run and pass the filters; `until` is a moment they were made before. */
  async prune(filters: Filters): Promise<{ readonly deleted: readonly string[]; readonly freed: number }> {
    const [until] = (filters.get('until') ?? []).map((text) => parseTimestamp(text))
    const others = new Map([...filters].filter(([key]) => key !== 'until'))
    const old = (await selectContainers(this.#deps, this.#catalog, others, true)).filter(
      ({ up, record: { state, created } }) =>
        !up && state.status !== 'restarting' && (until === undefined || Date.parse(created) < until),
    )
    let freed = 0
    for (const container of old) {
      const space = await spaceOf(this.#deps, container)
      await this.#lifecycle.remove(container)
      freed += space
    }
    return { deleted: old.map(({ id }) => id), freed }
  }

  /** @throws EngineError `missing`, `denied` when it is there already or can be on none */
  async connect(reference: string, spec: EndpointSpec): Promise<void> {
    await this.#membership.connect(this.#catalog.find(reference), spec)
  }

  /** @throws EngineError `missing` when it is not there */
  async disconnect(reference: string, networkId: string): Promise<void> {
    await this.#membership.disconnect(this.#catalog.find(reference), networkId)
  }

  /** Makes a command to run in it. @throws EngineError `conflict` when it does not run, `invalid` */
  createExec(reference: string, body: unknown): Exec {
    return this.#execs.create(this.#catalog.find(reference), body)
  }

  /** @throws EngineError `missing` */
  exec(id: string): Exec {
    return this.#execs.find(id)
  }

  /** Its files, for archives. */
  files(reference: string): ContainerFiles {
    return new ContainerFiles(this.#deps, this.#catalog.find(reference))
  }
}

/** @throws EngineError `invalid` for none of the three */
export function readCondition(text: string): WaitCondition {
  if (text === 'not-running' || text === 'next-exit' || text === 'removed') return text
  throw new EngineError('invalid', `invalid condition: "${text}"`)
}
