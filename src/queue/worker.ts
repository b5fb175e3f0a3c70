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

/** The one worker of an instance. */
export interface DeployWorker {
  /**
   * Takes no new operation, gives those under way `graceMs` to end, then interrupts them: they stay pending, and the next
   * worker carries on.
   */
  stop(graceMs: number): Promise<void>
}

/**
 * Carries out pending operations: one at a time of an app, in order; over all apps, so many builds and so many other changes
 * at once as the settings say. Begins with those a dead worker left.
 */
export async function startWorker(given: Omit<OperationDeps, 'builds' | 'changes'>): Promise<DeployWorker> {
  const { store, config, log } = given
  const deps: OperationDeps = { ...given, builds: new Semaphore(config.builds), changes: new Semaphore(config.changes) }
  const stopping = new AbortController()
  const stopped = (): boolean => stopping.signal.aborted
  /** App id -> the operation being carried out. */
  const running = new Map<string, { readonly id: string; readonly cancel: AbortController }>()
  const mutex = new KeyedMutex()

  /**
   * Ends what was cancelled, and tells waiting pushes that a newer one has come. With `claim` it answers with the operation that is next and marks it
   * running in the same turn: a push that arrives a moment later is then judged beside it, neither overlooked nor put in
   * its place.
   */
  const look = (app: string, claim = false) =>
    mutex.run(app, async () => {
      const pending = await store.operations.pending(app)
      const now = running.get(app)
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
        await tellBehind(pending, now.id)
      }
      if (!claim || !next || now || stopped()) return null
      const mine = { id: next.id, cancel: new AbortController() }
      running.set(app, mine)
      interrupt(pending, mine)
      return { operation: next, cancel: mine.cancel.signal }
    })

  /** Ids of operations whose log says what they wait for. */
  const told = new Set<string>()
  /** Tells changes of an app that its build goes first; git has told pushes. */
  const tellBehind = async (pending: readonly Operation[], now: string): Promise<void> => {
    const build = pending.filter(isBuild).find(({ id }) => id === now)
    if (!build) return
    const behind = pending.filter((one) => one.id !== now && !isBuild(one) && one.status === 'queued')
    for (const { id } of behind) {
      if (told.has(id)) continue
      told.add(id)
      const what = `the build of ${build.change.commit.slice(0, 7)} to end; \`berth builds:cancel\` ends it sooner`
      await logOnly(config, store, id, (log) => log.step(`Waiting for ${what}`))
    }
  }

  const interrupt = (pending: readonly Operation[], { id, cancel }: { id: string; cancel: AbortController }): void => {
    const reason = reasonToEnd(pending, id)
    if (reason !== null) cancel.abort(new BerthError('conflict', reason))
  }

  const work = async (app: string): Promise<void> => {
    for (;;) {
      const next = await look(app, true)
      if (!next) return
      try {
        await runOperation(deps, next.operation, { stopping: stopping.signal, cancel: next.cancel })
      } finally {
        running.delete(app)
        told.delete(next.operation.id)
      }
    }
  }

  // There is one worker, and it is this one: whatever BullMQ thinks is active belongs to a dead one, and jobs hold nothing
  // that the pending lists do not. Waiting for a stalled job's lock to run out would cost a minute.
  const queue = await wakeUps(store.redis)
  await queue.obliterate({ force: true })
  const ids = await Promise.all((await store.operations.pendingApps()).map((app) => store.operations.pending(app)))
  await removeStraySources(config, new Set(ids.flat().map(({ id }) => id)))

  // the names first: a log that is begun meanwhile has an operation that is not among them
  await removeStrayLogs(config, await store.operations.ids())

  const worker = new Worker<WakeUp>(queueName, ({ data: { app } }) => work(app), {
    connection: redisOptions(config, true),
    concurrency: atOnce,
    lockDuration: 60_000,
    maxStalledCount: 1,
    skipVersionCheck: true,
  })
  worker.on('error', (error) => log.warn({ error: messageOf(error) }, 'queue'))
  worker.on('failed', (job, error) => log.error({ app: job?.data.app, error }, 'operations of an app not carried out'))

  const round = async (): Promise<void> => {
    for (const app of await store.operations.pendingApps()) {
      await look(app)
      if (!running.has(app) && (await store.operations.pending(app)).length > 0) await wake(store.redis, app)
    }
  }
  const rounds = setInterval(() => void round().catch(() => undefined), roundMs)
  const unsubscribe = await store.notifications.subscribe(arrivals, (app) => {
    const looking = app === '' ? [round()] : [look(app), ...(running.has(app) ? [] : [wake(store.redis, app)])]
    Promise.all(looking).catch((error: unknown) => log.warn({ error: messageOf(error) }, 'arrivals'))
  })
  await round()

  return {
    stop: async (graceMs) => {
      clearInterval(rounds)
      unsubscribe()
      const late = setTimeout(() => stopping.abort(), graceMs)
      await worker.close().finally(() => clearTimeout(late))
      await queue.close()
    },
  }
}

/** Writes to the log of an operation that is not being carried out. */
async function logOnly(config: Config, store: Store, id: string, write: (log: OperationLog) => void): Promise<void> {
  const log = await OperationLog.open(config, store, id)
  write(log)
  await log.close()
}
