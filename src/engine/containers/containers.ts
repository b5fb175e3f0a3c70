import { setTimeout as sleep } from 'node:timers/promises'
import type { EngineConfig } from '../config.js'
import { EngineError, isFault, messageOf } from '../errors.js'
import type { Events, Images, Networks, Volumes } from '../records.js'
import type { Hierarchies } from '../runtime/cgroup.js'
import { driverNamed, findProgram, type Driver } from '../runtime/driver.js'
import type { Exit, Exits } from '../runtime/exits.js'
import type { Ids } from '../runtime/ids.js'
import { bootId } from '../system/process.js'
import { patiently } from '../system/remove.js'
import type { Catalog } from './catalog.js'
import { Container, type Shop } from './container.js'
import { draft } from './build-record.js'
import { watchHealth } from './health.js'
import { watchForFloods } from './disk-guard.js'
import { renamedLinks } from './links.js'
import { logLimits, rotateOnFull } from './log-files.js'
import { discard, keep } from './persist.js'
import { memberOf, namesOf } from './member.js'
import { watchMonitors } from './monitors.js'
import { holdAgain, tellMounts } from './mounts.js'
import { checkName, inventName } from './names.js'
import { isUp, timestamp } from './record.js'
import { nextBackOff, startsWithDaemon, wantsRestart } from './restart.js'
import { clear, start } from './start.js'
import { end, stop } from './stop.js'
import { ContainerStore } from './store.js'
import { sweep } from './sweep.js'

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
  /** Empty; it is filled from disk. */
  readonly catalog: Catalog
}

/** Exit status of a run whose end nobody saw: the machine went down under it. */
const unseenExit = 255

/** Every container of the engine, and all that may be done to one. */
export class Containers {
  readonly #shop: Shop
  readonly #catalog: Catalog

  private constructor(parts: ContainerParts) {
    this.#catalog = parts.catalog
    this.#shop = {
      ...parts,
      store: new ContainerStore(parts.config.root),
      driverOf: ({ hostConfig }) => driverNamed(hostConfig.Runtime, parts.driver),
      conmon: findProgram('conmon'),
      boot: bootId(),
      find: (reference) => parts.catalog.find(reference),
      all: () => parts.catalog.all(),
    }
  }

  /** Reads the containers from disk without touching any; `resume` must follow before anything is started. */
  static async open(parts: ContainerParts): Promise<Containers> {
    const containers = new Containers(parts)
    for (const record of await containers.#shop.store.load()) parts.catalog.add(new Container(record))
    return containers
  }

  get shop(): Shop {
    return this.#shop
  }

  get catalog(): Catalog {
    return this.#catalog
  }

  /**
   * Finds again what outlived the last daemon, records what ended meanwhile, sweeps what belongs to nobody, and starts
   * what its restart policy wants running.
   */
  async resume(): Promise<void> {
    const { networks, boot } = this.#shop
    const up = this.#catalog.all().filter((container) => container.up)
    const living = up.filter((container) => container.record.state.boot === boot && container.alive)
    await networks.restore(living.map(({ record }) => ({ ...record, member: memberOf(record) })))
    for (const container of living) {
      await this.#takeUp(container)
    }
    for (const container of up) {
      if (living.includes(container)) continue
      const exit = container.record.state.boot === boot ? await this.#shop.exits.peek(container.id) : undefined
      // restarted below: the sweep would take what has begun to run for a stray
      await this.#ended(container, exit ?? { code: unseenExit, at: new Date() }, false)
    }
    watchMonitors(() => this.#catalog.all().filter(({ up }) => up), this.#shop.exits)
    watchForFloods(this.#shop, () => this.#catalog.all().filter(({ up }) => up))
    const stopped = this.#catalog.all().filter((container) => !living.includes(container))
    await sweep(
      this.#shop,
      new Set(living.map(({ id }) => id)),
      stopped.map(({ record }) => record),
    )
    for (const container of this.#catalog.all()) {
      const { state, hostConfig } = container.record
      // what was not synced of a `--rm` that came and went, a power cut takes back: it seems never to have run. dockerd
      // removes such a one at its start, too.
      if (state.status === 'removing' || (hostConfig.AutoRemove && !container.up))
        await patiently(
          this.#discard(container, true).catch((error: unknown) => {
            console.error(`container ${container.id} cannot be removed: ${messageOf(error)}`)
          }),
        )
      else if (!container.up && startsWithDaemon(container.record)) void this.#startWithDaemon(container)
    }
  }

  async #startWithDaemon(container: Container): Promise<void> {
    const { state } = container.record
    await this.start(container).catch((error: unknown) => {
      if (state.status === 'restarting') Object.assign(state, { status: 'exited', error: messageOf(error) })
    })
  }

  async #takeUp(container: Container): Promise<void> {
    await holdAgain(this.#shop, container)
    // the last daemon died between recording the start and letting the program run
    const driver = this.#shop.driverOf(container.record)
    // what cannot be let run has ended meanwhile: its exit tells
    if (driver.waits(container.id)) await driver.start(container.id).catch(() => undefined)
    this.#accompany(container)
  }

  /** @throws EngineError `invalid`, `missing` (image, network), `conflict` (name) */
  async create(
    name: string,
    body: unknown,
    platform = '',
  ): Promise<{ container: Container; warnings: readonly string[] }> {
    const { events } = this.#shop
    const asked = name === '' ? inventName((taken) => this.#catalog.named(taken) !== undefined) : checkName(name)
    this.#refuseTaken(asked)
    const { record, mounts, warnings } = await draft(this.#shop, { name: asked, body, platform })
    this.#refuseTaken(asked) // another create may have taken it while this one waited
    const container = new Container(record)
    this.#catalog.reserve(container)
    try {
      await keep(this.#shop, container, mounts)
      this.#catalog.add(container)
    } catch (error) {
      this.#catalog.delete(record.id)
      throw error
    }
    container.emit(events, 'create')
    return { container, warnings }
  }

  #refuseTaken(name: string): void {
    const owner = this.#catalog.named(name)
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
      container.companions.abort() // a restart that was due
      await start(this.#shop, container)
      this.#accompany(container)
    })
  }

  /** Follows a running container: its end, its health, its log. */
  #accompany(container: Container): void {
    const { store, exits } = this.#shop
    void exits
      .wait(container.id)
      .then((exit) => this.#ended(container, exit))
      .catch((error: unknown) => {
        console.error(`the end of container ${container.id} cannot be dealt with: ${messageOf(error)}`)
      })
    const { signal } = container.companions
    watchHealth(this.#shop, container, signal)
    rotateOnFull(store.places(container.id).log, logLimits(container.record.hostConfig).maxFile, signal)
  }

  async #ended(container: Container, exit: Exit, restarts = true): Promise<void> {
    const { events, store } = this.#shop
    const { record } = container
    await container.inTurn(async () => {
      container.companions.abort()
      const oomKilled = container.cgroup(this.#shop).oomKills() > 0
      // what cannot be removed does not make it run: the next start of the engine sweeps
      await clear(this.#shop, container).catch((error: unknown) => {
        console.error(`what is left of container ${container.id} cannot be removed yet: ${messageOf(error)}`)
      })
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
      if (await store.saveIfPossible(record)) await this.#shop.exits.take(container.id)
      if (oomKilled) container.emit(events, 'oom')
      container.emit(events, 'die', { exitCode: String(exit.code) })
      tellMounts(this.#shop, container, 'unmount')
    })
    container.exited()
    if (record.hostConfig.AutoRemove) await this.#discard(container).catch(() => undefined)
    else if (restarts && record.state.status === 'restarting') void this.#restartLater(container)
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

  async restart(container: Container, seconds?: number, signal?: string): Promise<void> {
    if (container.up) await stop(this.#shop, container, seconds, signal)
    await this.start(container).catch((error: unknown) => {
      // its policy was faster
      if (!isFault(error, 'unmodified')) throw error
    })
    container.emit(this.#shop.events, 'restart')
  }

  async rename(container: Container, name: string): Promise<void> {
    if (name === '') throw new EngineError('invalid', 'Neither old nor new names may be empty')
    const wanted = checkName(name)
    const { record } = container
    const oldName = await container.inTurn(async () => {
      const oldName = record.name
      if (oldName === wanted)
        throw new EngineError('invalid', 'Renaming a container with the same name as its current name')
      this.#refuseTaken(wanted)
      const take = (name: string): void => {
        record.name = name
        this.#shop.networks.rename(container.id, namesOf(record))
      }
      take(wanted)
      try {
        await this.#shop.store.save(record)
      } catch (error) {
        take(oldName)
        throw error
      }
      container.emit(this.#shop.events, 'rename', { oldName: `/${oldName}` })
      return oldName
    })
    for (const other of this.#catalog.all()) await this.#followRename(other, oldName, wanted)
  }

  /** A link leads to a container, whatever it is called. */
  async #followRename(container: Container, from: string, to: string): Promise<void> {
    if (!renamedLinks(container, from, to)) return
    await container.inLastTurn(async () => {
      const { record } = container
      const Links = renamedLinks(container, from, to)
      if (!Links || record.state.status === 'removing') return
      record.hostConfig = { ...record.hostConfig, Links }
      await this.#shop.store.save(record)
    })
  }

  /** Takes back a `--link` of a container; it forgets the name when it starts next. @throws EngineError `missing` */
  async unlink(container: Container, alias: string): Promise<void> {
    const { record } = container
    await container.inTurn(async () => {
      const links = (record.hostConfig.Links ?? []) as readonly string[]
      const left = links.filter((link) => link.split(':').at(-1)?.split('/').at(-1) !== alias)
      if (left.length === links.length) throw new EngineError('missing', `No such container: ${record.name}/${alias}`)
      record.hostConfig = { ...record.hostConfig, Links: left }
      await this.#shop.store.save(record)
    })
  }

  /** @throws EngineError `conflict` when it runs and `force` is not set */
  async remove(container: Container, { force = false, volumes = false } = {}): Promise<void> {
    const { state } = container.record
    do {
      if (isUp(state) || state.status === 'restarting') {
        if (!force)
          throw new EngineError(
            'conflict',
            `cannot remove container "/${container.record.name}": container is running: stop the container before removing or force remove`,
          )
        await end(this.#shop, container)
      }
    } while (!(await this.#discard(container, volumes)))
  }

  /** @returns whether it is gone: one that was started meanwhile is not */
  #discard(container: Container, volumes = container.record.hostConfig.AutoRemove): Promise<boolean> {
    return container.inLastTurn(async () => {
      if (!this.#catalog.has(container.id)) return true
      if (container.up) return false
      container.companions.abort()
      await discard(this.#shop, container, volumes)
      this.#catalog.delete(container.id)
      container.emit(this.#shop.events, 'destroy')
      container.removed()
      return true
    })
  }
}
