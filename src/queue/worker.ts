import { totalmem } from 'node:os'
import { Worker } from 'bullmq'
import { isBuild } from '../changes/index.js'
import type { Config } from '../config.js'
import { arrivals, type Operation } from '../store/operations.js'
import type { Store } from '../store/store.js'
import { redisOptions } from '../store/connection.js'
import { BerthError, messageOf } from '../errors.js'
import { KeyedMutex } from '../lib/keyed-mutex.js'
import { runOperation } from './run-operation.js'
import { chooseNext, reasonToEnd } from './choose.js'
import { OperationLog } from '../builds/operation-log.js'
import { removeSource, removeStrayLogs, removeStraySources } from '../builds/files.js'
import { Semaphore } from '../lib/semaphore.js'
import { queueName, wake, wakeUps, type WakeUp } from './submit.js'
import type { OperationDeps } from './deps.js'

/** Pending operations are looked for this often, in case a wake-up was lost. Milliseconds. */
const roundMs = 15_000

/** Apps looked after at once: what limits their builds and other changes are the pools. */
const atOnce = 10_000

/** What builds may take of the memory together, as the engine has it (its BuildGroup). Bytes. */
const buildRoom = (): number => Math.floor((totalmem() * 3) / 4)

const unfinished = 'operations of an app not carried out'

/** The one worker of an instance. */
export interface OperationWorker {
  /**
   * Takes no new operation, gives those under way `graceMs` to end, then interrupts them: they stay pending, and the next
   * worker carries on.
   */
  stop(graceMs: number): Promise<void>
}

/** An operation under way, and what ends it early. */
interface Running {
  readonly id: string
  readonly cancel: AbortController
}

/** Chooses what is next of each app, and carries it out: one at a time of an app, in order. */
class Dispatcher {
  readonly #deps: OperationDeps
  readonly #stopping: AbortSignal
  /** By app id. */
  readonly #running = new Map<string, Running>()
  /** Ids of operations whose log says what they wait for. */
  readonly #told = new Set<string>()
  readonly #mutex = new KeyedMutex()
  readonly #arrived = new Set<Promise<void>>()

  constructor(deps: OperationDeps, stopping: AbortSignal) {
    this.#deps = deps
    this.#stopping = stopping
  }

  /** Carries out what is pending of an app. */
  async work(app: string): Promise<void> {
    for (;;) {
      const next = await this.#mutex.run(app, () => this.#claim(app))
      if (!next) return
      try {
        await runOperation(this.#deps, next.operation, { stopping: this.#stopping, cancel: next.cancel })
      } finally {
        this.#running.delete(app)
        this.#told.delete(next.operation.id)
      }
    }
  }

  /** Something new has come of an app; '' is of any. It is carried out at once, before BullMQ has woken anybody for it. */
  async arrive(app: string): Promise<void> {
    if (app === '') return this.round()
    const work = this.work(app)
    this.#arrived.add(work)
    await work.finally(() => this.#arrived.delete(work))
  }

  /** Resolves when nothing of what arrived is being carried out. */
  async rest(): Promise<void> {
    await Promise.allSettled(this.#arrived)
  }

  /** Looks at every app that has something pending. */
  async round(): Promise<void> {
    const { store } = this.#deps
    for (const app of await store.operations.pendingApps()) {
      await this.#mutex.run(app, () => this.#look(app))
      if (!this.#running.has(app) && (await store.operations.pending(app)).length > 0) await wake(store.redis, app)
    }
  }

  /**
   * Marks the operation that is next as running in the same turn: a push that arrives a moment later is then judged beside
   * it, neither overlooked nor put in its place.
   */
  async #claim(app: string): Promise<{ operation: Operation; cancel: AbortSignal } | null> {
    const busy = this.#running.has(app)
    const { pending, next } = await this.#look(app)
    if (!next || busy || this.#stopping.aborted) return null
    const mine = { id: next.id, cancel: new AbortController() }
    this.#running.set(app, mine)
    interrupt(pending, mine)
    return { operation: next, cancel: mine.cancel.signal }
  }

  /** Ends what was cancelled, and tells waiting pushes that a newer one has come. */
  async #look(app: string): Promise<{ pending: readonly Operation[]; next: Operation | null }> {
    const { store, config } = this.#deps
    const pending = await store.operations.pending(app)
    const now = this.#running.get(app)
    const { next, superseded, cancelled } = chooseNext(pending, now?.id ?? null)
    for (const { id } of superseded) {
      await store.operations.update(id, { status: 'superseded', failure: 'superseded by a newer push' })
      await removeSource(config, id)
    }
    for (const { id } of cancelled) {
      const failure = reasonToEnd(pending, id) ?? ''
      await logOnly(config, store, id, (log) => log.problem(failure))
      await store.operations.update(id, { status: 'cancelled', failure })
      await removeSource(config, id)
    }
    if (now) {
      interrupt(pending, now)
      await this.#tellBehind(pending, now.id)
    }
    return { pending, next }
  }

  /** Tells changes of an app that its build goes first; git has told pushes. */
  async #tellBehind(pending: readonly Operation[], now: string): Promise<void> {
    const { config, store } = this.#deps
    const build = pending.filter(isBuild).find(({ id }) => id === now)
    if (!build) return
    const behind = pending.filter((one) => one.id !== now && !isBuild(one) && one.status === 'queued')
    for (const { id } of behind) {
      if (this.#told.has(id)) continue
      this.#told.add(id)
      const what = `the build of ${build.change.commit.slice(0, 7)} to end; \`berth builds:cancel\` ends it sooner`
      await logOnly(config, store, id, (log) => log.step(`Waiting for ${what}`))
    }
  }
}

function interrupt(pending: readonly Operation[], { id, cancel }: Running): void {
  const reason = reasonToEnd(pending, id)
  if (reason !== null) cancel.abort(new BerthError('conflict', reason))
}

/**
 * Carries out pending operations: one at a time of an app, in order; over all apps, so many builds and so many other changes
 * at once as the settings say. Begins with those a dead worker left.
 */
export async function startWorker(given: Omit<OperationDeps, 'builds' | 'changes'>): Promise<OperationWorker> {
  const { store, config, log } = given
  const stopping = new AbortController()
  const dispatcher = new Dispatcher(
    { ...given, builds: new Semaphore(config.builds, buildRoom()), changes: new Semaphore(config.changes) },
    stopping.signal,
  )

  // There is one worker, and it is this one: whatever BullMQ thinks is active belongs to a dead one, and jobs hold nothing
  // that the pending lists do not. Waiting for a stalled job's lock to run out would cost a minute.
  const queue = await wakeUps(store.redis)
  await queue.obliterate({ force: true })
  await removeLeftFiles(config, store)

  const worker = new Worker<WakeUp>(queueName, ({ data: { app } }) => dispatcher.work(app), {
    connection: redisOptions(config, true),
    concurrency: atOnce,
    lockDuration: 60_000,
    maxStalledCount: 1,
    skipVersionCheck: true,
  })
  worker.on('error', (error) => log.warn({ error: messageOf(error) }, 'queue'))
  worker.on('failed', (job, error) => log.error({ app: job?.data.app, error }, unfinished))

  const rounds = setInterval(() => void dispatcher.round().catch(() => undefined), roundMs)
  const unsubscribe = await store.notifications.subscribe(arrivals, (app) => {
    dispatcher.arrive(app).catch((error: unknown) => log.error({ app, error }, unfinished))
  })
  await dispatcher.round()

  return {
    stop: async (graceMs) => {
      clearInterval(rounds)
      unsubscribe()
      const late = setTimeout(() => stopping.abort(), graceMs)
      await Promise.all([worker.close(), dispatcher.rest()]).finally(() => clearTimeout(late))
      await queue.close()
    },
  }
}

/** Removes what a dead worker left of operations that nobody will carry out. */
async function removeLeftFiles(config: Config, store: Store): Promise<void> {
  const apps = await store.operations.pendingApps()
  const pending = (await Promise.all(apps.map((app) => store.operations.pending(app)))).flat()
  await removeStraySources(config, new Set(pending.map(({ id }) => id)))
  // the names first: a log that is begun meanwhile has an operation that is not among them
  await removeStrayLogs(config, await store.operations.ids())
}

/** Writes to the log of an operation that is not being carried out. */
async function logOnly(config: Config, store: Store, id: string, write: (log: OperationLog) => void): Promise<void> {
  const log = await OperationLog.open(config, store, id)
  write(log)
  await log.close()
}
