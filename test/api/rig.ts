import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient, type ApiClient } from '../../src/api/client.js'
import { connectPlatform } from '../../src/api/connect.js'
import { listenOn } from '../../src/api/listen.js'
import { createApiServer } from '../../src/api/server.js'
import { loadConfig, type Config } from '../../src/config.js'
import { connectEngine } from '../../src/engine-client/client.js'
import { DiskMeter } from '../../src/disk/meter.js'
import { wakeUps } from '../../src/queue/submit.js'
import { startWorker } from '../../src/queue/worker.js'
import { Syncing } from '../../src/git/sync/syncing.js'
import type { Scheduler } from '../../src/scheduler/scheduler.js'
import type { App } from '../../src/store/apps.js'
import { firstRelease } from '../../src/store/releases.js'
import { openStore, type Store } from '../../src/store/store.js'
import { createLog } from '../../src/log.js'
import { hooksOf, noLinks, unobserved } from '../queue/rig.js'
import { startRedis, type RedisChild } from '../redis.js'
import { freePort } from '../free.js'

/**
 * A control API on real sockets, over a real Redis and the real queue. Only what would need containers is not there: the
 * scheduler does nothing, unless `rollOut` says otherwise, and the engine knows every image.
 */
export interface Rig extends AsyncDisposable {
  readonly config: Config
  readonly store: Store
  readonly redis: RedisChild
  readonly token: string
  /** `http://berth.localhost:<port>`, also `config.url`. */
  readonly url: string
  readonly client: ApiClient
  /** What the scheduler does with a release. */
  rollOut: Scheduler['rollOut']
  /** An app that was pushed once: v2 with an image, `web` and `worker`. */
  pushed(name: string): Promise<App>
  /** A raw request, as curl would send it. */
  fetch(path: string, init?: RequestInit & { token?: string | null }): Promise<Response>
}

/** Answers as an engine that has every image and no containers. */
const engineOf = (): Server =>
  createServer((request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(request.url?.includes('/containers/json') ? '[]' : '{"Id":"sha256:0"}')
  })

/** What a test puts in place of the scheduler that does nothing; the store is the worker's. */
export type SchedulerOf = (at: { readonly config: Config; readonly store: Store }) => Promise<Partial<Scheduler>>

export async function openRig(
  schedulerOf: SchedulerOf = () => Promise.resolve({}),
  settings: Readonly<Record<string, string>> = {},
): Promise<Rig> {
  const undo: (() => unknown)[] = []
  const dispose = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  try {
    return await open(undo, dispose, { schedulerOf, settings })
  } catch (error) {
    await dispose()
    throw error
  }
}

async function open(
  undo: (() => unknown)[],
  dispose: () => Promise<void>,
  { schedulerOf, settings }: { readonly schedulerOf: SchedulerOf; readonly settings: Readonly<Record<string, string>> },
): Promise<Rig> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-api-'))
  undo.push(() => rm(dir, { recursive: true, force: true }))
  const port = await freePort()
  const config = loadConfig({
    BERTH_ROOT: join(dir, 'root'),
    BERTH_RUN: join(dir, 'run'),
    BERTH_HTTP_PORT: String(port),
    ...settings,
  })
  const log = createLog('test', { level: 'silent' })
  const redis = await startRedis(config)
  undo.push(() => redis.kill())

  const engine = engineOf()
  await listenOn(engine, config.engineSocket)
  undo.push(() => engine.close(() => undefined).closeAllConnections())

  // the worker and the api are processes of their own, with connections of their own
  const workerStore = await openStore(config)
  const apiStore = await openStore(config, false)
  undo.push(async () => {
    await workerStore.notifications.close().catch(() => undefined)
    await apiStore.notifications.close().catch(() => undefined)
    workerStore.redis.disconnect()
    apiStore.redis.disconnect()
  })

  const closing = new AbortController()
  const syncing = new Syncing({ config, store: apiStore, log })
  undo.push(() => syncing.close())
  const meter = new DiskMeter(
    () => Promise.resolve({ config, store: apiStore, engine: connectEngine(config) }),
    undefined,
  )
  const server = createApiServer(
    connectPlatform(config, apiStore, closing.signal, { syncing, meter }),
    () => false,
    log,
  )
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  undo.push(() => {
    closing.abort()
    server.close()
    server.closeAllConnections()
  })

  const token = (await apiStore.tokens.create('rig')).reveal()
  const nothing = (): Promise<void> => Promise.resolve()
  const rig: Rig = {
    config,
    store: apiStore,
    redis,
    token,
    url: config.url,
    client: createClient({ url: config.url, token }),
    rollOut: nothing,
    pushed: async (name) => {
      const app = await apiStore.apps.create(name)
      const first = firstRelease(app.id)
      await apiStore.releases.put(first)
      await apiStore.releases.put({
        ...first,
        version: 2,
        description: 'Deploy 1a2b3c4',
        image: 'sha256:0',
        commit: '1a2b3c4d'.repeat(5),
        processTypes: { web: 'node server.js', worker: 'node worker.js', release: 'node migrate.js' },
        formation: {
          web: { quantity: 1, memory: 2 ** 29, cpus: 1 },
          worker: { quantity: 0, memory: 2 ** 29, cpus: 1 },
        },
      })
      return apiStore.apps.update(app.id, { current: 2 })
    },
    fetch: (path, { token: other = token, ...init } = {}) =>
      fetch(`http://127.0.0.1:${String(port)}${path}`, {
        ...init,
        headers: other === null ? {} : { authorization: `Bearer ${other}` },
      }),
    [Symbol.asyncDispose]: dispose,
  }
  const scheduler: Scheduler = {
    rollOut: (...args) => rig.rollOut(...args),
    isRolledOut: () => Promise.resolve(false),
    restart: (app, release, _process, options) => rig.rollOut(app, release, options),
    startCanary: async (app, _release, canary) => {
      await workerStore.apps.update(app.id, { canary })
    },
    runOnce: () => Promise.resolve(0),
    ...unobserved,
    remove: nothing,
    refreshRoute: nothing,
    start: nothing,
    stop: nothing,
    ...(await schedulerOf({ config, store: workerStore })),
  }
  undo.push(() => scheduler.stop())
  const worker = await startWorker({
    config,
    hooks: hooksOf(config),
    services: noLinks,
    store: workerStore,
    engine: connectEngine(config),
    scheduler,
    log,
  })
  undo.push(async () => {
    await worker.stop(1_000)
    await (await wakeUps(apiStore.redis)).close()
  })
  return rig
}
