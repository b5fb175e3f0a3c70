import { EventEmitter } from 'node:events'
import type { Config } from '../../src/config.js'
import { BerthError } from '../../src/errors.js'
import type { AppEvent } from '../../src/scheduler/events.js'
import { Fleet, type SchedulerDeps } from '../../src/scheduler/fleet.js'
import { Semaphore } from '../../src/lib/semaphore.js'
import { defaultLimits } from '../../src/scheduler/limits.js'
import { Reconciler } from '../../src/scheduler/reconciler.js'
import { ProcessRecords } from '../../src/scheduler/records.js'
import type { Leads } from '../../src/scheduler/traffic.js'
import { RollOut } from '../../src/scheduler/rollout.js'
import type { App } from '../../src/store/apps.js'
import { firstRelease, type Release } from '../../src/store/releases.js'
import { SimulatedClock } from './simulated-clock.js'
import { simulatedEngine, type Box } from './simulated-engine.js'
import { createLog } from '../../src/log.js'

/** The part of Redis that the records of processes use. */
class Hashes {
  readonly #all = new Map<string, Map<string, string>>()
  hash(key: string): Map<string, string> {
    const found = this.#all.get(key) ?? new Map<string, string>()
    this.#all.set(key, found)
    return found
  }
  hvals = (key: string) => Promise.resolve([...this.hash(key).values()])
  hget = (key: string, field: string) => Promise.resolve(this.hash(key).get(field) ?? null)
  hset = (key: string, field: string, value: string | number) =>
    Promise.resolve(this.hash(key).set(field, String(value)))
  hdel = (key: string, ...fields: string[]) => Promise.resolve(fields.map((field) => this.hash(key).delete(field)))
  hgetall = (key: string) => Promise.resolve(Object.fromEntries(this.hash(key)))
  eval = (_: string, __: number, key: string, app: string, version: string, ...args: string[]) => {
    const triples = Array.from({ length: args.length / 3 }, (_, at) => args.slice(3 * at, 3 * at + 3))
    if (triples.some(([field = '', before]) => (this.hash(key).get(field) ?? '') !== before)) return Promise.resolve(0)
    for (const [field = '', , after = ''] of triples) this.hash(key).set(field, after)
    if (version !== '') this.hash('rolled').set(app, version)
    return Promise.resolve(1)
  }
}

/** Lets everything that waits for nothing but itself come to rest. */
export async function rest(): Promise<void> {
  for (let i = 0; i < 30; i++) await new Promise((resolve) => setImmediate(resolve))
}

const size = { memory: 1, cpus: 1 }

/** An engine, a store, a router and a clock that are simulated, around the real reconciler, fleet, roll-outs and records. */
export class World {
  readonly clock = new SimulatedClock()
  readonly boxes = new Map<string, Box>()
  readonly hashes = new Hashes()
  readonly releases = new Map<number, Release>()
  readonly route = new Map<string, readonly string[]>()
  app: App = { id: 'a', name: 'a', createdAt: '', deployBranch: null, current: 1 }
  /** The engine does not answer. */
  away = false
  /** Why the app's route leads nowhere. */
  whyAway: string | undefined
  /** What a process does after it was started: it is ready, or ends with that. */
  fails = false
  /** What the app's owner reads in its log. */
  readonly told: string[] = []
  /** Events are lost. */
  deaf = false
  passes = 0
  /** The version of a roll-out that a worker has not brought to its end. */
  pending: number | null = null
  /** Another change that a worker has not brought to its end. */
  resumes: { readonly kind: string; readonly version: number } | null = null
  reconciler!: Reconciler
  #deps!: SchedulerDeps
  #stop = new AbortController()
  #fleet!: Fleet
  #version = 0

  constructor() {
    this.releases.set(1, {
      ...firstRelease('a'),
      image: 'one',
      processTypes: { web: 'web', worker: 'worker' },
      formation: this.formation(2, 1),
    })
    this.work()
  }

  formation(web: number, worker: number): Release['formation'] {
    return { web: { quantity: web, ...size }, worker: { quantity: worker, ...size } }
  }

  /** What the parts of the scheduler work with. */
  get deps(): SchedulerDeps {
    return this.#deps
  }

  /** A worker starts, in place of the one that was. */
  work(): void {
    this.#stop.abort(new Error('killed'))
    this.#stop = new AbortController()
    const deaths = new EventEmitter().setMaxListeners(0)
    this.#deps = {
      config: { name: 'i', ownEngine: false, appHost: (name: string) => name } as unknown as Config,
      log: createLog('test', { level: 'silent' }),
      tell: (_, process, text) => this.told.push(`${process} ${text}`),
      limits: defaultLimits,
      linked: (release) => Promise.resolve(release),
      engine: simulatedEngine(this) as unknown as SchedulerDeps['engine'],
      records: new ProcessRecords(this.hashes as never),
      traffic: this.#traffic() as unknown as SchedulerDeps['traffic'],
      deaths,
      clock: this.clock,
      ready: (starting, _, signal) => this.#ready(starting.id, deaths, signal),
      starts: new Semaphore(4),
      stopping: this.#stop.signal,
    }
    const store = {
      apps: { find: () => Promise.resolve(this.app), list: () => Promise.resolve([this.app]) },
      releases: { get: (_: string, version: number) => Promise.resolve(this.releases.get(version)) },
      operations: {
        pending: () =>
          Promise.resolve([
            ...(this.pending === null ? [] : [{ release: this.pending, change: { kind: 'push' } }]),
            ...(this.resumes === null ? [] : [{ release: null, change: this.resumes }]),
          ]),
      },
    }
    this.#fleet = new Fleet(this.#deps)
    const reconciler = new Reconciler(this.#deps, store as never, this.#fleet)
    const pass = reconciler.pass.bind(reconciler)
    reconciler.pass = (app) => {
      this.passes++
      return pass(app)
    }
    this.reconciler = reconciler
    void reconciler.wakeAll()
    if (this.pending !== null) this.#rollOut(this.pending)
  }

  /** A change comes to the app, unless one is under way. */
  deploy(patch: Partial<Release>): void {
    if (this.pending !== null) return
    const last = this.releases.get(this.app.current) ?? firstRelease('a')
    const version = Math.max(...this.releases.keys()) + 1
    this.releases.set(version, { ...last, ...patch, version, status: 'pending' })
    this.pending = version
    this.#rollOut(version)
  }

  #rollOut(version: number): void {
    const release = this.releases.get(version)
    if (!release) return
    const { signal } = this.#stop
    const rollout = new RollOut(this.#deps, this.#fleet, this.reconciler, {
      app: this.app,
      release,
      shouldReplace: () => release.description === 'restart',
      log: () => undefined,
      signal,
    })
    void rollout.run().then(
      () => this.#over(version, 'succeeded', signal),
      () => this.#over(version, 'failed', signal),
    )
  }

  #over(version: number, status: 'succeeded' | 'failed', signal: AbortSignal): void {
    if (signal.aborted) return
    const release = this.releases.get(version)
    if (release) this.releases.set(version, { ...release, status })
    if (status === 'succeeded') this.app = { ...this.app, current: version }
    this.pending = null
  }

  tell(action: AppEvent['action'], box: Box): void {
    if (this.deaf || this.away) return
    const { id, process, type } = box
    void this.reconciler.hear({ action, id, app: 'a', process, type }).catch(() => undefined)
  }

  start(box: Box): void {
    if (box.state !== 'created' && box.state !== 'exited') return
    Object.assign(box, { state: 'running', startedAt: this.clock.now() })
    this.tell('start', box)
  }

  end(box: Box): void {
    if (box.state !== 'running' && box.state !== 'paused') return
    Object.assign(box, { state: 'exited', finishedAt: this.clock.now() })
    this.tell('die', box)
  }

  /** Time passes, and with it the looks that need no reason. */
  async pass(ms: number): Promise<void> {
    await rest()
    for (let left = ms; left > 0;) {
      const step = Math.min(left, defaultLimits.resync)
      for (let part = step; part > 0;) {
        part = this.clock.step(part)
        await rest()
      }
      left -= step
      void this.reconciler.wakeAll()
      await rest()
    }
  }

  async #ready(id: string, deaths: EventEmitter, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const end = (error?: Error) => {
        callOff()
        deaths.off(id, died)
        if (error) reject(error)
        else resolve()
      }
      const died = () => end(new BerthError('invalid', 'crashed'))
      const callOff = this.clock.after(500, () => {
        const box = this.boxes.get(id)
        if (box?.state === 'running' && !this.fails) end()
        else {
          if (box && this.fails) this.end(box)
          died()
        }
      })
      deaths.once(id, died)
      signal.addEventListener('abort', () => end(new Error('given up')), { once: true })
    })
  }

  #traffic() {
    return {
      route: (_: string, { targets }: Leads, why?: string) => {
        this.whyAway = targets.length === 0 ? why : undefined
        this.route.set(
          'a',
          targets.map((target) => target.id),
        )
        return Promise.resolve(++this.#version)
      },
      drop: (_: string, id: string) => {
        this.route.set(
          'a',
          (this.route.get('a') ?? []).filter((one) => one !== id),
        )
        return Promise.resolve()
      },
      forget: () => Promise.resolve(),
      whenApplied: () => Promise.resolve(),
      drained: () => Promise.resolve(),
    }
  }
}
