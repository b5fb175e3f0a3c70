import { BerthError } from '../errors.js'
import type { Config } from '../config.js'
import { Semaphore } from '../lib/semaphore.js'
import type { App } from '../store/apps.js'
import type { Store } from '../store/store.js'
import type { AppEngine } from './app-engine.js'
import { checksOf, describeAsk } from './checks.js'
import { oneOffType } from './desired.js'
import { perform } from './perform.js'
import type { CheckResult } from './scheduler.js'
import { canaryReleaseOf, Wanted } from './wanted.js'

/** What doing checks needs. */
export interface RunChecksDeps {
  readonly config: Config
  readonly store: Store
  readonly engine: AppEngine
}

/** Checks that are done at once. */
const atOnce = 8

/** See `Scheduler.runChecks`. */
export async function runChecks(
  { config, store, engine }: RunChecksDeps,
  app: App,
  process: string | null,
  signal: AbortSignal,
): Promise<CheckResult[]> {
  const wanted = new Wanted(app, await store.releases.current(app), await canaryReleaseOf(store, app))
  const running = ((await engine.list(app.id)).get(app.id) ?? []).filter(
    (one) => one.running && one.type !== oneOffType && [one.process, one.type, null].includes(process),
  )
  if (running.length === 0)
    throw new BerthError(
      'missing',
      process === null ? `${app.name} runs nothing to check` : `${app.name} runs no process "${process.slice(0, 80)}"`,
      'run `berth ps` to see what runs',
    )
  const semaphore = new Semaphore(atOnce)
  const tasks = running
    .sort((a, b) => a.process.localeCompare(b.process, 'en', { numeric: true }))
    .flatMap((one) => {
      const release = wanted.releaseOf(one)
      if (!release) return []
      const { startup, readiness, liveness } = checksOf(app, release, one.type)
      return [...startup, ...readiness, ...liveness].map((check) => ({ one, check }))
    })
  return Promise.all(
    tasks.map(({ one, check }) =>
      semaphore.run(async () => {
        const target = { id: one.id, address: one.address, hostname: config.appHost(app.name) }
        const began = Date.now()
        const { passed, said } = await perform(check, target, engine, signal)
        const ms = Date.now() - began
        return { process: one.process, phase: check.phase, asks: describeAsk(check), passed, said, ms }
      }),
    ),
  )
}
