import { BerthError, messageOf } from '../errors.js'
import type { App } from '../store/apps.js'
import { isExclusive } from '../store/mounts.js'
import type { Release } from '../store/releases.js'
import { checksOf } from './checks.js'
import { imageOf, slotsOf, type Slot } from './desired.js'
import type { Fleet, SchedulerDeps } from './fleet.js'
import { observe } from './observation.js'
import { planOf, type ObservedContainer } from './plan.js'
import type { Reconciler } from './reconciler.js'
import { graceOf, placesOf, stagesOf } from './settings.js'
import { isCanary } from './wanted.js'

/** A change of what runs: the release to come to, and which of its processes are started anew though they need not be. */
export interface RolloutRequest {
  readonly app: App
  readonly release: Release
  shouldReplace(found: ObservedContainer): boolean
  /** The one process that it is about, with what is known of it; the others are left alone. */
  readonly only?: { readonly process: string; readonly restarts: number; readonly failure: string }
  /** Of a canary, whose processes are beside those of the app's release. */
  readonly canary?: {
    readonly slots: readonly Slot[]
    /** Has the app have it. */
    readonly begin: () => Promise<unknown>
    /** Undoes that. */
    readonly end: () => Promise<unknown>
  }
  /** What the person who asked reads. */
  readonly log: (line: string) => unknown
  readonly signal: AbortSignal
}

/**
 * Moves an app to a release without losing a request: starts what the release needs beside what runs, waits until all of
 * it is ready, and only then makes it the desired state, so that the ordinary pass moves the route and takes the
 * old ones away. Up to that moment any failure undoes it; after it nothing can.
 *
 * Processes that serve no requests are replaced, not overlapped: the old one stops before the new one starts, because two
 * versions of a worker on one queue, or of a clock, do harm that a pause of a second does not.
 */
export class RollOut {
  readonly #deps: SchedulerDeps
  readonly #fleet: Fleet
  readonly #reconciler: Reconciler
  readonly #request: RolloutRequest
  readonly #signal: AbortSignal
  /** What it has started, or found started by a roll-out that was killed. */
  readonly #fresh: ObservedContainer[] = []
  /** Ids of those that serve and are to be started anew though they need not be. */
  readonly #replaced: string[] = []

  constructor(deps: SchedulerDeps, fleet: Fleet, reconciler: Reconciler, request: RolloutRequest) {
    this.#deps = deps
    this.#fleet = fleet
    this.#reconciler = reconciler
    this.#request = request
    this.#signal = AbortSignal.any([request.signal, deps.stopping])
  }

  /** @throws BerthError with the reason in words, when the old processes serve on; the signal's reason when aborted */
  async run(): Promise<void> {
    const { app } = this.#request
    try {
      const stages = await this.#reconciler.exclusive(app.id, () => this.#begin())
      for (const [at, stage] of stages.entries()) {
        if (at > 0) await this.#reconciler.exclusive(app.id, () => this.#launch(this.#overlapping(stage)))
        await this.#untilReady()
        const others = stage.filter((slot) => !this.#overlapping(stage).includes(slot))
        if (others.length > 0) await this.#replaceOthers(others)
      }
      this.#signal.throwIfAborted()
      const version = await this.#reconciler.exclusive(app.id, () => this.#takeOver())
      await this.#deps.traffic.whenApplied(app.id, version, this.#signal)
    } catch (error) {
      if (!this.#deps.stopping.aborted) await this.#undo()
      throw error
    }
  }

  /** Makes the release the desired state; the pass does the rest. */
  async #takeOver(): Promise<number> {
    const { app, release, canary } = this.#request
    const { records } = this.#deps
    // those that are replaced drain: of two that are alike, up and of the same age the pass could not tell which is to go
    const lost = await records.takeOver(app.id, canary ? null : release.version, {
      fresh: this.#fresh.map((one) => one.id),
      replaced: this.#replaced,
      failure: this.#request.only?.failure ?? null,
    })
    if (lost !== null)
      throw new BerthError(
        'conflict',
        `${this.#fresh.find((one) => one.id === lost)?.process ?? ''} was stopped or restarted by somebody while it started`,
        'try again',
      )
    try {
      await canary?.begin()
      this.#letGo()
      return await this.#reconciler.pass(app.id)
    } catch (error) {
      // it fails only before the route has moved
      await (canary ? canary.end() : records.setRolled(app.id, app.current))
      throw error
    }
  }

  /** Looks what is missing, and starts the first `web` processes. Answers with all that is missing, by stages. */
  async #begin(): Promise<Slot[][]> {
    const { app, release } = this.#request
    const { engine } = this.#deps
    const slots = this.#request.canary?.slots ?? slotsOf(release)
    // what a start wants to know of an image is asked for beside the rest; a start that it fails says so
    for (const { type } of slots) engine.commandOf(imageOf(release, type)).catch(() => undefined)
    const [{ all, known }] = await Promise.all([
      observe(this.#deps, app.id),
      engine.ensureNetworks(app.id, placesOf(release)),
    ])
    const isUp = (one: ObservedContainer) => one.running && known.get(one.id)?.state === 'up'
    const up = new Set(all.filter(isUp).map((one) => one.id))
    const isLeaving = (one: ObservedContainer) =>
      this.#fleet.isRetiring(one.id) || known.get(one.id)?.state === 'stopping'
    const usable = all.filter((one) => !isLeaving(one) && !this.#request.shouldReplace(one))
    // of the others of an app, those of its canary or of its release, nothing is asked
    const isOurs = (one: ObservedContainer) => isCanary(one) === (this.#request.canary !== undefined)
    const isReplaced = (one: ObservedContainer) => up.has(one.id) && isOurs(one) && this.#request.shouldReplace(one)
    this.#replaced.push(...all.filter(isReplaced).map((one) => one.id))
    const plan = planOf(slots, usable, up)
    const concerns = ({ process }: { process: string }) => (this.#request.only?.process ?? process) === process
    for (const one of plan.keep.filter(concerns)) if (!up.has(one.id)) this.#adopt(one)
    const missing = plan.missing.map((one) => one.slot).filter(concerns)
    if (missing.length === 0 && plan.keep.length > 0) this.#request.log('Nothing to start: its processes run already')
    const [first = [], ...stages] = stagesOf(release, missing)
    await this.#launch(this.#overlapping(first))
    return [first, ...stages]
  }

  /** Those of which the new one starts beside the old: `web`, unless somebody has said that two must not run at once. */
  #overlapping(slots: readonly Slot[]): Slot[] {
    const { app, release } = this.#request
    const mayOverlap = (type: string): boolean =>
      checksOf(app, release, type).mode !== 'disable' && !isExclusive(release, type)
    return slots.filter(({ type }) => type === 'web' && mayOverlap(type))
  }

  async #replaceOthers(slots: readonly Slot[]): Promise<void> {
    const { app } = this.#request
    const { engine, limits } = this.#deps
    const names = new Set(slots.map((slot) => slot.process))
    this.#reconciler.held.set(app.id, new Set([...(this.#reconciler.held.get(app.id) ?? []), ...names]))
    const all = (await engine.list(app.id)).get(app.id) ?? []
    const old = all.filter((one) => names.has(one.process) && one.running && !this.#fresh.some((f) => f.id === one.id))
    await Promise.all(old.map((one) => this.#fleet.discard(app.id, one, graceOf(one, limits))))
    this.#signal.throwIfAborted()
    await this.#reconciler.exclusive(app.id, () => this.#launch(slots))
    await this.#untilReady()
  }

  async #launch(slots: readonly Slot[]): Promise<void> {
    const { app, release } = this.#request
    const launched = await Promise.allSettled(
      slots.map(async (slot) => {
        this.#signal.throwIfAborted()
        const { found, failure } = await this.#fleet.launch(app, release, slot, this.#request.only?.restarts ?? 0)
        this.#adopt(found)
        if (failure) throw failure
      }),
    )
    const failed = launched.find((one) => one.status === 'rejected')
    if (failed) throw failed.reason
  }

  #adopt(found: ObservedContainer): void {
    this.#fresh.push(found)
    this.#reconciler.candidates.add(found.id)
  }

  /** Waits for all; the first that fails ends the wait for the others. */
  async #untilReady(): Promise<void> {
    const { app, release, log } = this.#request
    const giveUp = () => this.#fresh.forEach((one) => this.#fleet.giveUp(one.id))
    this.#signal.addEventListener('abort', giveUp)
    try {
      await Promise.all(this.#fresh.map((one) => this.#fleet.watch(app, release, one, { isNewRelease: true, log })))
    } catch (error) {
      this.#signal.throwIfAborted()
      throw error
    } finally {
      this.#signal.removeEventListener('abort', giveUp)
    }
  }

  #letGo(): void {
    for (const one of this.#fresh) this.#reconciler.candidates.delete(one.id)
    this.#reconciler.held.delete(this.#request.app.id)
  }

  async #undo(): Promise<void> {
    const { app } = this.#request
    const { limits, log } = this.#deps
    try {
      // a web process that never had a request has nothing to finish
      const grace = (one: ObservedContainer) => (one.type === 'web' ? 0 : graceOf(one, limits))
      await Promise.all(this.#fresh.map((one) => this.#fleet.discard(app.id, one, grace(one))))
    } catch (error) {
      log.warn({ app: app.name }, `cannot remove what a failed roll-out started: ${messageOf(error)}`)
    }
    this.#letGo()
    void this.#reconciler.wake(app.id)
  }
}

/** The processes a restart is about. @throws BerthError `missing` when there are none of that name */
export function replaceOf(release: Release, process: string | null): (found: ObservedContainer) => boolean {
  if (process === null) return () => true
  const hit = (one: { process: string; type: string }) => one.process === process || one.type === process
  if (!slotsOf(release).some(hit)) throw noProcess(process)
  return hit
}

/** Says that an app runs none of that name. */
export const noProcess = (process: string): BerthError =>
  new BerthError('missing', `no process "${process.slice(0, 80)}"`, 'run `berth ps` to see them all')
