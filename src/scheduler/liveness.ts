import { messageOf } from '../errors.js'
import type { App } from '../store/apps.js'
import type { Release } from '../store/releases.js'
import { countCrash, delayAfter } from './backoff.js'
import { checksOf, type Check } from './checks.js'
import { nameCheck } from './diagnosis.js'
import type { SchedulerDeps } from './fleet.js'
import { perform, type CheckOutcome } from './perform.js'
import type { ObservedContainer } from './plan.js'
import type { ProcessRecord } from './records.js'

/** A running process that has failed a liveness check as often as it may. */
export interface SickProcess {
  readonly app: App
  readonly release: Release
  readonly found: ObservedContainer
  /** How often it was replaced in a row, this time included. */
  readonly restarts: number
  /** Why, one line. */
  readonly failure: string
}

/** Has a new process take the place of a sick one. Resolves with null, or with why that cannot be now, or did not work. */
type Replace = (sick: SickProcess) => Promise<string | null>

/** What comes of checks of processes that run. */
export interface LivenessActs {
  readonly replace: Replace
  /** Has an app's requests go to those of its processes that can take them. */
  readonly reroute: (app: string) => Promise<void>
}

/** A process that is watched. */
interface Watched {
  app: App
  release: Release
  readonly found: ObservedContainer
  /** Of another key, it is watched anew. */
  readonly key: string
  readonly stop: AbortController
  readonly began: number
  passedAt: number | null
  /** Replacements that did not work, and when the last was tried. */
  tries: number
  triedAt: number
  /** Checks that could not be done when they were last to be. */
  readonly doubts: Set<Check>
  /** Readiness checks that it does not pass, each with what came of it. */
  readonly failing: Map<Check, string>
}

/**
 * Asks the processes that run whether they still do their work, where somebody wants that: has the sick replaced, and those that
 * are not ready spared requests.
 */
export class Liveness {
  readonly #deps: SchedulerDeps
  readonly #acts: LivenessActs
  readonly #perform: typeof perform
  /** App id -> container id -> what is known of it. */
  readonly #apps = new Map<string, Map<string, Watched>>()
  readonly #loops = new Set<Promise<void>>()

  constructor(deps: SchedulerDeps, acts: LivenessActs, performer = perform) {
    this.#deps = deps
    this.#acts = acts
    this.#perform = performer
    deps.stopping.addEventListener('abort', () => this.#apps.forEach((_, app) => this.forget(app)))
  }

  /**
   * Watches these processes of an app, and no others of it. An app without such checks costs nothing.
   * @param releaseOf that a process is of
   * @param records by container id
   */
  watch(
    app: App,
    releaseOf: (found: ObservedContainer) => Release,
    up: readonly ObservedContainer[],
    records: ReadonlyMap<string, Pick<ProcessRecord, 'unready'>>,
  ): void {
    const before = this.#apps.get(app.id)
    const now = new Map<string, Watched>()
    for (const found of this.#deps.stopping.aborted ? [] : up) {
      const release = releaseOf(found)
      const { liveness, readiness: declared } = checksOf(app, release, found.type)
      // others get no requests that they could be spared
      const readiness = found.type === 'web' ? declared : []
      const checks = [...liveness, ...readiness]
      if (checks.length === 0) continue
      const key = JSON.stringify([checks, found.address])
      const known = before?.get(found.id)
      if (known?.key === key) {
        now.set(found.id, Object.assign(known, { app, release }))
        continue
      }
      const unready = records.get(found.id)?.unready ?? null
      const failing = unready === null ? [] : readiness.filter(({ warn }) => !warn)
      const began = this.#deps.clock.now()
      const watched: Watched = {
        ...{ app, release, found, key, stop: new AbortController(), doubts: new Set() },
        ...{ began, passedAt: null, tries: 0, triedAt: began },
        failing: new Map(failing.map((check) => [check, unready ?? ''])),
      }
      now.set(found.id, watched)
      for (const check of checks) this.#begin(watched, check)
    }
    before?.forEach((one, id) => {
      if (now.get(id) !== one) one.stop.abort()
    })
    if (now.size > 0) this.#apps.set(app.id, now)
    else this.#apps.delete(app.id)
  }

  /** Watches nothing of an app any more. */
  forget(app: string): void {
    this.#apps.get(app)?.forEach((one) => one.stop.abort())
    this.#apps.delete(app)
  }

  /** Resolves when nothing is asked any more, after all is forgotten. */
  async ended(): Promise<void> {
    await Promise.all(this.#loops)
  }

  #begin(watched: Watched, check: Check): void {
    const loop = this.#ask(watched, check).catch((error: unknown) =>
      this.#deps.log.warn({ app: watched.app.name, process: watched.found.process }, `liveness: ${messageOf(error)}`),
    )
    this.#loops.add(loop)
    void loop.then(() => this.#loops.delete(loop))
  }

  async #ask(watched: Watched, check: Check): Promise<void> {
    const { config, engine } = this.#deps
    const { found, stop } = watched
    const wait = Math.max(check.wait, 1) * 1000
    // processes that came up at once are not asked at once
    const first = watched.failing.has(check) ? 0 : wait * (0.5 + Math.random() / 2)
    await this.#pause(check.initialDelay * 1000 + first, stop.signal)
    const isOver = () => stop.signal.aborted
    for (let failures = 0; !isOver();) {
      const target = { id: found.id, address: found.address, hostname: config.appHost(watched.app.name) }
      // an engine that is away tells nothing of the process
      const outcome = await this.#perform(check, target, engine, stop.signal).catch((error: unknown) => {
        if (!isOver()) this.#doubt(watched, check, error)
        return null
      })
      if (isOver()) return
      if (outcome) watched.doubts.delete(check)
      if (outcome) failures = outcome.passed ? 0 : failures + 1
      await this.#act(watched, check, outcome, failures).catch((error: unknown) => this.#doubt(watched, check, error))
      await this.#pause(wait, stop.signal)
    }
  }

  async #act(watched: Watched, check: Check, outcome: CheckOutcome | null, failures: number): Promise<void> {
    if (outcome === null) return
    if (check.phase === 'readiness') return this.#judge(watched, check, outcome, failures)
    if (outcome.passed) watched.passedAt = this.#deps.clock.now()
    else if (failures >= check.attempts) await this.#treat(watched, check, outcome, failures)
  }

  /** Takes a process out of its app's route while it does not pass, and has it back when it does. */
  async #judge(watched: Watched, check: Check, { passed, said }: CheckOutcome, failures: number): Promise<void> {
    const { log, records, tell } = this.#deps
    const { app, found, failing } = watched
    const failure = `failed ${nameCheck(check)}, ${failures} times in a row: ${said}`
    if (!passed && failures === check.attempts && check.warn) tell(app.id, found.process, failure)
    if (check.warn) return
    if (passed) failing.delete(check)
    else if (failures === check.attempts) failing.set(check, failure)
    const [unready = null] = failing.values()
    const record = await records.setUnready(app.id, found.id, unready)
    if (record === null) return
    const words = unready === null ? 'is ready: it gets requests' : `${unready}; it gets no requests until it passes`
    log.warn({ app: app.name, process: found.process }, `${found.process} ${words}`)
    tell(app.id, found.process, words)
    await this.#acts.reroute(app.id)
  }

  /** Says that a check cannot be done: once, until it can be again. */
  #doubt({ app, found, doubts }: Watched, check: Check, error: unknown): void {
    if (doubts.has(check)) return
    doubts.add(check)
    const about = { app: app.name, process: found.process }
    this.#deps.log.warn(about, `${found.process} is not known to pass ${nameCheck(check)}: ${messageOf(error)}`)
  }

  async #treat(watched: Watched, check: Check, outcome: CheckOutcome, failures: number): Promise<void> {
    const { clock, log, records, tell } = this.#deps
    const { app, release, found, began } = watched
    const failure = `failed ${nameCheck(check)}, ${failures} times in a row: ${outcome.said}`
    const about = { app: app.name, process: found.process }
    if (failures === check.attempts) {
      log.warn(about, `${found.process} ${failure}`)
      tell(app.id, found.process, failure)
    }
    if (check.warn) return
    const record = (await records.list(app.id)).find((one) => one.container === found.id)
    if (record?.state !== 'up') return
    // one that has replaced another, and never did well, is given more time each time
    const before = record.restarts + watched.tries
    if (before > 0 && clock.now() < watched.triedAt + delayAfter(before)) return
    const healthyMs = watched.passedAt === null ? 0 : watched.passedAt - began
    const restarts = countCrash(record.restarts, healthyMs)
    watched.tries += 1
    watched.triedAt = clock.now()
    const hindrance = await this.#acts.replace({
      app,
      release,
      found,
      restarts,
      failure: `in place of one that ${failure}`,
    })
    const said = hindrance === null ? 'was replaced by a new one' : `could not be replaced now: ${hindrance}`
    log.warn(about, `${found.process} ${said}`)
    tell(app.id, found.process, said)
  }

  /** Ends early, and quietly, with the signal. */
  #pause(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const end = () => {
        callOff()
        signal.removeEventListener('abort', end)
        resolve()
      }
      const callOff = this.#deps.clock.after(ms, end)
      signal.addEventListener('abort', end, { once: true })
    })
  }
}
