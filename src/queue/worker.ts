import { Worker } from 'bullmq'
import { arrivals } from '../store/deploys.js'
import { redisOptions } from '../store/connection.js'
import { messageOf } from '../errors.js'
import { Mutex } from '../scheduler/mutex.js'
import { Bell } from './bell.js'
import { carryOut } from './carry-out.js'
import { choose } from './choose.js'
import { removeSource, removeStraySources } from './files.js'
import { queueName, wake, wakeUps, type WakeUp } from './submit.js'
import type { Workshop } from './workshop.js'

/** Pending deploys are looked for this often, in case a wake-up was lost. Milliseconds. */
const roundMs = 15_000

/** The one worker of an instance. */
export interface DeployWorker {
  /**
   * Takes no new deploy, gives those under way `graceMs` to end, then interrupts them: they stay pending, and the next
   * worker carries on.
   */
  stop(graceMs: number): Promise<void>
}

/**
 * Carries out pending deploys: one at a time of an app, in order, `config.deploys` at once over all apps. Begins with those
 * a dead worker left.
 */
export async function startWorker(shop: Workshop): Promise<DeployWorker> {
  const { store, config, log } = shop
  const stopping = new AbortController()
  const stopped = (): boolean => stopping.signal.aborted
  /** App id -> deploy id. */
  const running = new Map<string, string>()
  const mutex = new Mutex()

  /**
   * Tells waiting pushes that a newer one has come. With `claim` it answers with the deploy that is next and marks it
   * running in the same turn: a push that arrives a moment later is then judged beside it, neither overlooked nor put in
   * its place.
   */
  const look = (app: string, claim = false) =>
    mutex.run(app, async () => {
      const { next, superseded } = choose(await store.deploys.pending(app), running.get(app) ?? null)
      for (const { id } of superseded) {
        await store.deploys.update(id, { status: 'superseded', failure: 'superseded by a newer push' })
        await removeSource(config, id)
      }
      if (claim && next && !stopped()) running.set(app, next.id)
      return next
    })

  const work = async (app: string): Promise<void> => {
    for (;;) {
      const next = await look(app, true)
      if (!next || running.get(app) !== next.id) return
      try {
        await carryOut(shop, next, stopping.signal)
      } finally {
        running.delete(app)
      }
    }
  }

  // There is one worker, and it is this one: whatever BullMQ thinks is active belongs to a dead one, and jobs hold nothing
  // that the pending lists do not. Waiting for a stalled job's lock to run out would cost a minute.
  const queue = await wakeUps(store.redis)
  await queue.obliterate({ force: true })
  const ids = await Promise.all((await store.deploys.pendingApps()).map((app) => store.deploys.pending(app)))
  await removeStraySources(config, new Set(ids.flat().map(({ id }) => id)))

  const worker = new Worker<WakeUp>(queueName, ({ data: { app } }) => work(app), {
    connection: redisOptions(config, true),
    concurrency: config.deploys,
    lockDuration: 60_000,
    maxStalledCount: 1,
    skipVersionCheck: true,
  })
  worker.on('error', (error) => log.warn({ error: messageOf(error) }, 'queue'))
  worker.on('failed', (job, error) => log.error({ app: job?.data.app, error }, 'deploys of an app not carried out'))

  const round = async (): Promise<void> => {
    for (const app of await store.deploys.pendingApps())
      if (!running.has(app) && (await store.deploys.pending(app)).length > 0) await wake(store.redis, app)
  }
  const rounds = setInterval(() => void round().catch(() => undefined), roundMs)
  const deaf = await (
    await Bell.of(store)
  ).listen(arrivals, (app) => {
    const looking = app === '' ? [round()] : [look(app), ...(running.has(app) ? [] : [wake(store.redis, app)])]
    Promise.all(looking).catch((error: unknown) => log.warn({ error: messageOf(error) }, 'arrivals'))
  })
  await round()

  return {
    stop: async (graceMs) => {
      clearInterval(rounds)
      deaf()
      const late = setTimeout(() => stopping.abort(), graceMs)
      await worker.close().finally(() => clearTimeout(late))
      await queue.close()
    },
  }
}
