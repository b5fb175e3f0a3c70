import { Redis, type RedisOptions } from 'ioredis'
import type { Config } from '../config.js'

/**
 * Options for a connection to the instance's own Redis. It reconnects for ever; `patient` connections (workers,
 * subscribers) hold commands until then, the others fail at once so that a request gets an honest 503.
 */
export const redisOptions = (config: Config, patient: boolean) =>
  ({
    path: config.redisSocket,
    maxRetriesPerRequest: patient ? null : 1,
    enableOfflineQueue: patient,
    retryStrategy: (attempt: number) => Math.min(attempt * 20, 500),
  }) satisfies RedisOptions

/** Connects and waits until Redis is ready; a `patient` connection waits as long as it takes. */
export async function connectRedis(config: Config, patient = true): Promise<Redis> {
  const redis = new Redis({ ...redisOptions(config, patient), lazyConnect: true })
  redis.on('error', () => undefined) // reconnecting is ioredis's business; commands carry their own errors
  await redis.connect().catch(async (cause: unknown) => {
    if (!patient) throw cause
    await new Promise<void>((resolve) => redis.once('ready', resolve))
  })
  return redis
}
