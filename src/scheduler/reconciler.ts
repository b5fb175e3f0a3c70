import { orMissing } from '../lib/missing.js'
import { is, messageOf } from '../errors.js'
import type { App } from '../store/apps.js'
import type { Operation } from '../store/operations.js'
import type { Release } from '../store/releases.js'
import type { Target } from '../store/routes.js'
import type { Store } from '../store/store.js'
import { countCrash, delayAfter } from './backoff.js'
import { checksOf, hasReadiness } from './checks.js'
import { awayOf, oneOffType, portOf, type Slot } from './desired.js'
import { endingOf } from './diagnosis.js'
import type { AppEvent } from './events.js'
import type { Fleet, SchedulerDeps } from './fleet.js'
import { KeyedMutex } from '../lib/keyed-mutex.js'
import { observe, type Observation } from './observation.js'
import type { Leads } from './traffic.js'
import { Pace } from './pace.js'
import { planOf, type ObservedContainer, type ReconcilePlan } from './plan.js'
import type { ProcessRecord } from './records.js'
import { graceOf, placesOf } from './settings.js'
import { canaryReleaseOf, isCanary, Wanted } from './wanted.js'

/** Milliseconds after which a one-off that ended, and that nobody removed, is swept. */
const oneOffRest = 60_000

/** What a pass has seen of an app, decided, and told the router. */
interface Looked extends Observation {
  readonly wanted: Wanted
  readonly plan: ReconcilePlan
  /** Ids of containers that are up. */
  readonly up: ReadonlySet<string>
  readonly leads: Leads
}

/**
 * Makes the world equal to what the store says, one app at a time. A pass looks, decides and sets things going, and
 * waits for nothing that takes long: what it starts wakes it again when it is up, or when it is not. Every pass begins
 * from what the engine and the store report, so that it may be cut off anywhere.
 */
export class Reconciler {
  readonly #deps: SchedulerDeps
  readonly #store: Store
  readonly #fleet: Fleet
  readonly #mutex = new KeyedMutex()
  readonly #queued = new Set<string>()
  #started = false
  /** App id -> what calls its next look off. */
  readonly #timers = new Map<string, () => void>()
  readonly #pace: Pace
  /** Apps whose image the engine has no more, with the version of the release. */
  readonly #imageless = new Map<string, number>()
  /** Containers that a roll-out has started and not yet put in charge: a pass leaves them alone. */
  readonly candidates = new Set<string>()
  /** App id -> processes that a roll-out is replacing: a pass does not start them. */
  readonly held = new Map<string, ReadonlySet<string>>()

  /** Apps that are gone for good though the store may still name them: their processes' ends start nothing. */
  readonly removed = new Set<string>()

  constructor(deps: SchedulerDeps, store: Store, fleet: Fleet) {
    this.#deps = deps
    this.#store = store
    this.#fleet = fleet
    this.#pace = new Pace(deps.clock)
    deps.stopping.addEventListener('abort', () => this.#timers.forEach((callOff) => callOff()))
  }

  /** Runs a task while no pass, and no other such task, touches the app. */
  exclusive<T>(app: string, task: () => Promise<T>): Promise<T> {
    return this.#mutex.run(app, task)
  }

  /** Has a pass over an app soon. Resolves when it is over; it does not fail, the next look repeats it. */
  async wake(app: string): Promise<void> {
    const { clock, stopping } = this.#deps
    if (this.#queued.has(app) || stopping.aborted) return
    this.#queued.add(app)
    const wait = this.#pace.take(app)
    if (wait > 0) await new Promise<void>((resolve) => clock.after(wait, resolve))
    await this.#mutex
      .run(app, async () => {
        this.#queued.delete(app)
        if (!stopping.aborted) await this.pass(app)
      })
      .catch((error: unknown) => this.#deps.log.warn({ app }, `cannot reconcile: ${messageOf(error)}`))
  }

  /** Acts on what the engine says has happened. */
  async hear({ action, id, app, type }: AppEvent): Promise<void> {
    const { engine, traffic, deaths } = this.#deps
    if (action === 'connected') {
      // what happened while we did not listen is seen by looking
      if (this.#started) await this.wakeAll()
      return
    }
    engine.forget(id)
    if (type === oneOffType || app === '') return
    if (action === 'die') {
      deaths.emit(id)
      await traffic.drop(app, id)
    }
    // of networks any engine's user may have one of such a name: only those of our apps are ours
    if (action !== 'disconnect' || (await this.#store.apps.find(app))) await this.wake(app)
  }

  /** Looks at every app there is, or was; from now on each time the engine comes back, too. */
  async wakeAll(): Promise<void> {
    const { engine, log } = this.#deps
    this.#started = true
    engine.forget()
    try {
      const [apps, containers, networks] = await Promise.all([
        this.#store.apps.list(),
        engine.list(),
        engine.networks(),
      ])
      const ids = new Set([...apps.map((app) => app.id), ...containers.keys(), ...networks])
      await Promise.all([...ids].map((id) => this.wake(id)))
    } catch (error) {
      log.warn(`cannot look at the apps: ${messageOf(error)}`)
    }
  }

  /** One pass; call it only within `exclusive`. Answers with the version of the app's route. */
  async pass(id: string): Promise<number> {
    const { traffic } = this.#deps
    const app = this.removed.has(id) ? null : await this.#store.apps.find(id)
    if (!app) {
      await this.clear(id)
      return 0
    }
    const wanted = new Wanted(app, await this.#desired(app), await canaryReleaseOf(this.#store, app))
    const { release, slots } = wanted
    const { all, known } = await observe(this.#deps, id)
    await this.#sweep(all)

    // nobody asks any more where nobody wants it
    const isAsked = (one: ObservedContainer): boolean => {
      const its = wanted.releaseOf(one)
      return its !== null && hasReadiness(checksOf(app, its, 'web'), 'web')
    }
    const isUp = (one: ObservedContainer) => one.running && known.get(one.id)?.state === 'up'
    const up = new Set(all.filter(isUp).map((one) => one.id))
    const mine = all.filter((one) => !this.candidates.has(one.id) && !this.#fleet.isRetiring(one.id))
    // one that was told to stop when the worker was killed is on its way out, whatever it is
    const isEnding = (one: ObservedContainer) => known.get(one.id)?.state === 'stopping'
    const plan = planOf(
      slots,
      mine.filter((one) => !isEnding(one)),
      up,
    )
    const leaving = await this.#unspared(id, [...plan.surplus, ...mine.filter(isEnding)])

    const serving = plan.keep.filter((one) => one.type === 'web' && up.has(one.id))
    const outgoing = leaving.filter((one) => one.type === 'web' && up.has(one.id) && !isCanary(one))
    // nothing is taken from the route before there is something to put in its place, which a canary is not
    const stay = serving.every(isCanary) && slots.some((slot) => slot.type === 'web') ? outgoing : []
    const leads = [...serving, ...stay]
    const ready = leads.filter((one) => !isAsked(one) || (known.get(one.id)?.unready ?? null) === null)
    const targets = await this.#targets(ready, wanted)
    const types = new Set(app.ports?.map(({ type }) => type))
    const led = plan.keep.filter((one) => one.type !== 'web' && up.has(one.id) && types.has(one.type))
    const others = await this.#targets(led, wanted)
    if (targets.length > 0) this.#imageless.delete(id)
    const lost = release !== null && this.#imageless.get(id) === release.version
    const away = awayOf(release) ?? (lost ? 'needs-push' : leads.length > 0 ? 'not-ready' : undefined)
    const version = await traffic.route(id, { targets, others }, away)

    if (release)
      this.#deps.liveness?.watch(app, (one) => wanted.releaseOf(one) ?? release, plan.keep.filter(isUp), known)
    for (const one of leaving.filter((other) => !stay.includes(other)))
      void this.#fleet.retire(id, one, known.get(one.id), version).then((gone) => (gone ? this.wake(id) : undefined))
    if (release) await this.#start(app, release, { wanted, plan, all, known, up, leads: { targets, others } })
    return version
  }

  /** Minds what runs, and starts what is missing; what cannot be started now is started at the next look. */
  async #start(app: App, release: Release, { wanted, plan, all, known, up, leads }: Looked): Promise<void> {
    const { traffic, log } = this.#deps
    for (const one of plan.keep) if (!up.has(one.id)) this.#mind(app, wanted.releaseOf(one) ?? release, one)
    const busy = new Set(all.filter((one) => this.#fleet.isRetiring(one.id)).map((one) => one.process))
    try {
      await this.#fill(app, wanted, plan.missing, { known, busy })
    } catch (error) {
      if (is(error, 'missing') && this.#imageless.get(app.id) !== release.version) {
        this.#imageless.set(app.id, release.version)
        await traffic.route(app.id, leads, 'needs-push')
      }
      log.warn({ app: app.name }, `cannot start all of it: ${messageOf(error)}`)
    }
  }

  /** Takes everything of an app off the engine, the router and the record; call it only within `exclusive`. */
  async clear(id: string): Promise<void> {
    const { engine, records, traffic, limits } = this.#deps
    this.#wakeAt(id, Infinity)
    this.#pace.forget(id)
    this.#imageless.delete(id)
    this.#deps.liveness?.forget(id)
    await traffic.forget(id)
    const all = (await engine.list(id)).get(id) ?? []
    await Promise.all(all.map((one) => this.#fleet.discard(id, one, graceOf(one, limits))))
    await engine.removeNetworks(id)
    await records.clear(id)
  }

  /** The release whose route is up, if an operation has got that far and not been written down as done; else the current one. */
  async #desired(app: App): Promise<Release | null> {
    const rolled = await this.#deps.records.rolled(app.id)
    if (rolled > app.current) {
      const release = await this.#store.releases.get(app.id, rolled).catch(orMissing(null))
      if (release && release.status !== 'failed') return release
    }
    return app.current === 0 ? null : this.#store.releases.get(app.id, app.current)
  }

  /** Leaves out what belongs to an operation that a killed worker left behind: it is about to be resumed. */
  async #unspared(app: string, surplus: readonly ObservedContainer[]): Promise<ObservedContainer[]> {
    if (surplus.length === 0) return []
    const operations = await this.#store.operations.pending(app)
    return surplus.filter((one) => {
      const isIts = ({ change, release }: Pick<Operation, 'change' | 'release'>): boolean =>
        (isCanary(one) && change.kind === 'canary' ? change.version : release) === one.release
      return !operations.some(isIts)
    })
  }

  async #targets(found: readonly ObservedContainer[], wanted: Wanted): Promise<Target[]> {
    const targets = found.map(async (one): Promise<Target> => {
      const { id, process, address } = one
      const host = address !== '' ? address : await this.#deps.engine.addressOf(id)
      const release = wanted.releaseOf(one)
      const port = release ? portOf(release) : 0
      return { id, process, host, port, ...(isCanary(one) && { canary: true }) }
    })
    return (await Promise.all(targets)).filter((target) => target.host !== '')
  }

  /** Starts what is missing, except what has crashed too recently. */
  async #fill(
    app: App,
    wanted: Wanted,
    missing: readonly { slot: Slot; dead: ObservedContainer | null }[],
    { known, busy }: { readonly known: Observation['known']; readonly busy: ReadonlySet<string> },
  ): Promise<void> {
    const held = this.held.get(app.id)
    const due: { slot: Slot; restarts: number }[] = []
    let next = Infinity
    for (const { slot, dead } of missing) {
      if (held?.has(slot.process)) continue
      // two versions of a worker never run at once: the old one's end wakes us
      if (slot.type !== 'web' && busy.has(slot.process)) continue
      const record = dead && (await this.#crash(app.id, dead, known.get(dead.id)))
      const until = record?.until ? Date.parse(record.until) : 0
      if (until > this.#deps.clock.now()) next = Math.min(next, until)
      else due.push({ slot, restarts: record?.restarts ?? 0 })
    }
    this.#wakeAt(app.id, next)
    if (due.length === 0) return
    for (const release of new Set(due.map(({ slot }) => wanted.releaseOf(slot))))
      if (release) await this.#deps.engine.ensureNetworks(app.id, placesOf(release))
    const launched = await Promise.allSettled(
      due.map(async ({ slot, restarts }) => {
        const release = wanted.releaseOf(slot)
        if (!release) return
        const { found, failure } = await this.#fleet.launch(app, release, slot, restarts)
        if (failure) void this.wake(app.id)
        else this.#mind(app, release, found)
      }),
    )
    const failed = launched.find((one) => one.status === 'rejected')
    if (failed) throw failed.reason
  }

  /** Waits in the background for a process to be ready, and has the next pass act on the outcome. */
  #mind(app: App, release: Release, found: ObservedContainer): void {
    const { engine, records, limits, log, stopping, tell } = this.#deps
    if (this.#fleet.isWatched(found.id)) return
    const about = { app: app.name, process: found.process }
    const ended = async () => {
      try {
        await this.#fleet.watch(app, release, found, { isNewRelease: false, log: (line) => log.info(about, line) })
        const unready = hasReadiness(checksOf(app, release, found.type), found.type) ? 'it has just started' : null
        const up = await records.move(app.id, found.id, 'up', { failure: null, until: null, unready })
        if (up !== null && up.restarts > 0) tell(app.id, found.process, 'is up again')
      } catch (error) {
        if (stopping.aborted || this.#fleet.isRetiring(found.id)) return
        log.warn(about, messageOf(error))
        await records.move(app.id, found.id, 'starting', { failure: messageOf(error) })
        await engine.stop(found.id, graceOf(found, limits))
      }
    }
    void ended()
      .catch((error: unknown) => log.warn(about, messageOf(error)))
      .then(() => this.wake(app.id))
  }

  /** Records that a process has died, once, and when it is started again. */
  async #crash(app: string, dead: ObservedContainer, record: ProcessRecord | undefined): Promise<ProcessRecord | null> {
    if (record?.state === 'crashed') return record
    const info = await this.#deps.engine.inspect(dead.id)
    if (!info) return null
    const finished = Date.parse(info.State.FinishedAt)
    const ended = finished > 0 ? finished : this.#deps.clock.now()
    const upMs = record?.state === 'up' ? ended - Date.parse(record.since) : 0
    const restarts = countCrash(record?.restarts ?? 0, upMs)
    const failure =
      (record?.state === 'up' ? null : record?.failure) ?? endingOf(info.State, info.HostConfig.Memory ?? 0)
    const until = new Date(ended + delayAfter(restarts)).toISOString()
    this.#deps.log.warn({ app, process: dead.process, restarts, until }, `${dead.process} ${failure}`)
    this.#deps.tell(app, dead.process, `${failure}; it starts again in ${delayAfter(restarts) / 1000} s`)
    const { id: container, process, type, release } = dead
    const since = new Date(ended).toISOString()
    const crashed: ProcessRecord = {
      container,
      process,
      type,
      release,
      state: 'crashed',
      since,
      restarts,
      until,
      failure,
    }
    await this.#deps.records.add(app, crashed)
    return crashed
  }

  async #sweep(all: readonly ObservedContainer[]): Promise<void> {
    for (const one of all.filter((other) => other.type === oneOffType && !other.running && other.run === undefined)) {
      const info = await this.#deps.engine.inspect(one.id)
      const last = Math.max(one.createdAt * 1000, Date.parse(info?.State.FinishedAt ?? '') || 0)
      if (this.#deps.clock.now() - last > oneOffRest) await this.#deps.engine.remove(one.id)
    }
  }

  #wakeAt(app: string, time: number): void {
    const { clock, stopping } = this.#deps
    this.#timers.get(app)?.()
    this.#timers.delete(app)
    if (time === Infinity || stopping.aborted) return
    this.#timers.set(
      app,
      clock.after(Math.max(time - clock.now(), 0), () => void this.wake(app)),
    )
  }
}
