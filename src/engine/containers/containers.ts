import { setTimeout as sleep } from 'node:timers/promises'
import type { EngineConfig } from '../config.js'
import { EngineError, isFault, messageOf } from '../errors.js'
import type { Digest, Endpoint, Events, Images, Networks, Usage, Volumes } from '../records.js'
import type { Hierarchies } from '../runtime/cgroup.js'
import { driverNamed, findProgram, type Driver } from '../runtime/driver.js'
import type { Exit, Exits } from '../runtime/exits.js'
import type { Ids } from '../runtime/ids.js'
import { bootId } from '../runtime/process.js'
import { Container, type Shop } from './container.js'
import { draft } from './draft.js'
import { watchHealth } from './health.js'
import { logLimits, rotateOnFull } from './log-files.js'
import { memberOf, namesOf } from './member.js'
import { watchMonitors } from './monitors.js'
import { dropAnonymous, holdAgain, tellMounts } from './mounts.js'
import { checkName, inventName } from './names.js'
import { isUp, timestamp } from './record.js'
import { nextBackOff, startsWithDaemon, wantsRestart } from './restart.js'
import { signalNumber } from './signals.js'
import { clear, start } from './start.js'
import { ContainerStore } from './store.js'
import { sweep } from './sweep.js'
import { fillVolumes } from './volume-copy.js'

/** What the containers stand on. */
export interface ContainerParts {
  readonly config: EngineConfig
  readonly driver: Driver
  readonly exits: Exits
  readonly hierarchies: Hierarchies
  readonly ids: Ids | undefined
  readonly images: Images
  readonly networks: Networks
  readonly volumes: Volumes
  readonly events: Events
}

/** Exit status of a run whose end nobody saw: the machine went down under it. */
const unseenExit = 255
const defaultStopSeconds = 10

/** Every container of the engine, and all that may be done to one. */
export class Containers implements Usage {
  readonly #shop: Shop
  readonly #all = new Map<string, Container>()

  private constructor(parts: ContainerParts) {
    this.#shop = {
      ...parts,
      store: new ContainerStore(parts.config.root),
      driverOf: ({ hostConfig }) => driverNamed(hostConfig.Runtime, parts.driver),
      conmon: findProgram('conmon'),
      boot: bootId(),
      find: (reference) => this.find(reference),
    }
  }

  /**
   * Reads the containers from disk without touching any. `parts` may hold rooms that are opened later, with this one as
   * their `Usage`; `resume` must follow before anything is started.
   */
  static async open(parts: ContainerParts): Promise<Containers> {
    const containers = new Containers(parts)
    for (const record of await containers.#shop.store.load()) containers.#all.set(record.id, new Container(record))
    return containers
  }

  get shop(): Shop {
    return this.#shop
  }

  /**
   * Finds again what outlived the last daemon, records what ended meanwhile, sweeps what belongs to nobody, and starts
   * what its restart policy wants running.
   */
  async resume(): Promise<void> {
    const { networks, boot } = this.#shop
    const up = [...this.#all.values()].filter((container) => container.up)
    const living = up.filter((container) => container.record.state.boot === boot && container.alive)
    await networks.restore(living.map(({ record }) => ({ ...record, member: memberOf(record) })))
    for (const container of living) {
      await holdAgain(this.#shop, container)
      // the last daemon died between recording the start and letting the program run
      const driver = this.#shop.driverOf(container.record)
      if (driver.waits(container.id)) await driver.start(container.id)
      this.#accompany(container)
    }
    for (const container of up) {
      if (living.includes(container)) continue
      const exit = container.record.state.boot === boot ? await this.#shop.exits.peek(container.id) : undefined
      await this.#ended(container, exit ?? { code: unseenExit, at: new Date() })
    }
    watchMonitors(() => [...this.#all.values()].filter(({ up }) => up), this.#shop.exits)
    await sweep(this.#shop, new Set(living.map(({ id }) => id)))
    for (const container of this.#all.values()) {
      if (container.record.state.status === 'removing') void this.#discard(container).catch(() => undefined)
      else if (!container.up && startsWithDaemon(container.record)) void this.start(container).catch(() => undefined)
    }
  }

  all(): readonly Container[] {
    return [...this.#all.values()].sort((a, b) => b.record.created.localeCompare(a.record.created))
  }

  /** By id, name or unique id prefix. @throws EngineError `missing` "No such container: x" */
  find(reference: string): Container {
    const bare = reference.replace(/^\//, '')
    const exact = this.#all.get(bare) ?? [...this.#all.values()].find(({ record }) => record.name === bare)
    if (exact) return exact
    const matches = bare === '' ? [] : [...this.#all.values()].filter(({ id }) => id.startsWith(bare))
    if (matches.length > 1) throw new EngineError('invalid', `Multiple IDs found with provided prefix: ${bare}`)
    const [only] = matches
    if (!only) throw new EngineError('missing', `No such container: ${reference}`)
    return only
  }

  ofImage(image: Digest): readonly string[] {
    return [...this.#all.values()].filter(({ record }) => record.image === image).map(({ id }) => id)
  }

  ofNetwork(networkId: string): readonly { id: string; name: string; endpoint: Endpoint }[] {
    return [...this.#all.values()].flatMap(({ id, record: { name, endpoints } }) =>
      endpoints.filter((endpoint) => endpoint.networkId === networkId).map((endpoint) => ({ id, name, endpoint })),
    )
  }

  ofVolume(name: string): readonly string[] {
    const mounts = (container: Container) => container.record.mounts.some((mount) => mount.name === name)
    return [...this.#all.values()].filter(mounts).map(({ id }) => id)
  }

  #nameTaken(name: string): Container | undefined {
    return [...this.#all.values()].find(({ record }) => record.name === name)
  }

  /** @throws EngineError `invalid`, `missing` (image, network), `conflict` (name) */
  async create(
    name: string,
    body: unknown,
    platform = '',
  ): Promise<{ container: Container; warnings: readonly string[] }> {
    const { store, events } = this.#shop
    const asked = name === '' ? inventName((taken) => this.#nameTaken(taken) !== undefined) : checkName(name)
    this.#refuseTaken(asked)
    const { record, volumes, warnings } = await draft(this.#shop, { name: asked, body, platform })
    this.#refuseTaken(asked) // another create may have taken it while this one waited
    const container = new Container(record)
    this.#all.set(record.id, container)
    try {
      await store.create(record)
      await fillVolumes(this.#shop, container, volumes)
    } catch (error) {
      this.#all.delete(record.id)
      await store.remove(record.id)
      await dropAnonymous(this.#shop.volumes, record.mounts)
      throw error
    }
    container.emit(events, 'create')
    return { container, warnings }
  }

  #refuseTaken(name: string): void {
    const owner = this.#nameTaken(name)
    if (owner)
      throw new EngineError(
        'conflict',
        `Conflict. The container name "/${name}" is already in use by container "${owner.id}". ` +
          'You have to remove (or rename) that container to be able to reuse that name.',
      )
  }

  /**
   * Starts it; a start by its restart `policy` only if that is still due.
   * @throws EngineError `unmodified` when it runs already, `conflict` when paused
   */
  async start(container: Container, policy?: 'policy'): Promise<void> {
    try {
      await this.#startInTurn(container, policy)
    } catch (error) {
      // `docker run --rm` waits for the removal, also of what never ran
      const never = !container.up && !isFault(error, 'unmodified') && container.record.state.status !== 'removing'
      if (never && container.record.hostConfig.AutoRemove) await this.#discard(container)
      throw error
    }
  }

  async #startInTurn(container: Container, policy?: 'policy'): Promise<void> {
    await container.inTurn(async () => {
      const { status } = container.record.state
      if (policy && status !== 'restarting') return // it was stopped, started or removed meanwhile
      if (status === 'running') throw new EngineError('unmodified', 'container already started')
      if (status === 'paused') throw new EngineError('conflict', 'cannot start a paused container, try unpause instead')
      if (status === 'removing') throw new EngineError('conflict', 'container is marked for removal')
      container.companions.abort() // a restart that was due
      await start(this.#shop, container)
      this.#accompany(container)
    })
  }

  /** Follows a running container: its end, its health, its log. */
  #accompany(container: Container): void {
    const { store, exits } = this.#shop
    void exits.wait(container.id).then((exit) => this.#ended(container, exit))
    const { signal } = container.companions
    watchHealth(this.#shop, container, signal)
    rotateOnFull(store.places(container.id).log, logLimits(container.record.hostConfig).maxFile, signal)
  }

  async #ended(container: Container, exit: Exit): Promise<void> {
    const { events, store } = this.#shop
    const { record } = container
    await container.inTurn(async () => {
      container.companions.abort()
      const oomKilled = container.cgroup(this.#shop).oomKills() > 0
      await clear(this.#shop, container)
      const again = wantsRestart({ ...record, state: { ...record.state, exitCode: exit.code } })
      Object.assign(record.state, {
        status: again ? 'restarting' : 'exited',
        pid: 0,
        conmonPid: 0,
        exitCode: exit.code,
        oomKilled,
        finishedAt: timestamp(exit.at),
      })
      delete record.state.health
      // what was not recorded the next engine finds out again
      if (await store.saveIfRoom(record)) await this.#shop.exits.take(container.id)
      if (oomKilled) container.emit(events, 'oom')
      container.emit(events, 'die', { exitCode: String(exit.code) })
      tellMounts(this.#shop, container, 'unmount')
    })
    container.exited()
    if (record.hostConfig.AutoRemove) await this.#discard(container).catch(() => undefined)
    else if (record.state.status === 'restarting') void this.#restartLater(container)
  }

  async #restartLater(container: Container): Promise<void> {
    const { state } = container.record
    const ran = Date.parse(state.finishedAt) - Date.parse(state.startedAt)
    container.backOff = nextBackOff(container.backOff, ran)
    container.companions = new AbortController()
    try {
      await sleep(container.backOff, undefined, { signal: container.companions.signal })
      state.restartCount++
      await this.start(container, 'policy')
    } catch (error) {
      if (state.status === 'restarting' && !container.companions.signal.aborted)
        Object.assign(state, { status: 'exited', error: messageOf(error) })
    }
  }

  /** Stops it: its stop signal, then SIGKILL after `seconds`; -1 waits for ever. @throws EngineError `unmodified` */
  async stop(container: Container, seconds?: number, signal?: string): Promise<void> {
    const { record } = container
    if (await this.#restInTurn(container)) return
    record.state.stopped = true
    if (!container.up) throw new EngineError('unmodified', 'container already stopped')
    const grace = seconds ?? record.config.StopTimeout ?? defaultStopSeconds
    const first = signal ?? record.config.StopSignal ?? 'SIGTERM'
    const ended = container.nextExit()
    await this.#shop.store.saveIfRoom(record) // a power cut must not bring back what was stopped
    const late = new AbortController()
    this.#signalAndTell(container, signalNumber(first))
    await this.#thaw(container)
    if (grace >= 0)
      void sleep(grace * 1000, undefined, { signal: late.signal }).then(
        () => this.#signalAndTell(container, signalNumber('SIGKILL')),
        () => undefined,
      )
    await ended
    late.abort()
    container.emit(this.#shop.events, 'stop')
  }

  #signalAndTell(container: Container, number: number): void {
    this.#signal(container, number)
    container.emit(this.#shop.events, 'kill', { signal: String(number) })
  }

  /** Gives up a restart that is due; false when there was none, or it came first and the container is up. */
  #restInTurn(container: Container): Promise<boolean> {
    const { state } = container.record
    if (state.status !== 'restarting') return Promise.resolve(false)
    return container.inTurn(async () => {
      if (state.status !== 'restarting') return false
      container.companions.abort()
      Object.assign(state, { status: 'exited', stopped: true })
      await this.#shop.store.saveIfRoom(container.record)
      return true
    })
  }

  /** @throws EngineError `conflict` when it does not run, `invalid` for a bad signal */
  async kill(container: Container, signal: string): Promise<void> {
    const number = signalNumber(signal)
    if (!container.up) throw new EngineError('conflict', `container ${container.id} is not running`)
    const ends = number === 9 || number === signalNumber(container.record.config.StopSignal ?? 'SIGTERM')
    const ended = number === 9 ? container.nextExit() : undefined
    if (ends) {
      container.record.state.stopped = true
      await this.#shop.store.saveIfRoom(container.record)
    }
    this.#signalAndTell(container, number)
    if (ends) await this.#thaw(container)
    await ended
  }

  /** What is frozen hears no signal: one that ends it is heard at once. */
  async #thaw(container: Container): Promise<void> {
    if (container.record.state.status === 'paused') await this.pause(container, false).catch(() => undefined)
  }

  #signal(container: Container, number: number): void {
    if (!container.alive) return
    try {
      process.kill(container.record.state.pid, number)
    } catch {
      return // it has just ended
    }
  }

  async restart(container: Container, seconds?: number, signal?: string): Promise<void> {
    if (container.up) await this.stop(container, seconds, signal)
    await this.start(container)
    container.emit(this.#shop.events, 'restart')
  }

  async pause(container: Container, paused: boolean): Promise<void> {
    await container.inTurn(async () => {
      const { record } = container
      const from = paused ? 'running' : 'paused'
      if (paused && record.state.status === 'paused')
        throw new EngineError('conflict', `Container ${container.id} is already paused`)
      if (record.state.status !== from)
        throw new EngineError('conflict', `Container ${container.id} is not ${paused ? 'running' : 'paused'}`)
      const cgroup = container.cgroup(this.#shop)
      if (paused) await cgroup.freeze()
      else cgroup.thaw()
      record.state.status = paused ? 'paused' : 'running'
      await this.#shop.store.save(record)
      container.emit(this.#shop.events, paused ? 'pause' : 'unpause')
    })
  }

  async rename(container: Container, name: string): Promise<void> {
    if (name === '') throw new EngineError('invalid', 'Neither old nor new names may be empty')
    const wanted = checkName(name)
    const { record } = container
    if (record.name === wanted)
      throw new EngineError('invalid', 'Renaming a container with the same name as its current name')
    this.#refuseTaken(wanted)
    const oldName = record.name
    record.name = wanted
    this.#shop.networks.rename(container.id, namesOf(record))
    await this.#shop.store.save(record)
    container.emit(this.#shop.events, 'rename', { oldName: `/${oldName}` })
  }

  /** Takes back a `--link` of a container; it forgets the name when it starts next. @throws EngineError `missing` */
  async unlink(container: Container, alias: string): Promise<void> {
    const { record } = container
    const links = (record.hostConfig.Links ?? []) as readonly string[]
    const left = links.filter((link) => link.split(':').at(-1)?.split('/').at(-1) !== alias)
    if (left.length === links.length) throw new EngineError('missing', `No such container: ${record.name}/${alias}`)
    record.hostConfig = { ...record.hostConfig, Links: left }
    await this.#shop.store.save(record)
  }

  /** @throws EngineError `conflict` when it runs and `force` is not set */
  async remove(container: Container, { force = false, volumes = false } = {}): Promise<void> {
    const { state } = container.record
    if (isUp(state) || state.status === 'restarting') {
      if (!force)
        throw new EngineError(
          'conflict',
          `cannot remove container "/${container.record.name}": container is running: stop the container before removing or force remove`,
        )
      if (!(await this.#restInTurn(container)) && container.up) {
        state.stopped = true
        const ended = container.nextExit()
        this.#signal(container, 9)
        await this.#thaw(container)
        await ended
      }
    }
    await this.#discard(container, volumes)
  }

  async #discard(container: Container, volumes = container.record.hostConfig.AutoRemove): Promise<void> {
    await container.inTurn(async () => {
      if (!this.#all.has(container.id)) return
      container.companions.abort()
      container.record.state.status = 'removing'
      await this.#shop.store.remove(container.id)
      this.#all.delete(container.id)
    })
    if (volumes) await dropAnonymous(this.#shop.volumes, container.record.mounts)
    container.emit(this.#shop.events, 'destroy')
    container.removed()
  }
}
