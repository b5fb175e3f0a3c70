/**
 * What cron costs, and how late it is: 200 entries over 50 apps, over a Redis of its own, with runs that do nothing (what a container
 * takes to start is `bench:run`'s). `npm run bench:cron [-- --idle 30 --minutes 1]`: the processor time of a process that waits for
 * so many seconds, less what it takes without cron; then so many minutes in which each entry is due at every one.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { loadConfig } from '../src/config.js'
import { startCron } from '../src/cron/cron.js'
import { createLog } from '../src/log.js'
import type { Detached, Scheduler } from '../src/scheduler/scheduler.js'
import { openStore } from '../src/store/store.js'
import { startRedis } from '../test/redis.js'
import { median, quantile, table } from './figures.js'

const { values: asked } = parseArgs({
  options: { idle: { type: 'string', default: '30' }, minutes: { type: 'string', default: '1' } },
})
const [apps, entries] = [50, 4]
const limits = { core: 1, late: 1000 }

const dir = await mkdtemp(join(tmpdir(), 'berth-bench-'))
const config = loadConfig({ BERTH_ROOT: join(dir, 'root'), BERTH_RUN: join(dir, 'run') })
const redis = await startRedis(config)
const store = await openStore(config)

/** How late each run was handed to the engine, in ms. */
const late: number[] = []
const scheduler: Pick<Scheduler, 'detach' | 'detached'> = {
  detach: (app, _, { run }) => {
    late.push(Date.now() % 60_000)
    const ended: Detached = {
      ...{ app: app.id, run },
      follow: () => Promise.resolve({ code: 0, words: 'ended (code 0)', finishedAt: new Date().toISOString() }),
      stop: () => Promise.resolve(),
      remove: () => Promise.resolve(),
    }
    return Promise.resolve(ended)
  },
  detached: () => Promise.resolve([]),
}

for (let app = 0; app < apps; app += 1) {
  const { id } = await store.apps.create(`app${String(app)}`)
  const cron = Array.from({ length: entries }, (_, at) => ({ schedule: '* * * * *', command: `task ${String(at)}` }))
  await store.releases.update(id, 1, { image: 'sha256:0', cron })
}

/** Processor time of this process while it waits, in percent of a core; not over the turn of a minute. */
async function idle(seconds: number): Promise<number> {
  const left = 60_000 - (Date.now() % 60_000)
  if (left < seconds * 1000 + 5_000) await sleep(left + 5_000)
  const before = process.cpuUsage()
  await sleep(seconds * 1000)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / (seconds * 10_000)
}

const without = await idle(Number(asked.idle))
const cron = await startCron({ config, store, scheduler, log: createLog('bench', { level: 'silent' }) })
const waiting = await idle(Number(asked.idle))
const before = late.length
const from = process.cpuUsage()
const minutes = Number(asked.minutes)
await sleep(60_000 - (Date.now() % 60_000) + (minutes - 1) * 60_000 + 10_000)
const { user, system } = process.cpuUsage(from)
const starts = late.slice(before)
const last = quantile(starts, 1)
console.log(
  table([
    [`${String(apps * entries)} entries`, 'value', 'at most'],
    ['waits, without cron, % of a core', without.toFixed(3), ''],
    ['waits, % of a core', waiting.toFixed(3), String(limits.core)],
    ['begins, median, ms after the minute', median(starts), ''],
    ['begins, last, ms after the minute', last, String(limits.late)],
    ['a run, ms of processor time', (user + system) / 1000 / Math.max(starts.length, 1), ''],
  ]),
)
await cron.stop()
await store[Symbol.asyncDispose]()
await redis[Symbol.asyncDispose]()
await rm(dir, { recursive: true, force: true })
const whole = starts.length === apps * entries * minutes
if (!whole) console.log(`${String(starts.length)} runs began, not ${String(apps * entries * minutes)}`)
const good = whole && waiting <= limits.core && last <= limits.late
console.log(good ? 'within its limits' : 'MORE than its limits')
process.exitCode = good ? 0 : 1
