import { setTimeout as sleep } from 'node:timers/promises'
import { EngineError, isFault, messageOf } from '../errors.js'
import type { Platform } from '../oci/manifest.js'
import type { Exit } from '../runtime/exits.js'
import { patiently } from '../system/remove.js'
import type { ContainerCatalog } from './catalog.js'
import { Container, type ContainerDeps } from './container.js'
import { buildRecord } from './build-record.js'
import { watchHealth } from './health.js'
import { guardDisk } from './disk-guard.js'
import { renamedLinks } from './links.js'
import { logLimits, rotateOnFull } from './log-files.js'
import { unpersist, persist } from './persist.js'
import { memberOf, namesOf } from './member.js'
import { watchMonitors } from './monitors.js'
import { holdAgain, tellMounts } from './mounts.js'
import { checkName, inventName } from './names.js'
import { advance, isUp, timestamp } from './state.js'
import { nextBackOff, startsWithDaemon, wantsRestart } from './restart.js'
import { clear, start } from './start.js'
import { endContainer, stop } from './stop.js'
import { sweep } from './sweep.js'

/** Exit status of a run whose end nobody saw: the machine went down under it. */
const unseenExit = 255

/** What becomes of containers: made, started, ended, started again, renamed, removed. */
export class Lifecycle {
  readonly #deps: ContainerDeps
  readonly #catalog: ContainerCatalog

  constructor(deps: ContainerDeps, catalog: ContainerCatalog) {
    this.#deps = deps
    this.#catalog = catalog
  }

  /**
   * Finds again what outlived the last daemon, records what ended meanwhile, sweeps what belongs to nobody, and starts
   * what its restart policy wants running.
   */
  async resume(): Promise<void> {
    const { networks, boot } = this.#deps
    const up = this.#catalog.all().filter((container) => container.up)
    const living = up.filter((container) => container.record.state.boot === boot && container.alive)
    await networks.restore(living.map(({ record }) => ({ ...record, member: memberOf(record) })))
    for (const container of living) {
      await this.#takeUp(container)
    }
    for (const container of up) {
      if (living.includes(container)) continue
      const exit = container.record.state.boot === boot ? await this.#deps.exits.peek(container.id) : undefined
      // restarted below: the sweep would take what has begun to run for a stray
      await this.#ended(container, exit ?? { code: unseenExit, at: new Date() }, false)
    }
    watchMonitors(() => this.#catalog.all().filter(({ up }) => up), this.#deps.exits)
    guardDisk(this.#deps, () => this.#catalog.all().filter(({ up }) => up))
    const stopped = this.#catalog.all().filter((container) => !living.includes(container))
    await sweep(
      this.#deps,
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
      if (state.status === 'restarting') advance(state, 'exited', { error: messageOf(error) })
    })
  }

  async #takeUp(container: Container): Promise<void> {
    await holdAgain(this.#deps, container)
    // the last daemon died between recording the start and letting the program run
    const driver = this.#deps.driverOf(container.record)
    // what cannot be let run has ended meanwhile: its exit tells
    if (driver.waits(container.id)) await driver.start(container.id).catch(() => undefined)
    this.#accompany(container)
  }

  /** @throws EngineError `invalid`, `missing` (image, network), `conflict` (name) */
  async create(
    name: string,
    body: unknown,
    platform?: Platform,
  ): Promise<{ container: Container; warnings: readonly string[] }> {
    const { events } = this.#deps
    const asked = name === '' ? inventName((taken) => this.#catalog.named(taken) !== undefined) : checkName(name)
    this.#refuseTaken(asked)
    const { record, mounts, warnings } = await buildRecord(this.#deps, { name: asked, body, platform })
    this.#refuseTaken(asked) // another create may have taken it while this one waited
    const container = new Container(record)
    this.#catalog.reserve(container)
    try {
      await persist(this.#deps, container, mounts)
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
      await this.#startExclusively(container, policy)
    } catch (error) {
      // `docker run --rm` waits for the removal, also of what never ran
      const never = !container.up && !isFault(error, 'unmodified') && container.record.state.status !== 'removing'
      if (never && container.record.hostConfig.AutoRemove) await this.#discard(container)
      throw error
    }
  }

  async #startExclusively(container: Container, policy?: 'policy'): Promise<void> {
    await container.exclusively(async () => {
      const { status } = container.record.state
      if (policy && status !== 'restarting') return // it was stopped, started or removed meanwhile
      if (status === 'running') throw new EngineError('unmodified', 'container already started')
      if (status === 'paused') throw new EngineError('conflict', 'cannot start a paused container, try unpause instead')
      container.companions.abort() // a restart that was due
      if (!policy) container.backOff = container.record.state.restartCount = 0 // somebody starts it: they begin anew
      await start(this.#deps, container)
      this.#accompany(container)
    })
  }

  /** Follows a running container: its end, its health, its log. */
  #accompany(container: Container): void {
    const { store, exits } = this.#deps
    void exits
      .wait(container.id)
      .then((exit) => this.#ended(container, exit))
      .catch((error: unknown) => {
        console.error(`the end of container ${container.id} cannot be dealt with: ${messageOf(error)}`)
      })
    const { signal } = container.companions
    watchHealth(this.#deps, container, signal)
    rotateOnFull(store.places(container.id).log, logLimits(container.record.hostConfig).maxFile, signal)
  }

  async #ended(container: Container, exit: Exit, restarts = true): Promise<void> {
    const { events, store } = this.#deps
    const { record } = container
    await container.exclusively(async () => {
      container.companions.abort()
      const oomKilled = container.cgroup(this.#deps).oomKills() > 0
      // what cannot be removed does not make it run: the next start of the engine sweeps
      await clear(this.#deps, container).catch((error: unknown) => {
        console.error(`what is left of container ${container.id} cannot be removed yet: ${messageOf(error)}`)
      })
      const again = wantsRestart({ ...record, state: { ...record.state, exitCode: exit.code } })
      advance(record.state, again ? 'restarting' : 'exited', {
        pid: 0,
        conmonPid: 0,
        exitCode: exit.code,
        oomKilled,
        finishedAt: timestamp(exit.at),
      })
      delete record.state.health
      // what was not recorded the next engine finds out again
      if (await store.saveIfPossible(record)) await this.#deps.exits.take(container.id)
      if (oomKilled) container.emit(events, 'oom')
      container.emit(events, 'die', { exitCode: String(exit.code) })
      tellMounts(this.#deps, container, 'unmount')
    })
    container.exited()
    if (record.hostConfig.AutoRemove)
      await this.#discard(container).catch((error: unknown) => {
        console.error(`container ${container.id} cannot be removed: ${messageOf(error)}`)
      })
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
        advance(state, 'exited', { error: messageOf(error) })
    }
  }

  async restart(container: Container, seconds?: number, signal?: string): Promise<void> {
    if (container.up) await stop(this.#deps, container, seconds, signal)
    await this.start(container).catch((error: unknown) => {
      // its policy was faster
      if (!isFault(error, 'unmodified')) throw error
    })
    container.emit(this.#deps.events, 'restart')
  }

  async rename(container: Container, name: string): Promise<void> {
    if (name === '') throw new EngineError('invalid', 'Neither old nor new names may be empty')
    const wanted = checkName(name)
    const { record } = container
    const oldName = await container.exclusively(async () => {
      const oldName = record.name
      if (oldName === wanted)
        throw new EngineError('invalid', 'Renaming a container with the same name as its current name')
      this.#refuseTaken(wanted)
      const take = (name: string): void => {
        record.name = name
        this.#deps.networks.rename(container.id, namesOf(record))
      }
      take(wanted)
      try {
        await this.#deps.store.save(record)
      } catch (error) {
        take(oldName)
        throw error
      }
      container.emit(this.#deps.events, 'rename', { oldName: `/${oldName}` })
      return oldName
    })
    for (const other of this.#catalog.all()) await this.#followRename(other, oldName, wanted)
  }

  /** A link leads to a container, whatever it is called. */
  async #followRename(container: Container, from: string, to: string): Promise<void> {
    if (!renamedLinks(container, from, to)) return
    await container.exclusivelyRemove(async () => {
      const { record } = container
      const Links = renamedLinks(container, from, to)
      if (!Links || record.state.status === 'removing') return
      record.hostConfig = { ...record.hostConfig, Links }
      await this.#deps.store.save(record)
    })
  }

  /** Takes back a `--link` of a container; it forgets the name when it starts next. @throws EngineError `missing` */
  async unlink(container: Container, alias: string): Promise<void> {
    const { record } = container
    await container.exclusively(async () => {
      const links = record.hostConfig.Links ?? []
      const left = links.filter((link) => link.split(':').at(-1)?.split('/').at(-1) !== alias)
      if (left.length === links.length) throw new EngineError('missing', `No such container: ${record.name}/${alias}`)
      record.hostConfig = { ...record.hostConfig, Links: left }
      await this.#deps.store.save(record)
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
        await endContainer(this.#deps, container)
      }
    } while (!(await this.#discard(container, volumes)))
  }

  /** @returns whether it is gone: one that was started meanwhile is not */
  #discard(container: Container, volumes = container.record.hostConfig.AutoRemove): Promise<boolean> {
    return container.exclusivelyRemove(async () => {
      if (!this.#catalog.has(container.id)) return true
      if (container.up) return false
      container.companions.abort()
      await unpersist(this.#deps, container, volumes)
      this.#catalog.delete(container.id)
      container.emit(this.#deps.events, 'destroy')
      container.removed()
      return true
    })
  }
}
