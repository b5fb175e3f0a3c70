import type { EventEmitter } from 'node:events'
import type { Config } from '../config.js'
import { refusalStatus } from '../engine-client/errors.js'
import { BerthError, messageOf } from '../errors.js'
import type { Logger } from '../log.js'
import { own } from '../lib/own.js'
import type { App } from '../store/apps.js'
import type { Release } from '../store/releases.js'
import { checksOf, gateOf, gateWithPorts } from './checks.js'
import { heardPorts } from '../store/ports.js'
import type { Clock } from './clock.js'
import { creationOf } from './creation.js'
import { configOf, imageOf, portOf, type Slot } from './desired.js'
import type { AppEngine } from './app-engine.js'
import type { Semaphore } from '../lib/semaphore.js'
import { initFor, type Init } from './init/init.js'
import type { Timeouts } from './limits.js'
import type { ObservedContainer } from './plan.js'
import type { ready } from './readiness.js'
import type { ProcessRecord, ProcessRecords } from './records.js'
import { linkJoins } from './links.js'
import { graceOf, joinsOf, settingsOf, startWords } from './settings.js'
import type { Tell } from './tell.js'
import type { Traffic } from './traffic.js'

/** Is told what runs: see `Liveness`. */
export interface LivenessWatch {
  /**
   * @param releaseOf that a process is of
   * @param known records by container id
   */
  watch(
    app: App,
    releaseOf: (found: ObservedContainer) => Release,
    up: readonly ObservedContainer[],
    known: ReadonlyMap<string, ProcessRecord>,
  ): void
  forget(app: string): void
}

/** What everything in the scheduler works with. */
export interface SchedulerDeps {
  readonly config: Config
  readonly log: Logger
  /** For the app's owner to read. */
  readonly tell: Tell
  /** A release with the URLs of its links among its config vars, for a process that is about to start. */
  readonly linked: (release: Release) => Promise<Release>
  readonly limits: Timeouts
  readonly engine: AppEngine
  readonly records: ProcessRecords
  readonly traffic: Traffic
  /** Emits the id of each container that died. */
  readonly deaths: EventEmitter
  readonly clock: Clock
  /** Waits for a process to do its work: see `ready`. */
  readonly ready: typeof ready
  /** Asks those that run whether they still do their work. */
  liveness?: LivenessWatch
  /** Bounds how many containers start at once. */
  readonly starts: Semaphore
  /** Aborted when the scheduler stops; what is under way is left for the next one to find. */
  readonly stopping: AbortSignal
}

/** How a process that starts is waited for. */
export interface WatchOptions {
  /** It is to be put in charge only when it can take requests. */
  readonly isNewRelease: boolean
  readonly log: (line: string) => void
}

/** The containers of all apps, and what is being done about each at this moment. */
export class Fleet {
  readonly #deps: SchedulerDeps
  readonly #watches = new Map<string, { done: Promise<void>; abort: AbortController }>()
  readonly #retiring = new Map<string, Promise<boolean>>()
  constructor(deps: SchedulerDeps) {
    this.#deps = deps
  }

  isWatched(id: string): boolean {
    return this.#watches.has(id)
  }

  isRetiring(id: string): boolean {
    return this.#retiring.has(id)
  }

  /**
   * Makes and starts one process. When it cannot even be started its container stays, dead, with the reason on record.
   * @throws BerthError saying why, when there is not even a container
   */
  async launch(app: App, release: Release, slot: Slot, restarts: number): Promise<LaunchedProcess> {
    const { engine, records, starts, config, clock } = this.#deps
    return starts.run(async () => {
      const init = await initFor(engine, config)
      const id = await this.#create(app, release, slot, init)
      const record: ProcessRecord = {
        container: id,
        process: slot.process,
        type: slot.type,
        release: release.version,
        state: 'starting',
        since: new Date(clock.now()).toISOString(),
        restarts,
        until: null,
        failure: null,
      }
      const start = async (): Promise<void> => {
        if (init.archive) await engine.put(id, init.archive)
        await engine.start(id)
      }
      // Redis is told before the engine is; that the record is on the disk, too, no start waits for
      const [added, started] = await Promise.allSettled([records.add(app.id, record), start()])
      if (added.status === 'rejected') throw added.reason
      const { grace } = settingsOf(release, slot.type)
      const found = { ...slot, id, grace, release: release.version, running: true, createdAt: 0, address: '' }
      if (started.status === 'fulfilled') return { found, failure: null }
      const failure = refused(started.reason, release, slot)
      await records.move(app.id, id, 'starting', { failure: failure.message })
      return { found: { ...found, running: false }, failure }
    })
  }

  /** The container of a process, not yet started. @returns its id */
  async #create(app: App, release: Release, slot: Slot, init: Init): Promise<string> {
    const { engine, config, linked } = this.#deps
    const settings = settingsOf(release, slot.type)
    const image = await engine.commandOf(imageOf(release, slot.type))
    const whole = await linked(release)
    const words = startWords(settings, configOf(whole), {
      command: own(release.processTypes, slot.type) ?? null,
      image,
    })
    if (words.length === 0)
      throw new BerthError(
        'invalid',
        `${slot.process} has nothing to run: its image has neither CMD nor ENTRYPOINT`,
        'add a CMD to the Dockerfile, or a line to the Procfile',
      )
    const creation = creationOf({ instance: config.name, app, release: whole }, slot, { words, init })
    try {
      const [, ...joins] = joinsOf(app.id, settings, [slot.type, slot.process])
      return await engine.create(creation, [...joins, ...linkJoins(release.links)])
    } catch (error) {
      throw refused(error, release, slot)
    }
  }

  /** Resolves when a process is ready; asking again while it is awaited joins the wait. @throws as `ready` does */
  watch(app: App, release: Release, found: ObservedContainer, { isNewRelease, log }: WatchOptions): Promise<void> {
    const before = this.#watches.get(found.id)
    if (before) return before.done
    const abort = new AbortController()
    const { config, engine, limits, deaths, stopping } = this.#deps
    const command = own(release.processTypes, found.type) ?? null
    const about = { app: app.id, command, origin: release.origin }
    const port = portOf(release)
    const gate = gateOf(checksOf(app, release, found.type), port, isNewRelease)
    // one that starts again is not kept from its other work by a port that leads where it does not listen
    const checks = gateWithPorts(gate, isNewRelease ? heardPorts(app.ports, found.type) : [])
    const starting = { ...found, ...about, port, hostname: config.appHost(app.name), checks }
    const signal = AbortSignal.any([abort.signal, stopping])
    const done = this.#deps
      .ready(starting, { engine, limits, deaths, log }, signal)
      .finally(() => this.#watches.delete(found.id))
    this.#watches.set(found.id, { done, abort })
    return done
  }

  /** Ends the wait for a process, if there is one. */
  giveUp(id: string): void {
    this.#watches.get(id)?.abort.abort()
  }

  /**
   * Takes a process away in the background: drains it when it serves requests (the router knows route `version`), then
   * SIGTERM, grace, SIGKILL, and removes it. Resolves with true when it is gone, with false when it could not be done now.
   */
  retire(app: string, found: ObservedContainer, record: ProcessRecord | undefined, version: number): Promise<boolean> {
    const under = this.#retiring.get(found.id)
    if (under) return under
    this.giveUp(found.id)
    const done = this.#retire(app, found, record, version)
      .catch((error: unknown) => {
        this.#deps.log.warn({ app, process: found.process }, `cannot take it away: ${messageOf(error)}`)
        return false
      })
      .finally(() => this.#retiring.delete(found.id))
    this.#retiring.set(found.id, done)
    return done
  }

  /** Removes a process now; `grace` in seconds, 0 for one that never did any work. */
  async discard(app: string, found: ObservedContainer, grace: number): Promise<void> {
    const { engine, records } = this.#deps
    this.giveUp(found.id)
    if (found.running && grace > 0) await engine.stop(found.id, grace)
    await engine.remove(found.id)
    await records.remove(app, [found.id])
  }

  async #retire(
    app: string,
    found: ObservedContainer,
    record: ProcessRecord | undefined,
    version: number,
  ): Promise<boolean> {
    const { engine, limits, records, traffic, stopping } = this.#deps
    if (found.running && found.type === 'web' && (record?.state === 'up' || record?.state === 'draining')) {
      await records.move(app, found.id, 'draining')
      await traffic.drained(app, version, found.id, stopping)
      if (stopping.aborted) return false
    }
    if (found.running) {
      await records.move(app, found.id, 'stopping')
      await engine.stop(found.id, graceOf(found, limits))
    }
    const gone = await engine.remove(found.id)
    await records.remove(app, [found.id])
    return gone
  }
}

/** A process that was started, or whose container is there but would not start. */
export interface LaunchedProcess {
  readonly found: ObservedContainer
  readonly failure: BerthError | null
}

function refused(error: unknown, release: Release, slot: Slot): BerthError {
  if (error instanceof BerthError) return error
  const words = messageOf(error)
  if (refusalStatus(error) === 404 && /no such image/i.test(words))
    return new BerthError(
      'missing',
      `the image of v${release.version} is no longer on the engine`,
      'push the app again',
    )
  const command = /exec: "?([^":]+)"?: (?:executable file not found|stat|no such file)/i.exec(words)?.[1]
  if (command !== undefined)
    return new BerthError(
      'invalid',
      `${slot.process} could not start: there is no command "${command}" in the image`,
      'see its line in the Procfile, or CMD in the Dockerfile',
    )
  return new BerthError('invalid', `${slot.process} could not start: ${words}`)
}
