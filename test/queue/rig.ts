import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type RequestListener } from 'node:http'
import { Readable } from 'node:stream'
import { listenOn } from '../../src/api/listen.js'
import { loadConfig, type Config } from '../../src/config.js'
import { connectEngine } from '../../src/engine-client/client.js'
import { createLog } from '../../src/log.js'
import { Semaphore } from '../../src/lib/semaphore.js'
import { Hooks } from '../../src/plugins/hooks.js'
import type { OperationDeps } from '../../src/queue/deps.js'
import { wakeUps } from '../../src/queue/submit.js'
import type { Scheduler } from '../../src/scheduler/scheduler.js'
import type { App } from '../../src/store/apps.js'
import { firstRelease } from '../../src/store/releases.js'
import { openStore, type Store } from '../../src/store/store.js'
import { startRedis, type RedisChild } from '../redis.js'

/** A store over a real Redis; workers are what the tests are about. */
export interface QueueRig extends AsyncDisposable {
  readonly config: Config
  readonly store: Store
  readonly redis: RedisChild
  /** An app as after its first push: v2, with an image. */
  app(name: string): Promise<App>
}

export async function queueRig(): Promise<QueueRig> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-queue-'))
  const config = loadConfig({ BERTH_ROOT: join(dir, 'root'), BERTH_RUN: join(dir, 'run'), BERTH_DEPLOYS: '2' })
  const redis = await startRedis(config)
  const store = await openStore(config)
  return {
    config,
    store,
    redis,
    async app(name) {
      const app = await store.apps.create(name)
      await store.releases.put(firstRelease(app.id))
      await store.releases.put({ ...firstRelease(app.id), version: 2, image: 'sha256:1', processTypes: { web: null } })
      return store.apps.update(app.id, { current: 2 })
    },
    async [Symbol.asyncDispose]() {
      await store.notifications.close()
      await (await wakeUps(store.redis)).close()
      store.redis.disconnect()
      await redis[Symbol.asyncDispose]()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** The part of a scheduler that looks at what runs, where nothing does. */
export const unobserved: Pick<Scheduler, 'attach' | 'detach' | 'detached' | 'processes' | 'logs' | 'runChecks'> = {
  attach: () => Promise.reject(new Error('nothing runs here')),
  detach: () => Promise.reject(new Error('nothing runs here')),
  detached: () => Promise.resolve([]),
  processes: () => Promise.resolve([]),
  logs: () => Readable.from([]),
  runChecks: () => Promise.resolve([]),
}

/** A scheduler without containers: it does what `rollOut` says. */
export const schedulerOf = (rollOut: Scheduler['rollOut']): Scheduler => ({
  rollOut,
  isRolledOut: () => Promise.resolve(false),
  restart: () => Promise.resolve(),
  startCanary: () => Promise.resolve(),
  runOnce: () => Promise.resolve(0),
  ...unobserved,
  remove: () => Promise.resolve(),
  refreshRoute: () => Promise.resolve(),
  start: () => Promise.resolve(),
  stop: () => Promise.resolve(),
})

/** Hooks of an instance without plugins. */
export const hooksOf = ({ root }: Config): Hooks => new Hooks({ root, plugins: { running: () => Promise.resolve([]) } })

/** Links of an instance without services. */
export const noLinks: OperationDeps['services'] = {
  link: () => Promise.reject(new Error('there are no services')),
  rotate: () => Promise.reject(new Error('there are no services')),
  remaining: () => Promise.resolve({}),
  unlink: () => Promise.resolve(),
  unlinkAll: () => Promise.resolve(),
}

/** What running an operation takes: over the rig's store, with a scheduler without containers unless another is given. */
export const depsOf = ({ config, store }: QueueRig, given: Partial<OperationDeps> = {}): OperationDeps => ({
  ...{ config, store, engine: connectEngine(config), scheduler: schedulerOf(() => Promise.resolve()) },
  hooks: hooksOf(config),
  services: noLinks,
  ...{ log: createLog('test', { level: 'silent' }), builds: new Semaphore(1), changes: new Semaphore(1), ...given },
})

/** Runs a task while an engine answers as the listener does, on the socket of the rig. */
export async function withEngine(
  { config }: QueueRig,
  listener: RequestListener,
  task: () => Promise<void>,
): Promise<void> {
  const server = createServer(listener)
  await listenOn(server, config.engineSocket)
  try {
    await task()
  } finally {
    server.close().closeAllConnections()
    await rm(config.engineSocket, { force: true })
  }
}
