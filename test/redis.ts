import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Config } from '../src/config.js'
import { openStore } from '../src/store/store.js'
import { redisArgs } from '../src/serve/redis.js'

export interface RedisChild extends AsyncDisposable {
  /** Ends it as a crash would; what was acknowledged is on disk. */
  kill(): Promise<void>
  start(): Promise<void>
}

/** The instance's own redis-server, as `berth serve` runs it. Resolves when it answers. */
export async function startRedis(config: Config): Promise<RedisChild> {
  await mkdir(dirname(config.redisSocket), { recursive: true })
  await mkdir(join(config.root, 'redis'), { recursive: true })
  // what it has answered outlives its death by a signal; only a machine that loses power would lose it
  const args = [...redisArgs(config), '--appendfsync', 'no']
  const launch = async () => {
    const child = spawn('redis-server', args, { stdio: 'ignore' })
    await once(child, 'spawn')
    const store = await openStore(config)
    await store[Symbol.asyncDispose]()
    return child
  }
  let child = await launch()
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  return {
    kill,
    start: async () => {
      child = await launch()
    },
    [Symbol.asyncDispose]: kill,
  }
}
