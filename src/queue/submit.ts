import type { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import type { Change } from '../changes/index.js'
import type { App } from '../store/apps.js'
import { arrivals, type Asker, type Operation } from '../store/operations.js'
import type { Store } from '../store/store.js'

/**
 * The BullMQ queue of wake-ups. A job says "look at this app's pending operations" and nothing else. Its name is that of its keys
 * in Redis, from when an operation was called a deploy: while one Berth takes over from another, both must use the same.
 */
export const queueName = 'deploys'

export interface WakeUp {
  /** App id. */
  readonly app: string
}

const queues = new WeakMap<Redis, Promise<Queue<WakeUp>>>()

/** The queue, over that connection. BullMQ is loaded at the first use: 14 MB that an idle API does without. */
export function wakeUps(redis: Redis): Promise<Queue<WakeUp>> {
  const queue = queues.get(redis) ?? openQueue(redis)
  queues.set(redis, queue)
  return queue
}

async function openQueue(redis: Redis): Promise<Queue<WakeUp>> {
  const { Queue } = await import('bullmq')
  const queue = new Queue<WakeUp>(queueName, { connection: redis, skipVersionCheck: true })
  queue.on('error', () => undefined) // its commands carry their own errors
  return queue
}

/** Asks the worker to look at an app. One active and one waiting job an app are enough, however many changes there are. */
export async function wake(redis: Redis, app: string): Promise<void> {
  const queue = await wakeUps(redis)
  await queue.add(
    'look',
    { app },
    { deduplication: { id: app, keepLastIfActive: true }, removeOnComplete: true, removeOnFail: true },
  )
}

export interface SubmitOptions {
  /** The operation's, where its files are there already. */
  readonly id?: string
  /** Who asks; null is Berth itself. */
  readonly by?: Asker | null
}

/**
 * Records a change to an app for the worker to carry out after those before it. Durable when it resolves: a wake-up that
 * does not arrive is made good by the worker, which hears of every new operation and makes rounds.
 *
 * A worker that listens now has heard, or looks at all there is since it does (worker.ts): a job for BullMQ, which writes to the
 * disk six times for one, would only keep Redis from answering while the operation begins.
 */
export async function submit(
  store: Store,
  app: App,
  change: Change,
  { id, by = null }: SubmitOptions = {},
): Promise<Operation> {
  const operation = await store.operations.create(app.id, change, id, by)
  await workerListens(store.redis)
    .then((listens) => (listens ? undefined : wake(store.redis, app.id)))
    .catch(() => undefined)
  return operation
}

async function workerListens(redis: Redis): Promise<boolean> {
  const [, count] = (await redis.pubsub('NUMSUB', arrivals)) as [string, number]
  return count > 0
}
