import { shareOf } from '../changes/canary.js'
import type { Canary } from '../store/canaries.js'
import type { Release } from '../store/releases.js'
import type { OperationDeps } from './deps.js'
import type { OperationRun } from './run.js'

/** Has a release, already stored, be the canary of an app. Safe to repeat. @throws BerthError in words; the app is as it was */
export async function startCanary(
  { scheduler }: Pick<OperationDeps, 'scheduler'>,
  { app, log, signal }: OperationRun,
  release: Release,
  canary: Canary,
): Promise<void> {
  log.step(`Launching v${String(release.version)} beside v${String(app.current)}...`)
  await scheduler.startCanary(app, release, canary, { log: (line) => log.detail(line), signal })
  log.detail(`v${String(release.version)} gets ${shareOf(canary)}; the rest stays with v${String(app.current)}`)
  log.detail('`berth canary` says how it does, `berth canary:promote` gives it all, `berth canary:off` ends it')
}
