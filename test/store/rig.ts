import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig, type Config } from '../../src/config.js'
import { openStore, type Store } from '../../src/store/store.js'
import { startRedis } from '../redis.js'

/** Two processes' stores over one real Redis. */
export interface StoreRig extends AsyncDisposable {
  readonly config: Config
  readonly store: Store
  readonly other: Store
}

export async function storeRig(): Promise<StoreRig> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-store-'))
  const config = loadConfig({ BERTH_ROOT: join(dir, 'root'), BERTH_RUN: join(dir, 'run') })
  const redis = await startRedis(config)
  const [store, other] = [await openStore(config), await openStore(config)]
  return {
    config,
    store,
    other,
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
