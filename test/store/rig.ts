import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig, type Config } from '../../src/config.js'
import type { Target } from '../../src/store/routes.js'
import { openStore, type Store } from '../../src/store/store.js'
import { startRedis } from '../redis.js'

/** Two processes' stores over one real Redis. */
export interface StoreRig extends AsyncDisposable {
  readonly config: Config
  readonly store: Store
  readonly other: Store
  /** Leads the hostname that an app has by now to these processes; the version is 0 when the app is gone. */
  lead(app: string, targets: readonly Target[]): Promise<number>
}

/** For what has to hold however two processes get in each other's way. */
export const rounds = Array.from({ length: 50 }, (_, index) => index)

export const target: Target = { id: 'c1', process: 'web.1', host: '10.0.0.1', port: 5000 }

export async function storeRig(): Promise<StoreRig> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-store-'))
  const config = loadConfig({ BERTH_ROOT: join(dir, 'root'), BERTH_RUN: join(dir, 'run') })
  const redis = await startRedis(config)
  const [store, other] = [await openStore(config), await openStore(config)]
  return {
    config,
    store,
    other,
    lead: (app, targets) =>
      other.routes.change(app, async () => {
        const now = await other.apps.find(app)
        return now && { name: now.name, hosts: [config.appHost(now.name)], targets }
      }),
    async [Symbol.asyncDispose]() {
      store.redis.disconnect()
      other.redis.disconnect()
      await redis[Symbol.asyncDispose]()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** What each of several promises was refused with; null is not. */
export const refusals = async (all: readonly Promise<unknown>[]): Promise<(string | null)[]> =>
  (await Promise.allSettled(all)).map((one) => (one.status === 'rejected' ? (one.reason as Error).message : null))
